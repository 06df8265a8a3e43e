package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestMaxUpload uploads images of the size allowed, and larger by a byte.
func TestMaxUpload(t *testing.T) {
	parallel(t)
	limit := pick[int64](50, 400) << 20
	s := startNew(t, "--max-upload", fmt.Sprintf("%dMiB", limit>>20))
	for name, size := range map[string]int64{
		"POST":                 pick[int64](40, 300) << 20,
		"PUT without a length": limit,
	} {
		p := newPicture(size)
		img, err := ways(s)[name](name, p.open(), p.size)
		if err != nil || img.SHA256 != p.sum() {
			t.Errorf("%s of %d bytes: %+v, %v, want the digest %s", name, p.size, img, err, p.sum())
		}
		report(t, readAll(s, []entry{img}))
		if err := s.remove(name); err != nil {
			t.Error(err)
		}
	}
	p := newPicture(limit + 1)
	for name, send := range ways(s) {
		_, err := send(name, p.open(), p.size)
		if refusal(err) != http.StatusRequestEntityTooLarge || !strings.Contains(err.Error(), fmt.Sprintf("%d MiB", limit>>20)) {
			t.Errorf("%s of a byte more than allowed: %v, want 413 that tells the limit", name, err)
		}
	}
	if images, err := s.list(); err != nil || len(images) > 0 {
		t.Errorf("the list has %d images, %v, want none", len(images), err)
	}
}

// sending uploads a file of size bytes under a name.
type sending func(name string, file io.Reader, size int64) (entry, error)

// ways are the ways to upload a file.
func ways(s *server) map[string]sending {
	return map[string]sending{
		"POST": s.post,
		"PUT":  s.put,
		"POST without a length": func(name string, file io.Reader, _ int64) (entry, error) {
			return s.post(name, file, -1)
		},
		"PUT without a length": func(name string, file io.Reader, _ int64) (entry, error) {
			return s.put(name, file, -1)
		},
	}
}
