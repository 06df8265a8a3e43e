package api_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"imageserver/api"
	"imageserver/api/multipart"
	"imageserver/db"
)

// deleteAll deletes all images, since fuzzing makes very many.
func deleteAll(t testing.TB, s *server) {
	t.Helper()
	for _, name := range s.stored(t) {
		if err := s.store.Delete(context.Background(), name, db.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzUpload posts what may be a form. Whatever it is, the server does not
// fail, and what it says it has stored can be fetched as it was sent.
func FuzzUpload(f *testing.F) {
	s := newServer(f, api.Options{MaxUpload: 1 << 20})
	svg, gif := sample(f, "prefixed.svg"), sample(f, "gradient.gif")
	for _, body := range []string{
		"",
		form(),
		form(file("file", "cat.gif", gif)),
		form(file("a", "cat.svg", svg), text("b", "c"), file("d", `..\cat.svg`, svg+" ")),
		form(file("file", "cat.svg", svg), file("file", "notes.txt", "notes")),
		form(file("file", "", "")),
		form(file("file", "\x1bk\xe4se%22\x7f.svg", svg)),
		form(text("file", svg)),
		form(part("Content-Disposition: form-data; name=file; filename*=UTF-8''%00\nContent-Transfer-Encoding: quoted-printable", svg)),
		form(file("file", "cat.svg", svg))[:150],
		strings.ReplaceAll(form(file("file", "cat.svg", svg)), "\r\n", "\n"),
	} {
		f.Add([]byte(body), "")
		f.Add([]byte(body), "replace")
	}
	f.Fuzz(func(t *testing.T, body []byte, conflict string) {
		defer deleteAll(t, s)
		a := s.do(t, "POST", "/upload?conflict="+url.QueryEscape(conflict), formType, string(body))
		if a.status >= 500 {
			t.Fatalf("got %s", a)
		}
		got := a.reply(t)
		images := map[string]img{} // by name, for one may have replaced another
		for _, i := range got.Images {
			images[i.Filename] = i
		}
		if a.status < 300 {
			images[got.Filename] = got.img
		}
		sent := files(body)
		for _, i := range images {
			image := s.do(t, "GET", s.path(t, i.URL), "", "")
			image.want(t, http.StatusOK)
			image.wantHeader(t, "Content-Type", i.ContentType)
			if image.header.Get("ETag") != etag(image.body) || int64(len(image.body)) != i.Size {
				t.Errorf("%q: got %d bytes with the ETag %s of the %d with %s", i.Filename, len(image.body), etag(image.body), i.Size, image.header.Get("ETag"))
			}
			if !sent[image.body] {
				t.Errorf("%q: got %q, which is no file of the form", i.Filename, image.body)
			}
			if clean := db.CleanName(i.Filename, ""); clean != i.Filename {
				t.Errorf("stored as %q, want %q", i.Filename, clean)
			}
		}
		if stored := s.stored(t); len(stored) != len(images) {
			t.Errorf("%q are stored, and the answer is %s", stored, a)
		}
	})
}

// files are the contents of a form's parts, as far as it can be read.
func files(body []byte) map[string]bool {
	contents := map[string]bool{}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
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

// FuzzImagePath writes names into URLs in all ways: what the path says, decoded
// once, is the image's name, or is refused.
func FuzzImagePath(f *testing.F) {
	s := newServer(f, api.Options{})
	for _, path := range []string{
		"cat.png", "photo%20(1).png", "photo%20%281%29.png", "a+b", "a%2Bb", "a%252Fb", "%2F", "%2e%2e/upload", "../upload", "..",
		"caf%C3%A9", "cafe%CC%81", "%FF", "%00", "%E2%80%AE", ".", "a/b", "//", "", "?v=1", "a?download", "a;b", "a%5Cb", "~", "%41", "*",
		"写真", "%F0%9F%8C%84%EF%B8%8F", strings.Repeat("n", 256),
	} {
		f.Add(path)
	}
	content := picture(f, 1, 0)
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.Parse(s.url + "/images/" + path)
		if err != nil || len(path) > 10_000 || scheme()+u.Host != s.url {
			t.Skip("no URL, or too long a one")
		}
		name, err := db.CheckName(strings.TrimPrefix(u.Path, "/images/"))
		target := u.EscapedPath()
		put := s.do(t, "PUT", target, "", content)
		if err != nil {
			put.refusal(t, http.StatusBadRequest, "bad_name")
			s.do(t, "GET", target, "", "").refusal(t, http.StatusBadRequest, "bad_name")
			s.do(t, "DELETE", target, "", "").refusal(t, http.StatusBadRequest, "bad_name")
			return
		}
		got := put.success(t, http.StatusCreated)
		if got.Filename != name {
			t.Errorf("%q is called %q, want %q", path, got.Filename, name)
		}
		s.do(t, "GET", s.path(t, got.URL), "", "").wantImage(t, content)
		s.do(t, "GET", target, "", "").wantImage(t, content)
		down := s.do(t, "GET", s.path(t, got.URL)+"?download", "", "")
		if strings.ContainsAny(down.header.Get("Content-Disposition"), "\r\n\x00") || len(down.header.Values("Content-Disposition")) != 1 {
			t.Errorf("Content-Disposition: got %q", down.header.Values("Content-Disposition"))
		}
		s.do(t, "DELETE", target, "", "").want(t, http.StatusNoContent)
	})
}
