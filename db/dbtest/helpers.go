package dbtest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"imageserver/db"
)

// content returns `size` bytes without a pattern. The same seed gives the same bytes.
func content(seed uint64, size int) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	data := make([]byte, size)
	rand.NewChaCha8(key).Read(data)
	return data
}

// race calls f(0) to f(n-1), all at the same time. It returns when all calls have
// returned.
func race(n int, f func(i int)) {
	var calls sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		calls.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	calls.Wait()
}

// tryPut stores data, and tries again while the store is busy.
func tryPut(ctx context.Context, s db.Store, name string, data []byte, o db.PutOptions) (db.Image, db.Outcome, error) {
	for {
		img, outcome, err := s.Put(ctx, name, bytes.NewReader(data), o)
		if !errors.Is(err, db.ErrBusy) {
			return img, outcome, err
		}
		time.Sleep(time.Millisecond)
	}
}

// put stores data, and fails unless Put succeeds with the outcome `want`.
func put(t *testing.T, s db.Store, name string, data []byte, o db.PutOptions, want db.Outcome) db.Image {
	t.Helper()
	img, got, err := tryPut(t.Context(), s, name, data, o)
	if err != nil {
		t.Fatalf("Put(%q): %v", name, err)
	}
	if got != want {
		t.Fatalf("Put(%q): got outcome %s, want %s", name, outcomes[got], outcomes[want])
	}
	if img.Size != int64(len(data)) || img.SHA256 != sha256.Sum256(data) {
		t.Fatalf("Put(%q): got size %d and digest %s, want %d and %x", name, img.Size, img.SHA256, len(data), sha256.Sum256(data))
	}
	return img
}

// outcomes has the names of the values of db.Outcome, for messages.
var outcomes = map[db.Outcome]string{
	db.Created:   "Created",
	db.Replaced:  "Replaced",
	db.Unchanged: "Unchanged",
}

// create stores data under a free name.
func create(t *testing.T, s db.Store, name string, data []byte) db.Image {
	t.Helper()
	img := put(t, s, name, data, db.PutOptions{Conflict: db.Fail}, db.Created)
	if img.Name != name {
		t.Fatalf("Put(%q): got name %q, want the one asked for", name, img.Name)
	}
	return img
}

// remove deletes the image with this name. The image must exist.
func remove(t *testing.T, s db.Store, name string) {
	t.Helper()
	if err := s.Delete(t.Context(), name, db.DeleteOptions{}); err != nil {
		t.Fatalf("Delete(%q): %v", name, err)
	}
}

// openBody returns the body of an image. The body is closed when t ends, if it was not
// closed before.
func openBody(t *testing.T, s db.Store, name string) db.Body {
	t.Helper()
	_, body, err := s.Get(t.Context(), name)
	if err != nil {
		t.Fatalf("Get(%q): %v", name, err)
	}
	t.Cleanup(func() { body.Close() })
	return body
}

// closeBody closes body, and fails if Close returns an error.
func closeBody(t *testing.T, body db.Body) {
	t.Helper()
	if err := body.Close(); err != nil {
		t.Errorf("Body.Close: %v", err)
	}
}

// read reads n bytes of body.
func read(t *testing.T, body io.Reader, n int) []byte {
	t.Helper()
	data := make([]byte, n)
	if got, err := io.ReadFull(body, data); err != nil {
		t.Fatalf("Read: got %d bytes and %v, want %d", got, err, n)
	}
	return data
}

// load returns the image with this name and its bytes. It returns an error instead of
// ending the test, so goroutines of a test can call it, too.
func load(ctx context.Context, s db.Store, name string) (db.Image, []byte, error) {
	img, body, err := s.Get(ctx, name)
	if err != nil {
		return img, nil, err
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	return img, data, err
}

// verify returns the image with this name after it has read all bytes. If the bytes are
// not those of the image, it returns an error.
func verify(ctx context.Context, s db.Store, name string) (db.Image, error) {
	img, body, err := s.Get(ctx, name)
	if err != nil {
		return img, err
	}
	defer body.Close()
	return img, verifyBody(img, body)
}

// verifyBody reads the body of `img`. If the bytes are not those of `img`, it returns
// an error.
func verifyBody(img db.Image, body io.WriterTo) error {
	hash := sha256.New()
	n, err := body.WriteTo(hash)
	if err != nil {
		return err
	}
	if digest := db.Digest(hash.Sum(nil)); n != img.Size || digest != img.SHA256 {
		return fmt.Errorf("%q: got %d bytes with digest %s, want %d with %s", img.Name, n, digest, img.Size, img.SHA256)
	}
	return nil
}

// sum returns the Usage of a store that has these images, an empty trash, and no
// variants.
func sum(images []db.Image) (u db.Usage) { return sumWith(images, nil) }

// sumWith returns the Usage of a store that has these images, this trash, and no
// variants.
func sumWith(images, trash []db.Image) (u db.Usage) {
	seen := map[db.Digest]bool{}
	count := func(all []db.Image, n, bytes *int64) {
		for _, img := range all {
			*n++
			*bytes += img.Size
			if !seen[img.SHA256] {
				seen[img.SHA256] = true
				u.Blobs++
				u.Stored += img.Size
			}
		}
	}
	count(images, &u.Images, &u.Bytes)
	count(trash, &u.Trash, &u.TrashBytes)
	return u
}

// listAll returns the images of all pages. The options o select the first page.
func listAll(t *testing.T, s db.Store, o db.ListOptions) (all []db.Image) {
	t.Helper()
	seen := map[string]bool{}
	for {
		page, next := listPage(t, s, o)
		all = append(all, page...)
		if next == "" {
			return all
		}
		if seen[next] {
			t.Fatalf("List: got cursor %q twice, want each page to go on", next)
		}
		seen[next] = true
		o.After = next
	}
}

// listPage returns one page. It fails if the page has more than o.Limit images.
func listPage(t *testing.T, s db.Store, o db.ListOptions) (page []db.Image, next string) {
	t.Helper()
	page, next, err := s.List(t.Context(), o)
	if err != nil {
		t.Fatalf("List(%+v): %v", o, err)
	}
	if len(page) > o.Limit {
		t.Errorf("List(%+v): got %d images, want at most the limit", o, len(page))
	}
	return page, next
}

// newestFirst is the default order of List.
func newestFirst(a, b db.Image) int {
	return cmp.Or(b.Uploaded.Compare(a.Uploaded), strings.Compare(a.Name, b.Name))
}

// lastDeletedFirst is the order of a List of the trash.
func lastDeletedFirst(a, b db.Image) int {
	return cmp.Or(b.Deleted.Compare(a.Deleted), strings.Compare(a.Name, b.Name))
}

// namesOf returns the names of images, in their order.
func namesOf(images []db.Image) []string {
	names := make([]string, len(images))
	for i, img := range images {
		names[i] = img.Name
	}
	return names
}
