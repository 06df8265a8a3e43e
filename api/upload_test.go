package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imageserver/api/apitest"

	"github.com/google/go-cmp/cmp"

	"imageserver/api"
	"imageserver/api/imaging/format"
)

// TestUpload checks the contract: the response has message and filename, and the name leads
// to the image.
func TestUpload(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	cat := apitest.Sample(t, "gradient.png")
	sum := sha256.Sum256([]byte(cat))
	want := apitest.Image{
		Filename:    "cat.png",
		URL:         s.URL + "/images/cat.png",
		Size:        int64(len(cat)),
		ContentType: "image/png",
		Width:       60,
		Height:      40,
		SHA256:      hex.EncodeToString(sum[:]),
	}

	before := time.Now()
	a := s.Upload(t, apitest.File("file", "cat.png", cat))
	got := a.Success(t, http.StatusCreated)
	a.WantHeader(t, "Location", want.URL)
	if after := time.Now(); got.UploadedAt.Before(before.Truncate(time.Second)) || got.UploadedAt.After(after) {
		t.Errorf("uploaded_at is %v, want %v to %v", got.UploadedAt, before, after)
	}
	want.UploadedAt, want.DeleteURL = got.UploadedAt, got.DeleteURL
	if diff := cmp.Diff(apitest.Reply{Message: "Image uploaded.", Image: want, Location: want.URL}, got, cmp.AllowUnexported(apitest.Reply{})); diff != "" {
		t.Errorf("the first time (-want +got):\n%s", diff)
	}
	s.Do(t, "GET", "/images/"+got.Filename, "", "").WantImage(t, cat)

	a = s.Upload(t, apitest.File("file", "cat.png", cat))
	got = a.Success(t, http.StatusOK)
	want.DeleteURL = "" // only the first response has it
	a.WantHeader(t, "Location", want.URL)
	if diff := cmp.Diff(apitest.Reply{Message: "This image was already here.", Image: want, Location: want.URL, Duplicate: true}, got, cmp.AllowUnexported(apitest.Reply{})); diff != "" {
		t.Errorf("the second time (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"cat.png"}, s.Stored(t)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

// TestSamples stores every sample and reads it back unchanged, whatever its name and the
// Content-Type of its part are.
func TestSamples(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	files, err := filepath.Glob("../testdata/*")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	types := map[string]string{
		".avif": "image/avif", ".bmp": "image/bmp", ".gif": "image/gif", ".heic": "image/heic", ".ico": "image/vnd.microsoft.icon",
		".jxl": "image/jxl", ".jpg": "image/jpeg", ".png": "image/png", ".svg": "image/svg+xml", ".tif": "image/tiff", ".webp": "image/webp",
	}
	for _, path := range files {
		want, ok := types[filepath.Ext(path)]
		if !ok {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := s.Upload(t, apitest.File("file", filepath.Base(path)+".txt", string(content))).Success(t, http.StatusCreated)
			if got.ContentType != want {
				t.Errorf("content_type: got %q, want %q", got.ContentType, want)
			}
			a := s.Do(t, "GET", s.Path(t, got.URL), "", "")
			a.WantImage(t, string(content))
			a.WantHeader(t, "Content-Type", want)
		})
	}
}

// TestLongComment checks that an SVG may begin with a longer comment than the server reads
// to recognize other types. A file that proves not to be an SVG is refused like any other.
func TestLongComment(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	comment := "<!--" + strings.Repeat("x", 20_000) + "-->"
	drawing := comment + apitest.Sample(t, "gradient.svg")
	if got := s.Upload(t, apitest.File("file", "post.svg", drawing)).Success(t, http.StatusCreated); got.ContentType != "image/svg+xml" || got.Width != 60 {
		t.Errorf("POST: got %+v, want an SVG 60 pixels wide", got)
	}
	s.Put(t, "/images/put.svg", comment+drawing)
	page := comment + "<html></html>"
	s.Upload(t, apitest.File("file", "post.svg", page)).Refusal(t, http.StatusUnsupportedMediaType, "not_an_image")
	s.Do(t, "PUT", "/images/page.svg", "", page).Refusal(t, http.StatusUnsupportedMediaType, "not_an_image")
	if diff := cmp.Diff([]string{"put.svg", "post.svg"}, s.Stored(t)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

// TestSeveralFiles stores several files with one request; the response has all of them.
func TestSeveralFiles(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	cat, dog, cow := apitest.Picture(t, 1, 0), apitest.Picture(t, 2, 200<<10), apitest.Picture(t, 3, 0)
	parts := []string{apitest.File("images[]", "cat.png", cat), apitest.Text("album", "pets"), apitest.File("images[]", "dog.png", dog), apitest.File("other", "cow.png", cow)}

	a := s.Upload(t, parts...)
	got := a.Success(t, http.StatusCreated)
	if got.Message != "3 images uploaded." || got.Filename != "cow.png" {
		t.Errorf("got %s, want the message to say 3 and the last file's name", a)
	}
	if diff := cmp.Diff([]string{"cat.png", "dog.png", "cow.png"}, apitest.Names(got.Images)); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	a.WantHeader(t, "Location", s.URL+"/images/cow.png")
	for i, content := range []string{cat, dog, cow} {
		s.Do(t, "GET", s.Path(t, got.Images[i].URL), "", "").WantImage(t, content)
	}

	if again := s.Upload(t, parts...).Success(t, http.StatusOK); !again.Duplicate {
		t.Errorf("all of them again: got %+v, want duplicate", again)
	}
	// One new file makes the status 201, wherever it is in the form.
	parts = append([]string{apitest.File("file", "new.png", apitest.Picture(t, 4, 0))}, parts...)
	if more := s.Upload(t, parts...).Success(t, http.StatusCreated); more.Duplicate {
		t.Errorf("one more: got %+v, want one that is not a duplicate", more)
	}
}

// TestRefusedInTheMiddle checks that the files before a refused one are stored and those
// after it are not. The response names both.
func TestRefusedInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bad    string
		status int
		code   string
	}{
		"not an image": {apitest.File("file", "notes.txt", "hello"), http.StatusUnsupportedMediaType, "not_an_image"},
		"empty":        {apitest.File("file", "notes.txt", ""), http.StatusBadRequest, "empty"},
		"too large":    {apitest.File("file", "notes.txt", apitest.Picture(t, 9, 1<<20+1)), http.StatusRequestEntityTooLarge, "too_large"},
		"damaged":      {apitest.File("file", "notes.txt", apitest.Sample(t, "gradient.png")[:20]), http.StatusUnprocessableEntity, "damaged_image"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := apitest.NewServer(t, api.Options{MaxUpload: 1 << 20})
			a := s.Upload(t,
				apitest.File("images[]", "cat.png", apitest.Picture(t, 1, 0)),
				apitest.File("images[]", "dog.png", apitest.Picture(t, 2, 0)),
				c.bad,
				apitest.File("images[]", "cow.png", apitest.Picture(t, 3, 0)))
			got := a.Refusal(t, c.status, c.code)
			if !apitest.ContainsAll(got.Message, []string{"notes.txt", "cat.png", "dog.png"}) || strings.Contains(got.Message, "cow.png") {
				t.Errorf("the message %q should name notes.txt, cat.png and dog.png", got.Message)
			}
			want := []string{"cat.png", "dog.png"}
			if diff := cmp.Diff(want, apitest.Names(got.Images)); diff != "" {
				t.Errorf("images (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"dog.png", "cat.png"}, s.Stored(t)); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlainText checks that a client which accepts plain text gets only the URLs.
func TestPlainText(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	const header = apitest.FormType + "\nAccept: text/plain"
	for _, c := range []struct {
		status int
		body   string
		want   string
	}{
		{201, apitest.Form(apitest.File("file", "my cat.png", apitest.Picture(t, 1, 0))), s.URL + "/images/my%20cat.png\n"},
		{200, apitest.Form(apitest.File("file", "my cat.png", apitest.Picture(t, 1, 0))), s.URL + "/images/my%20cat.png\n"},
		{201, apitest.Form(apitest.File("a", "dog.png", apitest.Picture(t, 2, 0)), apitest.File("b", "cow.png", apitest.Picture(t, 3, 0))), s.URL + "/images/dog.png\n" + s.URL + "/images/cow.png\n"},
	} {
		a := s.Do(t, "POST", "/upload", header, c.body).Want(t, c.status)
		a.WantHeader(t, "Content-Type", "text/plain; charset=UTF-8")
		if a.Body != c.want {
			t.Errorf("got %q, want %q", a.Body, c.want)
		}
	}
	s.Do(t, "POST", "/upload", header, apitest.Form()).Refusal(t, http.StatusBadRequest, "no_file")
}

// TestConflict uploads other bytes under a name that exists.
func TestConflict(t *testing.T) {
	t.Parallel()
	first, second := apitest.Picture(t, 1, 0), apitest.Picture(t, 2, 0)
	for name, c := range map[string]struct {
		query    string
		status   int
		code     string
		filename string
		standing string // the content of cat.png afterwards
	}{
		"nothing said": {"", 201, "", "cat-2.png", first},
		"empty":        {"?conflict=", 201, "", "cat-2.png", first},
		"rename":       {"?conflict=rename", 201, "", "cat-2.png", first},
		"replace":      {"?conflict=replace", 201, "", "cat.png", second},
		"error":        {"?conflict=error", 409, "exists", "", first},
		"nonsense":     {"?conflict=ask", 400, "bad_conflict", "", first},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := apitest.NewServer(t, api.Options{})
			s.Put(t, "/images/cat.png", first)
			body := apitest.Form(apitest.File("file", "cat.png", second))
			a := s.Do(t, "POST", "/upload"+c.query, apitest.FormType, body)
			if c.code != "" {
				if got := a.Refusal(t, c.status, c.code); c.status == 409 && !strings.Contains(got.Message, "cat.png") {
					t.Errorf("the message %q should name the file", got.Message)
				}
			} else {
				got := a.Success(t, c.status)
				if got.Filename != c.filename {
					t.Errorf("filename: got %q, want %q", got.Filename, c.filename)
				}
				s.Do(t, "GET", s.Path(t, got.URL), "", "").WantImage(t, second)
				again := s.Do(t, "POST", "/upload"+c.query, apitest.FormType, body).Success(t, http.StatusOK)
				if !again.Duplicate || again.Filename != c.filename {
					t.Errorf("the same again: got %+v, want a duplicate of %s", again, c.filename)
				}
			}
			s.Do(t, "GET", "/images/cat.png", "", "").WantImage(t, c.standing)
		})
	}
}

// TestLimit checks that --max-upload limits the file to the byte, and does not count the
// rest of the form.
func TestLimit(t *testing.T) {
	t.Parallel()
	const limit = 100_000
	s := apitest.NewServer(t, api.Options{MaxUpload: limit})
	for _, c := range []struct {
		size   int
		status int
	}{
		{limit - 1, 201},
		{limit, 201},
		{limit + 1, 413},
		{limit * 3, 413},
	} {
		content := apitest.Picture(t, uint64(c.size), c.size)
		for way, send := range map[string]func() apitest.Answer{
			"POST": func() apitest.Answer {
				return s.Upload(t, apitest.Text("padding", content), apitest.File("file", "p.png", content))
			},
			"POST, chunked": func() apitest.Answer {
				return s.Send(t, "POST", "/upload", apitest.FormType, apitest.Chunked(apitest.Form(apitest.File("file", "q.png", content))))
			},
			"PUT": func() apitest.Answer { return s.Do(t, "PUT", "/images/r.png", "If-None-Match: *", content) },
			"PUT, chunked": func() apitest.Answer {
				return s.Send(t, "PUT", "/images/s.png", "If-None-Match: *", apitest.Chunked(content))
			},
		} {
			a := send()
			if a.Status != c.status {
				t.Errorf("%s of %d bytes: got %s, want %d", way, c.size, a, c.status)
			} else if c.status == 413 && !strings.Contains(a.Refusal(t, 413, "too_large").Message, "98 KiB") {
				t.Errorf("%s of %d bytes: %s should name the limit", way, c.size, a)
			}
		}
		for _, name := range s.Stored(t) {
			s.Do(t, "DELETE", "/images/"+name, "", "").Want(t, http.StatusNoContent)
		}
	}
}

// TestAllow checks that types missing from --allow are refused, and that the message lists
// the accepted ones.
func TestAllow(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Allow: []format.Type{format.JPEG, format.PNG}})
	s.Upload(t, apitest.File("file", "a.jpg", apitest.Sample(t, "gradient.jpg"))).Want(t, http.StatusCreated)
	s.Upload(t, apitest.File("file", "a.png", apitest.Sample(t, "gradient.png"))).Want(t, http.StatusCreated)
	for _, a := range []apitest.Answer{
		s.Upload(t, apitest.File("file", "a.png", apitest.Sample(t, "gradient.gif"))),
		s.Do(t, "PUT", "/images/b.png", "", apitest.Sample(t, "gradient.svg")),
	} {
		if got := a.Refusal(t, http.StatusUnsupportedMediaType, "not_allowed"); !strings.Contains(got.Message, "use JPEG or PNG") {
			t.Errorf("the message is %q, want it to list the accepted types", got.Message)
		}
	}
	if got := len(s.Stored(t)); got != 2 {
		t.Errorf("%d images are stored, want 2", got)
	}
}

// TestNotAnImage checks that files are refused by their bytes, and that the message names
// the file.
func TestNotAnImage(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	png := apitest.Sample(t, "gradient.png")
	for name, c := range map[string]struct {
		content string
		status  int
		code    string
	}{
		"text":                     {"hello", 415, "not_an_image"},
		"one byte":                 {"\x89", 415, "not_an_image"},
		"HTML":                     {"<!DOCTYPE html><script>alert(1)</script>", 415, "not_an_image"},
		"HTML around an SVG":       {"<html><svg xmlns='http://www.w3.org/2000/svg'/></html>", 415, "not_an_image"},
		"script for filetype":      {"<script>WEBP>alert(1)</script>", 415, "not_an_image"},
		"text that begins with BM": {"BMW drivers of the world", 415, "not_an_image"},
		"PDF":                      {"%PDF-1.7\n", 415, "not_an_image"},
		"cut-off header":           {png[:20], 422, "damaged_image"},
		"a header that lies":       {png[:16] + "\xff\xff\xff\xff" + png[20:], 422, "damaged_image"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, a := range []apitest.Answer{
				s.Upload(t, apitest.File("file", "dir/photo.png", c.content)),
				s.Do(t, "PUT", "/images/photo.png", "Content-Type: image/png", c.content),
			} {
				a.Refusal(t, c.status, c.code)
			}
			got := s.Upload(t, apitest.File("file", "dir/photo.png", c.content)).Reply(t)
			if !strings.HasPrefix(got.Message, "photo.png: ") {
				t.Errorf("the message %q should begin with the file's name", got.Message)
			}
		})
	}
	t.Cleanup(func() {
		if got := s.Stored(t); len(got) > 0 {
			t.Errorf("%q are stored, want nothing", got)
		}
	})
}
