package transfer_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/api/intake"
	"imageserver/api/transfer"
	"imageserver/db"
	"imageserver/db/bolt"
)

const token = "secret"

var quiet = slog.New(slog.DiscardHandler)

// place is the Images of a test, with the store that has the images.
type place struct {
	transfer.Images
	store db.Store
	file  string // the data file
}

// places are the two kinds of Images. Both must have the same results.
var places = map[string]func(t *testing.T, rules intake.Rules) place{
	"data file": newDataFile,
	"server":    newServer,
}

func newDataFile(t *testing.T, rules intake.Rules) place {
	t.Helper()
	path := filepath.Join(t.TempDir(), "images.db")
	store, err := bolt.Open(path, bolt.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return place{transfer.Store(store, rules), store, path}
}

func newServer(t *testing.T, rules intake.Rules) place {
	t.Helper()
	p := newDataFile(t, rules)
	p.Images = serve(t, api.New(p.store, http.NotFoundHandler(), api.Options{
		Access: access.Options{
			Token: token,
		},
		MaxUpload: rules.MaxSize,
		Allow:     rules.Allow,
		Strip:     rules.Strip,
		Log:       quiet,
	}))
	return p
}

// serve returns the Images of a new HTTP server with this handler.
func serve(t *testing.T, handler http.Handler) transfer.Images {
	t.Helper()
	return serveAt(t, handler, "")
}

// serveAt returns the Images at path on a new HTTP server with this handler.
func serveAt(t *testing.T, handler http.Handler, path string) transfer.Images {
	t.Helper()
	h := httptest.NewServer(handler)
	t.Cleanup(h.Close)
	base, err := url.Parse(h.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	images := transfer.Server(base, token)
	t.Cleanup(images.Close)
	return images
}

// everywhere runs a test with each kind of place.
func everywhere(t *testing.T, rules intake.Rules, test func(t *testing.T, p place)) {
	for name, open := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t, rules))
		})
	}
}

func sample(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// picture returns a PNG of size bytes or a few more. Each seed gives other bytes.
func picture(t *testing.T, seed uint64, size int) []byte {
	t.Helper()
	png := sample(t, "gradient.png")
	noise := make([]byte, max(8, size-len(png)))
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	rand.NewChaCha8(key).Read(noise)
	return append(png, noise...)
}

// write creates a file with the modification time at, and the folders of its path.
func write(t *testing.T, path string, data []byte, at time.Time) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// doImport imports paths and returns the output, without the progress.
func doImport(ctx context.Context, to transfer.Images, paths ...string) (string, error) {
	var out bytes.Buffer
	err := transfer.Import(ctx, to, paths, transfer.Output{Out: &out, Progress: io.Discard})
	return out.String(), err
}

// doExport exports into dir and returns the output, without the progress.
func doExport(ctx context.Context, from transfer.Images, dir string, overwrite bool) (string, error) {
	var out bytes.Buffer
	err := transfer.Export(ctx, from, dir, overwrite, transfer.Output{Out: &out, Progress: io.Discard})
	return out.String(), err
}

// must checks that a transfer succeeded, and that end is the last line of its output.
func must(t *testing.T, said string, err error, end string) {
	t.Helper()
	if err != nil {
		t.Fatalf("got %v; the output is\n%s", err, said)
	}
	wantEnd(t, said, end)
}

// wantEnd checks the last line of an output.
func wantEnd(t *testing.T, said, end string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(said, "\n"), "\n")
	if got := lines[len(lines)-1]; got != end {
		t.Errorf("the last line is %q, want %q; the output is\n%s", got, end, said)
	}
}

// wantError checks that err is an error whose text contains each of says.
func wantError(t *testing.T, err error, says ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want an error with %q", says)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("got %q, want %q in it", err, s)
		}
	}
}

// wantLines checks all lines of an output except the last line, in any order.
func wantLines(t *testing.T, said string, want ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(said, "\n"), "\n")
	got := lines[:len(lines)-1]
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("lines (-want +got):\n%s", cmp.Diff(want, got))
	}
}

// stored returns all images of the store, the newest first.
func (p place) stored(t *testing.T) []db.Image {
	t.Helper()
	images, _, err := p.store.List(t.Context(), db.ListOptions{Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	return images
}

// read returns an image of the store and its bytes.
func (p place) read(t *testing.T, name string) (db.Image, []byte) {
	t.Helper()
	img, body, err := p.store.Get(t.Context(), name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return img, data
}

// put stores an image with the upload time at.
func (p place) put(t *testing.T, name string, data []byte, at time.Time) db.Image {
	t.Helper()
	img, _, err := p.store.Put(t.Context(), name, bytes.NewReader(data), db.PutOptions{Conflict: db.Fail, Uploaded: at, Inspect: intake.Describe})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return img
}

// names returns the names of images.
func names(images []db.Image) (all []string) {
	for _, img := range images {
		all = append(all, img.Name)
	}
	return all
}

// hooked calls a function before each method of Images, unless the function is nil.
type hooked struct {
	transfer.Images
	stat  func(name string)
	put   func(name string) error
	fetch func(name string) error
}

func (h hooked) Stat(ctx context.Context, name string) (db.Image, error) {
	if h.stat != nil {
		h.stat(name)
	}
	return h.Images.Stat(ctx, name)
}

func (h hooked) Put(ctx context.Context, name string, c transfer.Content, at time.Time) (db.Image, db.Outcome, error) {
	if h.put != nil {
		if err := h.put(name); err != nil {
			return db.Image{}, 0, err
		}
	}
	return h.Images.Put(ctx, name, c, at)
}

func (h hooked) Fetch(ctx context.Context, img db.Image, w io.Writer) error {
	if h.fetch != nil {
		if err := h.fetch(img.Name); err != nil {
			return err
		}
	}
	return h.Images.Fetch(ctx, img, w)
}

var errTest = errors.New("error of the test")
