package api_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"imageserver/api/apitest"

	"imageserver/api"
	"imageserver/api/multipart"
	"imageserver/db"
)

// deleteAll deletes all images, because fuzzing stores many.
func deleteAll(t testing.TB, s *apitest.Server) {
	t.Helper()
	for _, name := range s.Stored(t) {
		if err := s.Store.Delete(context.Background(), name, db.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzUpload posts any bytes as a form. The server must not fail, and what it reports as
// stored can be fetched as it was sent.
func FuzzUpload(f *testing.F) {
	s := apitest.NewServer(f, api.Options{MaxUpload: 1 << 20})
	svg, gif := apitest.Sample(f, "prefixed.svg"), apitest.Sample(f, "gradient.gif")
	for _, body := range []string{
		"",
		apitest.Form(),
		apitest.Form(apitest.File("file", "cat.gif", gif)),
		apitest.Form(apitest.File("a", "cat.svg", svg), apitest.Text("b", "c"), apitest.File("d", `..\cat.svg`, svg+" ")),
		apitest.Form(apitest.File("file", "cat.svg", svg), apitest.File("file", "notes.txt", "notes")),
		apitest.Form(apitest.File("file", "", "")),
		apitest.Form(apitest.File("file", "\x1bk\xe4se%22\x7f.svg", svg)),
		apitest.Form(apitest.Text("file", svg)),
		apitest.Form(apitest.Part("Content-Disposition: form-data; name=file; filename*=UTF-8''%00\nContent-Transfer-Encoding: quoted-printable", svg)),
		apitest.Form(apitest.File("file", "cat.svg", svg))[:150],
		strings.ReplaceAll(apitest.Form(apitest.File("file", "cat.svg", svg)), "\r\n", "\n"),
	} {
		f.Add([]byte(body), "")
		f.Add([]byte(body), "replace")
	}
	f.Fuzz(func(t *testing.T, body []byte, conflict string) {
		defer deleteAll(t, s)
		a := s.Do(t, "POST", "/upload?conflict="+url.QueryEscape(conflict), apitest.FormType, string(body))
		if a.Status >= 500 {
			t.Fatalf("got %s", a)
		}
		got := a.Reply(t)
		images := map[string]apitest.Image{} // by name, because one may have replaced another
		for _, i := range got.Images {
			images[i.Filename] = i
		}
		if a.Status < 300 {
			images[got.Filename] = got.Image
		}
		sent := files(body)
		for _, i := range images {
			image := s.Do(t, "GET", s.Path(t, i.URL), "", "").Want(t, http.StatusOK)
			image.WantHeader(t, "Content-Type", i.ContentType)
			if image.Header.Get("ETag") != apitest.ETag(image.Body) || int64(len(image.Body)) != i.Size {
				t.Errorf("%q: got %d bytes with the ETag %s of the %d with %s", i.Filename, len(image.Body), apitest.ETag(image.Body), i.Size, image.Header.Get("ETag"))
			}
			if !sent[image.Body] {
				t.Errorf("%q: got %q, which is not a file of the form", i.Filename, image.Body)
			}
			if clean := db.CleanName(i.Filename, ""); clean != i.Filename {
				t.Errorf("stored as %q, want %q", i.Filename, clean)
			}
		}
		if stored := s.Stored(t); len(stored) != len(images) {
			t.Errorf("%q are stored, but the response is %s", stored, a)
		}
	})
}

// files returns the contents of the parts of a form, as far as it can be read.
func files(body []byte) map[string]bool {
	contents := map[string]bool{}
	parts := multipart.NewReader(bytes.NewReader(body), apitest.Boundary)
	for {
		part, err := parts.NextPart()
		if err != nil {
			return contents
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return contents
		}
		contents[string(content)] = true
	}
}

// FuzzImagePath writes any bytes into URLs. The path, decoded once, must be the name of the
// image, or the request is refused.
func FuzzImagePath(f *testing.F) {
	s := apitest.NewServer(f, api.Options{})
	for _, path := range []string{
		"cat.png", "photo%20(1).png", "photo%20%281%29.png", "a+b", "a%2Bb", "a%252Fb", "%2F", "%2e%2e/upload", "../upload", "..",
		"caf%C3%A9", "cafe%CC%81", "%FF", "%00", "%E2%80%AE", ".", "a/b", "//", "", "?v=1", "a?download", "a;b", "a%5Cb", "~", "%41", "*",
		"写真", "%F0%9F%8C%84%EF%B8%8F", strings.Repeat("n", 256),
	} {
		f.Add(path)
	}
	content := apitest.Picture(f, 1, 0)
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.Parse(s.URL + "/images/" + path)
		if err != nil || len(path) > 10_000 || apitest.Scheme()+u.Host != s.URL {
			t.Skip("not a URL, or too long")
		}
		name, err := db.CheckName(strings.TrimPrefix(u.Path, "/images/"))
		target := u.EscapedPath()
		put := s.Do(t, "PUT", target, "", content)
		if err != nil {
			put.Refusal(t, http.StatusBadRequest, "bad_name")
			s.Do(t, "GET", target, "", "").Refusal(t, http.StatusBadRequest, "bad_name")
			s.Do(t, "DELETE", target, "", "").Refusal(t, http.StatusBadRequest, "bad_name")
			return
		}
		got := put.Success(t, http.StatusCreated)
		if got.Filename != name {
			t.Errorf("%q is stored as %q, want %q", path, got.Filename, name)
		}
		s.Do(t, "GET", s.Path(t, got.URL), "", "").WantImage(t, content)
		s.Do(t, "GET", target, "", "").WantImage(t, content)
		down := s.Do(t, "GET", s.Path(t, got.URL)+"?download", "", "")
		if strings.ContainsAny(down.Header.Get("Content-Disposition"), "\r\n\x00") || len(down.Header.Values("Content-Disposition")) != 1 {
			t.Errorf("Content-Disposition: got %q", down.Header.Values("Content-Disposition"))
		}
		s.Do(t, "DELETE", target, "", "").Want(t, http.StatusNoContent)
	})
}
