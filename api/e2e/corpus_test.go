package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"imageserver/db"
)

// corpus returns the folder of other people's images that lies beside the
// project. They are not ours to give away, so it may be missing, even in CI.
func corpus(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join("..", "..", "..", "shared", "corpus")
	if _, err := os.Stat(dir); err != nil {
		t.Skip(err)
	}
	return dir
}

// TestCorpus uploads real images and parts of them.
func TestCorpus(t *testing.T) {
	parallel(t)
	dir := corpus(t)
	s := startNew(t)
	for folder, mime := range map[string]string{
		"avif": "image/avif", "bmp": "image/bmp", "gif": "image/gif", "heic": "image/heic", "ico": "image/vnd.microsoft.icon", "jpeg": "image/jpeg",
		"orientation": "image/jpeg", "png": "image/png", "tiff": "image/tiff", "webp": "image/webp",
	} {
		files, err := filepath.Glob(filepath.Join(dir, folder, "*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no files: %v", folder, err)
		}
		each(4, files, func(file string) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Error(err)
				return
			}
			name := folder + "-" + filepath.Base(file)
			uploadOne(t, s, name, content, mime, isBroken(folder, file))
			for _, percent := range []int{1, 10, 50, 99} {
				part := content[:len(content)*percent/100]
				uploadOne(t, s, fmt.Sprintf("%d-%s", percent, name), part, mime, true)
			}
		})
	}
	images, err := s.list()
	if err != nil {
		t.Fatal(err)
	}
	report(t, readAll(s, images))
	t.Logf("%d images and parts of images were stored", len(images))
	s.check(t)
	s.alive(t)
}

// isBroken reports whether a file of the corpus is broken on purpose: those of
// PngSuite begin with an x.
func isBroken(folder, file string) bool {
	return folder == "png" && strings.HasPrefix(filepath.Base(file), "x")
}

// uploadOne uploads a file, which must come back as it was with the type
// given, or, where it may be broken, be refused with a message.
func uploadOne(t *testing.T, s *server, name string, content []byte, mime string, broken bool) {
	t.Helper()
	img, err := s.post(name, bytes.NewReader(content), int64(len(content)))
	if code := refusal(err); code/100 == 4 && broken {
		return
	}
	if err != nil || img.ContentType != mime {
		t.Errorf("POST %s: type %q, %v, want %s", name, img.ContentType, err, mime)
		return
	}
	found(t, s, imagePath(img.Filename), content, mime)
}

// found reads an image, which must have the content and the type given.
func found(t *testing.T, s *server, path string, content []byte, mime string) {
	t.Helper()
	resp, err := s.open(path)
	if err != nil {
		t.Errorf("GET %s: %v", path, err)
		return
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("GET %s: %d bytes, %v, want the %d bytes uploaded", path, len(got), err, len(content))
	}
	if kind := resp.Header.Get("Content-Type"); kind != mime {
		t.Errorf("GET %s: Content-Type %q, want %q", path, kind, mime)
	}
}

// TestNames uploads images under names that break software.
func TestNames(t *testing.T) {
	parallel(t)
	data, err := os.ReadFile(filepath.Join(corpus(t), "names", "blns.json"))
	if err != nil {
		t.Skip(err)
	}
	var names []string
	if err := json.Unmarshal(data, &names); err != nil {
		t.Fatal(err)
	}
	s := startNew(t)
	for what, send := range map[string]sending{"POST": s.post, "PUT": s.put} {
		stored := 0
		for _, name := range names {
			content := newPicture(1000).bytes()
			img, err := send(name, bytes.NewReader(content), int64(len(content)))
			if refusal(err) == http.StatusBadRequest && mayRefuse(what, name) {
				continue
			}
			if err != nil {
				t.Errorf("%s %q: %v", what, name, err)
				continue
			}
			stored++
			found(t, s, imagePath(img.Filename), content, "image/png")
			found(t, s, strings.TrimPrefix(img.URL, s.url), content, "image/png")
			if what == "POST" {
				// Some clients write the name into the URL as it is.
				found(t, s, "/images/"+img.Filename, content, "image/png")
			}
			listed(t, s, img)
		}
		t.Logf("%s: %d of %d names stored", what, stored, len(names))
	}
	s.alive(t)
}

// mayRefuse reports whether a name may be answered by 400: PUT takes a name as
// it is, and the header of a form's part cannot hold control characters.
func mayRefuse(method, name string) bool {
	if method == http.MethodPut {
		_, err := db.CheckName(name)
		return err != nil
	}
	return strings.ContainsFunc(name, unicode.IsControl)
}

// listed looks for an image that was just uploaded at the list's beginning.
func listed(t *testing.T, s *server, img entry) {
	t.Helper()
	var page struct{ Images []entry }
	if err := s.call(http.MethodGet, "/images?limit=1", nil, &page); err != nil {
		t.Error(err)
	} else if !slices.Contains(page.Images, img) {
		t.Errorf("the newest image is %+v, want %+v", page.Images, img)
	}
}
