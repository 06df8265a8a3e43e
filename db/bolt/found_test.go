package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/bolttest"
	"imageserver/db/bolt/internal/layout"
)

// direct is a db.DirectReceiver that takes `most` bytes after each Room.
type direct struct {
	bytes.Buffer
	most  int
	wait  func() // called by Room, if not nil
	begin func() // called at the beginning of WriteNow, if not nil
	calls int    // of WriteNow
}

func (d *direct) Room(limit int) (int, error) {
	if d.wait != nil {
		d.wait()
	}
	return limit, nil
}

func (d *direct) WriteNow(buffers [][]byte) (n int, err error) {
	d.calls++
	if d.begin != nil {
		d.begin()
	}
	for _, b := range buffers {
		k := min(len(b), d.most-n)
		d.Write(b[:k])
		n += k
	}
	return n, nil
}

func newDirect() *direct { return &direct{most: 1 << 30} }

// transactions returns how many read transactions do begins.
func transactions(s *Store, do func()) int {
	before := s.db.Stats().TxN
	do()
	return s.db.Stats().TxN - before
}

// withoutSweeper ends the sweeper of s, so that a test does not count its transactions.
func withoutSweeper(s *Store) *Store {
	s.sweep.stop()
	s.sweep.quit = make(chan struct{}) // for Close
	return s
}

// TestReadTransactions holds down the transactions of a read: one for an image of one chunk,
// three for an image of 1 MB, and none if the image was read before.
func TestReadTransactions(t *testing.T) {
	t.Parallel()
	bolttest.OneCaller(t)
	s := withoutSweeper(newStore(t, Options{}))
	for _, test := range []struct{ size, first int }{{1, 1}, {20_000, 1}, {100_000, 1}, {1_000_000, 3}, {9_000_000, 15}} {
		name, data := fmt.Sprintf("%d.png", test.size), content(byte(test.size), test.size)
		img := mustPut(t, s, name, data)
		mustPutVariant(t, s, img.SHA256, "w=1", content(byte(test.size+1), test.size), ample)
		for kind, get := range map[string]func() (db.Image, db.Body, error){
			"image":   func() (db.Image, db.Body, error) { return s.Get(ctx, name) },
			"variant": func() (db.Image, db.Body, error) { return s.GetVariant(ctx, img.SHA256, "w=1") },
		} {
			for i, want := range []int{test.first, 0, 0} {
				if test.size > maxWhere*layout.ChunkSize && i > 0 {
					want = test.first - 1 // only the lookup is remembered
				}
				w := newDirect()
				got := transactions(s, func() {
					_, body, err := get()
					if err != nil {
						t.Fatal(err)
					}
					defer body.Close()
					if _, err := body.WriteTo(w); err != nil {
						t.Fatal(err)
					}
				})
				if got != want || kind == "image" && !bytes.Equal(w.Bytes(), data) {
					t.Errorf("%s of %d bytes, read %d: %d transactions, want %d", kind, test.size, i, got, want)
				}
				if want := 1 + test.size/(5*layout.ChunkSize); w.calls > want {
					t.Errorf("%s of %d bytes: %d calls of WriteNow, want %d", kind, test.size, w.calls, want)
				}
			}
		}
	}
}

// TestRememberedLookup: after each change, a read sees what the change has done, although the
// image was read just before.
func TestRememberedLookup(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	read := func(name string) string {
		_, body, err := s.Get(ctx, name)
		if err != nil {
			return errors.Unwrap(err).Error()
		}
		defer body.Close()
		w := newDirect()
		if _, err := body.WriteTo(w); err != nil {
			return err.Error()
		}
		return w.String()
	}
	missing := db.ErrNotFound.Error()
	want := func(name, content string) {
		t.Helper()
		for range 2 {
			if got := read(name); got != content {
				t.Errorf("%s: got %q, want %q", name, got, content)
			}
		}
	}
	want("a.png", missing)
	mustPut(t, s, "a.png", []byte("one"))
	want("a.png", "one")
	mustPutWith(t, s, "a.png", []byte("two"), db.PutOptions{Conflict: db.Replace})
	want("a.png", "two")
	if _, _, err := s.Rename(ctx, "a.png", "b.png", db.RenameOptions{}); err != nil {
		t.Fatal(err)
	}
	want("a.png", missing)
	want("b.png", "two")
	if err := s.Delete(ctx, "b.png", db.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	want("b.png", missing)
}

// TestManyLookups: the store remembers a limited number of lookups.
func TestManyLookups(t *testing.T) {
	t.Parallel()
	var l lookups
	for i := range 3 * maxLookups {
		l.put(lookupKey{key: fmt.Sprint(i)}, 7, new(found))
		if len(l.all) > maxLookups {
			t.Fatalf("%d lookups are remembered, want at most %d", len(l.all), maxLookups)
		}
	}
	last := lookupKey{key: fmt.Sprint(3*maxLookups - 1)}
	if l.get(last, 7) == nil || l.get(last, 8) != nil || l.get(last, 6) != nil {
		t.Error("a lookup is remembered for another transaction, or was forgotten")
	}
	if l.put(lookupKey{key: "late"}, 6, new(found)); l.get(last, 7) == nil {
		t.Error("the lookup of an older transaction replaced newer ones")
	}
}

// TestSmallChunkMoves reads a small image slowly while many others are stored. bbolt stores
// small chunks next to each other, and writes them to other pages with each commit.
func TestSmallChunkMoves(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	for _, size := range []int{10, 500, 900, 1000, 1100, 3000} {
		name, data := fmt.Sprintf("%d.png", size), content(byte(size), size)
		mustPut(t, s, name, data)
		_, body, err := s.Get(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		w := &direct{most: 1 + size/4, wait: func() {
			for range 20 {
				n++
				mustPut(t, s, fmt.Sprintf("%d-%d.png", size, n), content(byte(n), size+1))
			}
		}}
		if _, err := body.WriteTo(w); err != nil || !bytes.Equal(w.Bytes(), data) {
			t.Errorf("%d bytes: got %d other bytes and %v", size, w.Len(), err)
		}
		body.Close()
	}
}

// TestDeletedWhileSent deletes an image that a slow client reads, and stores others in its
// place. The client gets the bytes of the deleted image.
func TestDeletedWhileSent(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	for _, size := range []int{5_000, 100_000, 3_000_000} {
		data := content(byte(size), size)
		mustPut(t, s, "a.png", data)
		_, body, err := s.Get(ctx, "a.png")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		w := &direct{most: size / 5, wait: func() {
			if n++; n == 1 {
				if err := s.Delete(ctx, "a.png", db.DeleteOptions{}); err != nil {
					t.Error(err)
				}
			}
			mustPut(t, s, fmt.Sprintf("%d-%d.png", size, n), content(byte(n), size))
		}}
		if _, err := body.WriteTo(w); err != nil || !bytes.Equal(w.Bytes(), data) || n < 2 {
			t.Errorf("%d bytes: got %d other bytes and %v after %d waits", size, w.Len(), err, n)
		}
		body.Close()
	}
}

// TestMapMayMove: without a memory map that stays in place, bytes are copied.
func TestMapMayMove(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	data := content(1, 300_000)
	mustPut(t, s, "a.png", data)
	if runtime.GOOS == "linux" && s.mapped.size == 0 {
		t.Error("the memory map is not used")
	}
	s.mapped.size = 1 << 31
	s.mapped.grow(1 << 29)
	if s.mapped.size == 0 {
		t.Error("the memory map is not used although the file is much smaller")
	}
	if s.mapped.grow(1<<30 + 1); s.mapped.size != 0 {
		t.Error("the memory map is used although it may move")
	}
	_, body, err := s.Get(ctx, "a.png")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	w := newDirect()
	if _, err := body.WriteTo(w); err != nil || !bytes.Equal(w.Bytes(), data) || w.calls > 0 {
		t.Errorf("got %d bytes and %v, and %d calls of WriteNow, want none", w.Len(), err, w.calls)
	}
}

// TestFaultWhileSent cuts the file while an image is sent. The missing pages must not end the
// process.
func TestFaultWhileSent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "images.db")
	s := openStore(t, path, Options{Fatal: func(error) {}})
	mustPut(t, s, "a.png", content(1, 3_000_000))
	_, body, err := s.Get(ctx, "a.png")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	must(t, err)
	w := &direct{most: 10_000, wait: func() { must(t, os.Truncate(path, 64<<10)) }}
	if _, err := body.WriteTo(w); !errors.Is(err, db.ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
	body.Close()
	must(t, os.WriteFile(path, whole, 0o600)) // so that Close works
}

// TestCloseWaits: Close does not remove the memory map while bytes of it are sent.
func TestCloseWaits(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	data := content(1, 3_000_000)
	mustPut(t, s, "a.png", data)
	_, body, err := s.Get(ctx, "a.png")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	closed := make(chan error, 1)
	w := newDirect()
	w.begin = func() {
		go func() { closed <- s.Close() }()
		for !s.closed.Load() {
			runtime.Gosched()
		}
		time.Sleep(20 * time.Millisecond) // Close would remove the map now
	}
	if n, err := body.WriteTo(w); !errors.Is(err, db.ErrClosed) || n == 0 || !bytes.HasPrefix(data, w.Bytes()) {
		t.Errorf("got %d bytes and %v, want the bytes of one call and ErrClosed", n, err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
}

// TestClosedWhileSent: after Close, nothing reads from the memory map.
func TestClosedWhileSent(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	mustPut(t, s, "a.png", content(1, 3_000_000))
	_, body, err := s.Get(ctx, "a.png")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	w := &direct{most: 10_000, wait: func() { must(t, s.Close()) }}
	if n, err := body.WriteTo(w); !errors.Is(err, db.ErrClosed) || n != 10_000 {
		t.Errorf("got %d bytes and %v, want 10,000 and ErrClosed", n, err)
	}
}

// TestGetDamagedPage: Get returns the image although the page with its only chunk cannot be
// read. Only a read of the bytes returns the error.
func TestGetDamagedPage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "images.db")
	s := openStore(t, path, Options{})
	mustPut(t, s, "a.png", content(1, 20_000))
	key := layout.ChunkKey(recordOf(t, s, "a.png").Blob, 0)
	var at int64
	must(t, s.view(func(tx *bbolt.Tx) error {
		at = int64(tx.Bucket(layout.ChunksBucket).Bucket(key[:]).Root()) * s.pageSize
		return nil
	}))
	overwrite(t, path, at, bytes.Repeat([]byte{0xff}, 100))
	_, body, err := s.Get(ctx, "a.png")
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	defer body.Close()
	if n, err := body.WriteTo(newDirect()); n != 0 || !errors.Is(err, db.ErrDamaged) {
		t.Errorf("got %d bytes and %v, want ErrDamaged", n, err)
	}
}
