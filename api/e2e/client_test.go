package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// entry is what the server says of an image.
type entry struct {
	Filename    string `json:"filename"`
	URL         string `json:"url"`
	Size        int64  `json:"size"`
	ContentType string `json:"content_type"`
	SHA256      string `json:"sha256"`
}

// refused is an answer that is no success, in the form of every error.
type refused struct {
	status int
	code   string // error.code
	text   string // message
}

func (e *refused) Error() string {
	return fmt.Sprintf("%d %s: %s", e.status, e.code, e.text)
}

// refusal returns the status of a refusal, or 0 for any other error.
func refusal(err error) int {
	var r *refused
	if errors.As(err, &r) {
		return r.status
	}
	return 0
}

// imagePath is the path under which an image is found.
func imagePath(name string) string { return "/images/" + url.PathEscape(name) }

// send sends a request; size is the body's length, -1 for one not announced.
func (s *server) send(method, path string, body io.Reader, size int64, header http.Header) (*http.Response, error) {
	r, err := http.NewRequest(method, s.url+path, body)
	if err != nil {
		return nil, err
	}
	if header != nil {
		r.Header = header
	}
	if body != nil {
		r.ContentLength = size
	}
	return s.client.Do(r)
}

// read takes an answer in: JSON into v, or the error it tells of. An error
// that is not in the API's form is not a refusal.
func read(resp *http.Response, v any) error {
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read answer %d: %w", resp.StatusCode, err)
	}
	if resp.StatusCode < 300 {
		if v == nil {
			return nil
		}
		if err := json.Unmarshal(body, v); err != nil {
			return fmt.Errorf("answer %d: %w in %q", resp.StatusCode, err, body)
		}
		return nil
	}
	var failure struct {
		Message string
		Error   struct{ Code, Message string }
	}
	err = json.Unmarshal(body, &failure)
	if err != nil || failure.Message == "" || failure.Error.Code == "" || failure.Error.Message == "" {
		return fmt.Errorf("answer %d in an unknown form: %q", resp.StatusCode, body)
	}
	return &refused{resp.StatusCode, failure.Error.Code, failure.Message}
}

// call sends a request without a body and reads the answer.
func (s *server) call(method, path string, header http.Header, v any) error {
	resp, err := s.send(method, path, nil, 0, header)
	if err != nil {
		return err
	}
	return read(resp, v)
}

// form is multipart/form-data with one file in it.
type form struct {
	head, tail []byte
	kind       string // its Content-Type
}

func newForm(name string) form {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	w.CreateFormFile("file", name) // writing to a buffer does not fail
	n := b.Len()
	w.Close()
	return form{b.Bytes()[:n], b.Bytes()[n:], w.FormDataContentType()}
}

// around puts a file of size bytes, or -1, into the form.
func (f form) around(file io.Reader, size int64) (io.Reader, int64) {
	if size >= 0 {
		size += int64(len(f.head) + len(f.tail))
	}
	return io.MultiReader(bytes.NewReader(f.head), file, bytes.NewReader(f.tail)), size
}

// post uploads a file as a form does. Its size may be -1: then the length of
// the request is not announced.
func (s *server) post(name string, file io.Reader, size int64) (e entry, err error) {
	f := newForm(name)
	body, n := f.around(file, size)
	resp, err := s.send(http.MethodPost, "/upload", body, n, http.Header{"Content-Type": {f.kind}})
	if err != nil {
		return e, err
	}
	return e, read(resp, &e)
}

// put uploads a file as curl -T does.
func (s *server) put(name string, file io.Reader, size int64) (e entry, err error) {
	resp, err := s.send(http.MethodPut, imagePath(name), file, size, nil)
	if err != nil {
		return e, err
	}
	return e, read(resp, &e)
}

// remove deletes an image, which must be answered by 204.
func (s *server) remove(name string) error {
	resp, err := s.send(http.MethodDelete, imagePath(name), nil, 0, nil)
	if err != nil {
		return err
	}
	err = read(resp, nil)
	if err == nil && resp.StatusCode != http.StatusNoContent {
		err = fmt.Errorf("DELETE %q gives %d, want 204", name, resp.StatusCode)
	}
	return err
}

// rename gives an image another name, which must be free.
func (s *server) rename(from, to string) error {
	body, err := json.Marshal(map[string]string{"filename": to})
	if err != nil {
		return err
	}
	return s.change(from, "rename?conflict=error", body, to)
}

// restore brings back the image of this name that was deleted last.
func (s *server) restore(name string) error { return s.change(name, "restore", nil, name) }

// change posts to an image and checks the name that it has then.
func (s *server) change(name, action string, body []byte, want string) error {
	resp, err := s.send(http.MethodPost, imagePath(name)+"/"+action, bytes.NewReader(body), int64(len(body)), nil)
	if err != nil {
		return err
	}
	var img entry
	err = read(resp, &img)
	if err == nil && (resp.StatusCode != http.StatusOK || img.Filename != want) {
		err = fmt.Errorf("%s of %q gives %d and %q, want 200 and %q", action, name, resp.StatusCode, img.Filename, want)
	}
	return err
}

// open asks for an image, or tells of the refusal.
func (s *server) open(path string) (*http.Response, error) {
	resp, err := s.send(http.MethodGet, path, nil, 0, nil)
	if err != nil || resp.StatusCode == http.StatusOK {
		return resp, err
	}
	return nil, read(resp, nil)
}

// get reads an image and returns its SHA-256 and size.
func (s *server) get(name string) (sum string, size int64, err error) {
	resp, err := s.open(imagePath(name))
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	h := sha256.New()
	size, err = io.Copy(h, resp.Body)
	return hexSum(h), size, err
}

// list walks the whole list of images.
func (s *server) list() ([]entry, error) { return s.listBy(url.Values{"limit": {"100"}}) }

// listBy walks the whole list that a query asks for.
func (s *server) listBy(q url.Values) (images []entry, err error) {
	for {
		var page struct {
			Images []entry
			Next   string
		}
		if err := s.call(http.MethodGet, "/images?"+q.Encode(), nil, &page); err != nil {
			return nil, err
		}
		images = append(images, page.Images...)
		if page.Next == "" {
			return images, nil
		}
		q.Set("cursor", page.Next)
	}
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// cutOff reports whether an answer ended before its end.
func cutOff(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || err != nil && strings.Contains(err.Error(), "connection reset")
}

// mustPut uploads a picture that must be taken.
func mustPut(t testing.TB, s *server, name string, p picture) {
	t.Helper()
	if _, err := s.put(name, p.open(), p.size); err != nil {
		t.Fatalf("PUT %q: %v", name, err)
	}
}

// host is the server's address.
func (s *server) host() string { return s.url[strings.Index(s.url, "//")+2:] }

// backup stores a backup of the server in a file.
func backup(t *testing.T, s *server) (path string, err error) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "backup.db")
	return path, s.backup(path)
}

// backup stores a backup at path.
func (s *server) backup(path string) error {
	resp, err := s.send(http.MethodGet, "/backup", nil, 0, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return read(resp, nil)
	}
	defer resp.Body.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, resp.Body)
	return errors.Join(err, f.Close())
}
