package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/bolttest"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/receive"
)

// unlike returns n bytes. No other i gives the same bytes.
func unlike(i, n int) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(i)), make([]byte, n-8)...)
}

// putMany stores the images from..to-1 with n bytes each, with several clients.
func putMany(t testing.TB, s *Store, from, to, n int) {
	t.Helper()
	eachOf(from, to, func(i int) {
		if _, _, err := s.Put(ctx, fmt.Sprintf("%d.png", i), bytes.NewReader(unlike(i, n)), db.PutOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// deleteMany deletes the images from..to-1.
func deleteMany(t testing.TB, s *Store, from, to int) {
	t.Helper()
	eachOf(from, to, func(i int) {
		if err := s.Delete(ctx, fmt.Sprintf("%d.png", i), db.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// eachOf calls fn with the numbers from..to-1, in several goroutines.
func eachOf(from, to int, fn func(i int)) {
	const clients = 16
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := from + c; i < to; i += clients {
				fn(i)
			}
		})
	}
	all.Wait()
}

// wroteBytes returns how many bytes bbolt writes while fn runs, without its meta pages.
func wroteBytes(s *Store, fn func()) int64 {
	stats := func() int64 { s := s.db.Stats().TxStats; return s.GetPageAlloc() }
	before := stats()
	fn()
	return stats() - before
}

// usedSize returns up to which offset the file has pages.
func usedSize(t testing.TB, s *Store) (n int64) {
	t.Helper()
	must(t, s.view(func(tx *bbolt.Tx) error { n = tx.Size(); return nil }))
	return n
}

// TestFreeListShort deletes many images. A small upload then must not write more than
// before, although most of the file is free: bbolt would write 2 MiB for each free GiB.
func TestFreeListShort(t *testing.T) {
	t.Parallel()
	bolttest.OneCaller(t)
	for _, size := range []int{1_000_000, 20_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "images.db")
			s := openStore(t, path, Options{NoSync: true})
			n := 96_000_000 / size
			putMany(t, s, 0, n, size)
			deleteMany(t, s, 0, n)
			if free := s.Stats().FileFree; free < 96_000_000 {
				t.Errorf("%d bytes are free, want all that was deleted", free)
			}
			for round := range 2 {
				const uploads = 20
				wrote := wroteBytes(s, func() {
					for i := range uploads {
						mustPut(t, s, fmt.Sprint(round, i), unlike(1e6+round*uploads+i, 20_000))
					}
				}) / uploads
				t.Logf("an upload of 20,000 bytes writes %d bytes", wrote)
				if wrote > 100_000 {
					t.Errorf("an upload of 20,000 bytes writes %d bytes, want at most 100,000", wrote)
				}
				must(t, s.Close())
				s = openStore(t, path, Options{NoSync: true})
			}
			wantSound(t, s)
			if r, found := checkFile(t, copyOf(t, s)); r.Problems != 0 {
				t.Errorf("check found %s", found)
			}
		})
	}
}

// copyOf returns the path of a copy of the file, as a crash would leave it now.
func copyOf(t testing.TB, s *Store) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "copy.db")
	must(t, s.view(func(tx *bbolt.Tx) error { return tx.CopyFile(path, 0o600) }))
	return path
}

// TestSpaceUsedAgain deletes all images and stores images of other sizes. The file must
// not become longer, whatever the sizes were.
func TestSpaceUsedAgain(t *testing.T) {
	t.Parallel()
	bolttest.OneCaller(t)
	const all = 32_000_000
	sizes := []int{1_000_000, 20_000, 200_000, 5_000_000, 100_000}
	s := newStore(t, Options{NoSync: true})
	next, first := 0, int64(0)
	for round, size := range slices.Concat(sizes, sizes) {
		from := next
		next += all / size
		putMany(t, s, from, next, size)
		for i := from; i < next; i += 7 {
			if !bytes.Equal(mustRead(t, s, fmt.Sprintf("%d.png", i)), unlike(i, size)) {
				t.Fatalf("image %d reads wrong", i)
			}
		}
		wantSound(t, s)
		if round == 0 {
			first = usedSize(t, s)
		}
		deleteMany(t, s, from, next)
	}
	if now := usedSize(t, s); now > first*4/3 {
		t.Errorf("the file grew from %d to %d bytes with %d bytes of images", first, now, all)
	}
	reclaimAll(t, s)
	if n := s.orphanBytes.Load(); n != 0 {
		t.Errorf("%d bytes of orphans are counted, want 0", n)
	}
	wantChunks(t, s, 0)
}

// TestOrphanRead deletes images while one of them is read. Its bytes must stay, the
// others are deleted, and in the end it is deleted, too.
func TestOrphanRead(t *testing.T) {
	t.Parallel()
	const n, size = 40, 300_000
	s := newStore(t, Options{NoSync: true})
	putMany(t, s, 0, n, size)
	_, body, err := s.Get(ctx, "30.png")
	must(t, err)
	deleteMany(t, s, 0, n)
	reclaimAll(t, s)
	if got, want := count(t, s, layout.ChunksBucket), chunkCount(size, layout.ChunkSize); got != want {
		t.Errorf("%d chunks are left, want the %d of the image that is read", got, want)
	}
	if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, unlike(30, size)) {
		t.Errorf("%d bytes of the deleted image, error %v", len(got), err)
	}
	must(t, body.Close())
	wantChunks(t, s, 0)
}

// TestOrphanCrash opens the file as a crash leaves it, between deleting and the reuse of
// the space. It also opens it after an earlier version has deleted the orphans.
func TestOrphanCrash(t *testing.T) {
	t.Parallel()
	const n, size = 60, 300_000
	s := newStore(t, Options{NoSync: true})
	putMany(t, s, 0, n, size)
	deleteMany(t, s, 10, n)
	after := openStore(t, copyOf(t, s), Options{NoSync: true})
	if got, want := after.Stats().FileFree, int64((n-10)*size); got < want {
		t.Errorf("%d bytes are free after the crash, want %d", got, want)
	}
	for i := range 10 {
		if !bytes.Equal(mustRead(t, after, fmt.Sprintf("%d.png", i)), unlike(i, size)) {
			t.Errorf("image %d reads wrong", i)
		}
	}
	before := usedSize(t, after)
	putMany(t, after, n, 2*n-10, size)
	if now := usedSize(t, after); now > before*11/10 {
		t.Errorf("the file grew from %d to %d bytes", before, now)
	}
	wantSound(t, after)

	old := copyOf(t, s)
	edit(t, old, func(tx *bbolt.Tx) error {
		orphans := tx.Bucket(layout.OrphansBucket)
		return orphans.ForEach(func(k, _ []byte) error {
			_, _, err := layout.DeleteChunks(tx, binary.BigEndian.Uint64(k), 1000)
			return errors.Join(err, orphans.Delete(bytes.Clone(k)))
		})
	})
	opened := openStore(t, old, Options{NoSync: true})
	if got := opened.orphanBytes.Load(); got != 0 {
		t.Errorf("%d bytes of orphans are counted after an earlier version deleted them", got)
	}
}

// TestAbortedUpload ends a long upload early. Its bytes are free space.
func TestAbortedUpload(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{NoSync: true})
	putMany(t, s, 0, 20, 1_000_000)
	deleteMany(t, s, 0, 20) // so that there are enough free pages
	before := s.Stats().FileFree
	broken := errors.New("broken")
	long := io.LimitReader(zeros{}, 8*receive.SegmentChunks*layout.ChunkSize+1)
	if _, _, err := s.Put(ctx, "a.png", io.MultiReader(long, errReader{broken}), db.PutOptions{}); !errors.Is(err, broken) {
		t.Fatalf("error %v, want the reader's", err)
	}
	wantSoon(t, func() bool { return s.Stats().FileFree > before-1<<20 })
	wantChunks(t, s, 0)
	wantSound(t, s)
}

// TestDamagedOrphan damages a chunk of a deleted image, so that bbolt cannot delete it.
// Uploads must continue, and the other orphans must be deleted.
func TestDamagedOrphan(t *testing.T) {
	t.Parallel()
	const n, size = 120, 300_000 // so many that most of them are still orphans
	path := filepath.Join(t.TempDir(), "images.db")
	s := openStore(t, path, Options{NoSync: true})
	putMany(t, s, 0, n, size)
	deleteMany(t, s, 0, n)
	var root uint64
	must(t, s.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(layout.OrphansBucket).Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			key := layout.ChunkKey(binary.BigEndian.Uint64(k), 1)
			if b := tx.Bucket(layout.ChunksBucket).Bucket(key[:]); b != nil { // some chunks of the first may have been deleted
				root = uint64(b.Root())
				return nil
			}
		}
		return errors.New("no orphan is left")
	}))
	must(t, s.Close())
	overwrite(t, path, int64(root)*int64(os.Getpagesize()), make([]byte, 32))
	s = openStore(t, path, Options{NoSync: true})
	putMany(t, s, n, 2*n, size)
	if got := count(t, s, layout.OrphansBucket); got == 0 {
		t.Error("the damaged orphan was deleted, so this test proves nothing")
	}
	for i := n; i < 2*n; i++ {
		if !bytes.Equal(mustRead(t, s, fmt.Sprintf("%d.png", i)), unlike(i, size)) {
			t.Errorf("image %d reads wrong", i)
		}
	}
}

// TestReplaceUndeletable replaces and deletes images with a chunk that cannot be deleted. Its
// bytes stay in the file, but the names must be free.
func TestReplaceUndeletable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "images.db")
	s := openStore(t, path, Options{})
	var roots []uint64
	for i, name := range []string{"a.png", "b.png"} {
		mustPut(t, s, name, content(byte(i), 300_000))
		key := layout.ChunkKey(recordOf(t, s, name).Blob, 1)
		must(t, s.view(func(tx *bbolt.Tx) error {
			roots = append(roots, uint64(tx.Bucket(layout.ChunksBucket).Bucket(key[:]).Root()))
			return nil
		}))
	}
	must(t, s.Close())
	for _, root := range roots {
		overwrite(t, path, int64(root)*int64(os.Getpagesize())+32, []byte("d")) // the key of the chunk, after the headers of the page and of the element
	}
	s = openStore(t, path, Options{})
	mustPutWith(t, s, "a.png", content(7, 1000), db.PutOptions{Conflict: db.Replace})
	must(t, s.Delete(ctx, "b.png", db.DeleteOptions{}))
	if got := mustRead(t, s, "a.png"); !bytes.Equal(got, content(7, 1000)) {
		t.Errorf("got %d other bytes", len(got))
	}
	if _, err := s.Stat(ctx, "b.png"); !errors.Is(err, db.ErrNotFound) {
		t.Errorf("the deleted image: got %v, want ErrNotFound", err)
	}
	putMany(t, s, 0, 40, 300_000) // these need pages, so the orphans are tried
}
