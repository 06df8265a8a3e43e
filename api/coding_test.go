package api_test

import (
	"fmt"
	"strings"
	"testing"

	"imageserver/api/apitest"

	"imageserver/api"
)

// TestContentEncoding checks that a compressed body is refused, and that the response names
// the codings that are accepted.
func TestContentEncoding(t *testing.T) {
	t.Parallel()
	cat := apitest.Picture(t, 1, 0)
	upload := apitest.Form(apitest.File("file", "cat.png", cat))
	requests := []struct {
		request, header, body string
		status                int
	}{
		{"POST /upload", apitest.FormType, upload, 201},
		{"PUT /images/put.png", "Accept: */*", cat, 201},
		{"POST /images/cat.png/rename", "Accept: */*", `{"filename": "dog.png"}`, 200},
		{"POST /archive", namesType, "name=dog.png", 200},
	}
	s := apitest.NewServer(t, api.Options{})
	s.Do(t, "POST", "/upload", apitest.FormType, upload).Want(t, 201)
	for _, c := range requests {
		for _, coding := range []string{"gzip", "GZIP", "identity, br", "br\nContent-Encoding: identity", "aws-chunked", "7bit"} {
			t.Run(c.request+" "+coding, func(t *testing.T) {
				method, path, _ := strings.Cut(c.request, " ")
				a := s.Do(t, method, path, c.header+"\nContent-Encoding: "+coding, c.body)
				if r := a.Refusal(t, 415, "content_encoding"); !strings.Contains(r.Message, "without Content-Encoding") {
					t.Errorf("the message is %q", r.Message)
				}
				a.WantHeader(t, "Accept-Encoding", "identity")
			})
		}
	}
	s = apitest.NewServer(t, api.Options{})
	for _, c := range requests {
		method, path, _ := strings.Cut(c.request, " ")
		s.Do(t, method, path, c.header+"\nContent-Encoding: Identity", c.body).Want(t, c.status)
	}
	// The header is missing if the request had no coding, although the status is the same
	// (RFC 9110 section 12.5.3).
	a := s.Do(t, "PUT", "/images/text.png", "", "no image")
	a.Refusal(t, 415, "not_an_image")
	a.WantHeader(t, "Accept-Encoding", "")
}

// TestCompressedList checks that a long list is compressed for clients that accept gzip, and
// only for them.
func TestCompressedList(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	list := func(accept string) (coding, body string) {
		a := s.Do(t, "GET", "/images", "Accept-Encoding: "+accept, "").Want(t, 200)
		a.WantHeader(t, "Vary", "Accept-Encoding")
		return a.Header.Get("Content-Encoding"), a.Body
	}
	if coding, _ := list("gzip"); coding != "" {
		t.Errorf("a list without images: got Content-Encoding %q, want none", coding)
	}
	for i := range uint64(20) {
		s.Put(t, fmt.Sprintf("/images/%d.png", i), apitest.Picture(t, i, 0))
	}
	_, plain := list("identity")
	for _, accept := range []string{"identity", "br", "x-gzip", "gzip;q=0", "*"} {
		if coding, body := list(accept); coding != "" || body != plain {
			t.Errorf("Accept-Encoding: %s: got Content-Encoding %q, want the plain list", accept, coding)
		}
	}
	for _, accept := range []string{"gzip", "GZIP", "br, gzip, zstd"} {
		coding, body := list(accept)
		if coding != "gzip" || body != plain {
			t.Errorf("Accept-Encoding: %s: got Content-Encoding %q, want gzip and the same list", accept, coding)
		}
	}
}
