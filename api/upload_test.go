package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imageserver/api"
	"imageserver/api/imaging/format"
)

// TestUpload is the contract: message and filename, and the image by its name.
func TestUpload(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	cat := sample(t, "gradient.png")
	sum := sha256.Sum256([]byte(cat))
	want := img{
		Filename:    "cat.png",
		URL:         s.url + "/images/cat.png",
		Size:        int64(len(cat)),
		ContentType: "image/png",
		Width:       60,
		Height:      40,
		SHA256:      hex.EncodeToString(sum[:]),
	}

	a := s.upload(t, file("file", "cat.png", cat))
	got := a.success(t, http.StatusCreated)
	a.wantHeader(t, "Location", want.URL)
	if age := time.Since(got.UploadedAt); age < 0 || age > time.Minute {
		t.Errorf("uploaded_at is %v, %v ago", got.UploadedAt, age)
	}
	want.UploadedAt, want.DeleteURL = got.UploadedAt, got.DeleteURL
	if diff := cmp.Diff(reply{Message: "Image uploaded.", img: want, Location: want.URL}, got, cmp.AllowUnexported(reply{})); diff != "" {
		t.Errorf("the first time (-want +got):\n%s", diff)
	}
	s.do(t, "GET", "/images/"+got.Filename, "", "").wantImage(t, cat)

	a = s.upload(t, file("file", "cat.png", cat))
	got = a.success(t, http.StatusOK)
	want.DeleteURL = "" // it was told to the one who stored it
	a.wantHeader(t, "Location", want.URL)
	if diff := cmp.Diff(reply{Message: "This image was already here.", img: want, Location: want.URL, Duplicate: true}, got, cmp.AllowUnexported(reply{})); diff != "" {
		t.Errorf("the second time (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"cat.png"}, s.stored(t)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

// TestSamples sends every sample and gets it back as it was, whatever its name
// and the Content-Type of its part claim.
func TestSamples(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
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
			got := s.upload(t, file("file", filepath.Base(path)+".txt", string(content))).success(t, http.StatusCreated)
			if got.ContentType != want {
				t.Errorf("content_type: got %q, want %q", got.ContentType, want)
			}
			a := s.do(t, "GET", s.path(t, got.URL), "", "")
			a.wantImage(t, string(content))
			a.wantHeader(t, "Content-Type", want)
		})
	}
}

// TestLongComment: an SVG may have a longer comment before its tag than what decides on
// other types. What turns out not to be an SVG is refused as anything else.
func TestLongComment(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	comment := "<!--" + strings.Repeat("x", 20_000) + "-->"
	drawing := comment + sample(t, "gradient.svg")
	if got := s.upload(t, file("file", "post.svg", drawing)).success(t, http.StatusCreated); got.ContentType != "image/svg+xml" || got.Width != 60 {
		t.Errorf("POST: got %+v, want an SVG 60 pixels wide", got)
	}
	s.put(t, "/images/put.svg", comment+drawing)
	page := comment + "<html></html>"
	s.upload(t, file("file", "post.svg", page)).refusal(t, http.StatusUnsupportedMediaType, "not_an_image")
	s.do(t, "PUT", "/images/page.svg", "", page).refusal(t, http.StatusUnsupportedMediaType, "not_an_image")
	if diff := cmp.Diff([]string{"put.svg", "post.svg"}, s.stored(t)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

// TestSeveralFiles: all in one request, and all in the answer.
func TestSeveralFiles(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	cat, dog, cow := picture(t, 1, 0), picture(t, 2, 200<<10), picture(t, 3, 0)
	parts := []string{file("images[]", "cat.png", cat), text("album", "pets"), file("images[]", "dog.png", dog), file("other", "cow.png", cow)}

	a := s.upload(t, parts...)
	got := a.success(t, http.StatusCreated)
	if got.Message != "3 images uploaded." || got.Filename != "cow.png" {
		t.Errorf("got %s, want the message to say 3 and the last file's name", a)
	}
	if diff := cmp.Diff([]string{"cat.png", "dog.png", "cow.png"}, names(got.Images)); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	a.wantHeader(t, "Location", s.url+"/images/cow.png")
	for i, content := range []string{cat, dog, cow} {
		s.do(t, "GET", s.path(t, got.Images[i].URL), "", "").wantImage(t, content)
	}

	if again := s.upload(t, parts...).success(t, http.StatusOK); !again.Duplicate {
		t.Errorf("all of them again: got %+v, want duplicate", again)
	}
	// One that is new makes it an upload, wherever it stands.
	parts = append([]string{file("file", "new.png", picture(t, 4, 0))}, parts...)
	if more := s.upload(t, parts...).success(t, http.StatusCreated); more.Duplicate {
		t.Errorf("one more: got %+v, want no duplicate", more)
	}
}

// TestRefusedInTheMiddle: those before the refused file stay, those behind it
// are not stored, and the answer names both.
func TestRefusedInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bad    string
		status int
		code   string
	}{
		"not an image": {file("file", "notes.txt", "hello"), http.StatusUnsupportedMediaType, "not_an_image"},
		"empty":        {file("file", "notes.txt", ""), http.StatusBadRequest, "empty"},
		"too large":    {file("file", "notes.txt", picture(t, 9, 1<<20+1)), http.StatusRequestEntityTooLarge, "too_large"},
		"damaged":      {file("file", "notes.txt", sample(t, "gradient.png")[:20]), http.StatusUnprocessableEntity, "damaged_image"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, api.Options{MaxUpload: 1 << 20})
			a := s.upload(t,
				file("images[]", "cat.png", picture(t, 1, 0)),
				file("images[]", "dog.png", picture(t, 2, 0)),
				c.bad,
				file("images[]", "cow.png", picture(t, 3, 0)))
			got := a.refusal(t, c.status, c.code)
			if !containsAll(got.Message, []string{"notes.txt", "cat.png", "dog.png"}) || strings.Contains(got.Message, "cow.png") {
				t.Errorf("the message %q should name notes.txt, cat.png and dog.png", got.Message)
			}
			want := []string{"cat.png", "dog.png"}
			if diff := cmp.Diff(want, names(got.Images)); diff != "" {
				t.Errorf("images (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"dog.png", "cat.png"}, s.stored(t)); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlainText answers the bare URLs.
func TestPlainText(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	const header = formType + "\nAccept: text/plain"
	for _, c := range []struct {
		status int
		body   string
		want   string
	}{
		{201, form(file("file", "my cat.png", picture(t, 1, 0))), s.url + "/images/my%20cat.png\n"},
		{200, form(file("file", "my cat.png", picture(t, 1, 0))), s.url + "/images/my%20cat.png\n"},
		{201, form(file("a", "dog.png", picture(t, 2, 0)), file("b", "cow.png", picture(t, 3, 0))), s.url + "/images/dog.png\n" + s.url + "/images/cow.png\n"},
	} {
		a := s.do(t, "POST", "/upload", header, c.body)
		a.want(t, c.status)
		a.wantHeader(t, "Content-Type", "text/plain; charset=UTF-8")
		if a.body != c.want {
			t.Errorf("got %q, want %q", a.body, c.want)
		}
	}
	s.do(t, "POST", "/upload", header, form()).refusal(t, http.StatusBadRequest, "no_file")
}

// TestConflict: other bytes under a taken name.
func TestConflict(t *testing.T) {
	t.Parallel()
	first, second := picture(t, 1, 0), picture(t, 2, 0)
	for name, c := range map[string]struct {
		query    string
		status   int
		code     string
		filename string
		standing string // what cat.png holds afterwards
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
			s := newServer(t, api.Options{})
			s.put(t, "/images/cat.png", first)
			body := form(file("file", "cat.png", second))
			a := s.do(t, "POST", "/upload"+c.query, formType, body)
			if c.code != "" {
				if got := a.refusal(t, c.status, c.code); c.status == 409 && !strings.Contains(got.Message, "cat.png") {
					t.Errorf("the message %q should name the file", got.Message)
				}
			} else {
				got := a.success(t, c.status)
				if got.Filename != c.filename {
					t.Errorf("filename: got %q, want %q", got.Filename, c.filename)
				}
				s.do(t, "GET", s.path(t, got.URL), "", "").wantImage(t, second)
				again := s.do(t, "POST", "/upload"+c.query, formType, body).success(t, http.StatusOK)
				if !again.Duplicate || again.Filename != c.filename {
					t.Errorf("the same again: got %+v, want a duplicate of %s", again, c.filename)
				}
			}
			s.do(t, "GET", "/images/cat.png", "", "").wantImage(t, c.standing)
		})
	}
}

// TestLimit: --max-upload is the largest file taken, to the byte, and it does
// not count what stands around the file.
func TestLimit(t *testing.T) {
	t.Parallel()
	const limit = 100_000
	s := newServer(t, api.Options{MaxUpload: limit})
	for _, c := range []struct {
		size   int
		status int
	}{
		{limit - 1, 201},
		{limit, 201},
		{limit + 1, 413},
		{limit * 3, 413},
	} {
		content := picture(t, uint64(c.size), c.size)
		for way, send := range map[string]func() answer{
			"POST": func() answer { return s.upload(t, text("padding", content), file("file", "p.png", content)) },
			"POST, chunked": func() answer {
				return s.send(t, "POST", "/upload", formType, chunked(form(file("file", "q.png", content))))
			},
			"PUT":          func() answer { return s.do(t, "PUT", "/images/r.png", "If-None-Match: *", content) },
			"PUT, chunked": func() answer { return s.send(t, "PUT", "/images/s.png", "If-None-Match: *", chunked(content)) },
		} {
			a := send()
			if a.status != c.status {
				t.Errorf("%s of %d bytes: got %s, want %d", way, c.size, a, c.status)
			} else if c.status == 413 && !strings.Contains(a.refusal(t, 413, "too_large").Message, "98 KiB") {
				t.Errorf("%s of %d bytes: %s should name the limit", way, c.size, a)
			}
		}
		for _, name := range s.stored(t) {
			s.do(t, "DELETE", "/images/"+name, "", "").want(t, http.StatusNoContent)
		}
	}
}

// chunked is a body whose length the client does not know.
func chunked(body string) io.Reader { return struct{ io.Reader }{strings.NewReader(body)} }

// TestAllow: the types that --allow leaves out are refused, and the message
// says which are not.
func TestAllow(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{Allow: []format.Type{format.JPEG, format.PNG}})
	s.upload(t, file("file", "a.jpg", sample(t, "gradient.jpg"))).want(t, http.StatusCreated)
	s.upload(t, file("file", "a.png", sample(t, "gradient.png"))).want(t, http.StatusCreated)
	for _, a := range []answer{
		s.upload(t, file("file", "a.png", sample(t, "gradient.gif"))),
		s.do(t, "PUT", "/images/b.png", "", sample(t, "gradient.svg")),
	} {
		if got := a.refusal(t, http.StatusUnsupportedMediaType, "not_allowed"); !strings.Contains(got.Message, "use JPEG or PNG") {
			t.Errorf("the message is %q, want it to list the accepted types", got.Message)
		}
	}
	if got := len(s.stored(t)); got != 2 {
		t.Errorf("%d images are stored, want 2", got)
	}
}

// TestNotAnImage: what is refused by the bytes, and that it names the file.
func TestNotAnImage(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	png := sample(t, "gradient.png")
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
			for _, a := range []answer{
				s.upload(t, file("file", "dir/photo.png", c.content)),
				s.do(t, "PUT", "/images/photo.png", "Content-Type: image/png", c.content),
			} {
				a.refusal(t, c.status, c.code)
			}
			got := s.upload(t, file("file", "dir/photo.png", c.content)).reply(t)
			if !strings.HasPrefix(got.Message, "photo.png: ") {
				t.Errorf("the message %q should begin with the file's name", got.Message)
			}
		})
	}
	t.Cleanup(func() {
		if got := s.stored(t); len(got) > 0 {
			t.Errorf("%q are stored, want nothing", got)
		}
	})
}
