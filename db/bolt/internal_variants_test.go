package bolt

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/bolttest"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/receive"
)

// ample is a budget that no test reaches.
const ample = 1 << 40

func putVariant(s *Store, source db.Digest, key string, content []byte, budget int64) error {
	_, err := s.PutVariant(ctx, source, key, bytes.NewReader(content), db.VariantOptions{Budget: budget})
	return err
}

func mustPutVariant(t testing.TB, s *Store, source db.Digest, key string, content []byte, budget int64) {
	t.Helper()
	if err := putVariant(s, source, key, content, budget); err != nil {
		t.Fatal(err)
	}
}

func readVariant(s *Store, source db.Digest, key string) ([]byte, error) {
	_, body, err := s.GetVariant(ctx, source, key)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// wantUsage checks the counts, and the number of variants in the file.
func wantUsage(t testing.TB, s *Store, want db.Usage) {
	t.Helper()
	got, err := s.Usage(ctx)
	if err != nil || got != want {
		t.Errorf("usage %+v, error %v, want %+v", got, err, want)
	}
	for _, bucket := range [][]byte{layout.VariantsBucket, layout.MadeBucket} {
		if got := count(t, s, bucket); got != int(want.Variants) {
			t.Errorf("%d keys in %s, want %d", got, bucket, want.Variants)
		}
	}
}

// TestVariantsLeaveNothing fails if a chunk stays in the file without a variant.
func TestVariantsLeaveNothing(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	small, big := content(1, layout.ChunkSize), content(2, 2*receive.SegmentChunks*layout.ChunkSize+1)
	bigChunks := chunkCount(int64(len(big)), layout.ChunkSize)
	source := mustPut(t, s, "a.png", content(3, 100)).SHA256
	usage := db.Usage{Images: 1, Bytes: 100, Blobs: 1, Stored: 100}

	// Staged, and then refused.
	if err := putVariant(s, source, "w=1", big, int64(len(big)-1)); !errors.Is(err, db.ErrBudget) {
		t.Errorf("error %v, want ErrBudget", err)
	}
	if err := putVariant(s, db.Digest{}, "w=1", big, ample); !errors.Is(err, db.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
	wantChunks(t, s, 1)
	wantUsage(t, s, usage)

	for _, content := range [][]byte{big, small, big, big} { // each in the place of the one before
		mustPutVariant(t, s, source, "w=1", content, ample)
		wantChunks(t, s, 1+chunkCount(int64(len(content)), layout.ChunkSize))
	}
	_, body, err := s.GetVariant(ctx, source, "w=1")
	if err != nil {
		t.Fatal(err)
	}
	mustPutVariant(t, s, source, "w=2", small, layout.ChunkSize) // evicts it
	if got := count(t, s, layout.ChunksBucket); got != 2+bigChunks {
		t.Errorf("%d chunks while the evicted variant is read, want %d", got, 2+bigChunks)
	}
	if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, big) {
		t.Errorf("%d bytes of the evicted variant, error %v", len(got), err)
	}
	body.Close()
	wantChunks(t, s, 2)
	usage.Variants, usage.VariantBytes = 1, layout.ChunkSize
	wantUsage(t, s, usage)

	mustPutVariant(t, s, source, "w=3", big, ample)
	if err := s.Delete(ctx, "a.png", db.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	wantChunks(t, s, 0)
	wantUsage(t, s, db.Usage{})
}

// TestManyChunksGo evicts variants with more chunks than one commit may delete.
func TestManyChunksGo(t *testing.T) {
	t.Parallel()
	bolttest.OneCaller(t)
	s := newStore(t, Options{NoSync: true})
	source := mustPut(t, s, "a.png", nil).SHA256
	const n = 4
	size := int64(dropChunks/2) * layout.ChunkSize
	for i := range n {
		_, err := s.PutVariant(ctx, source, fmt.Sprint(i), io.LimitReader(zeros{}, size), db.VariantOptions{Budget: n * size})
		if err != nil {
			t.Fatal(err)
		}
	}
	wantChunks(t, s, n*dropChunks/2)
	left := 0
	err := s.submit(&change{
		check: func(*txn) (bool, error) { return true, nil },
		apply: func(tx *txn) error {
			tx.room = math.MaxInt64
			err := tx.evict(0)
			c := tx.Bucket(layout.ChunksBucket).Cursor()
			for k, _ := c.First(); k != nil; k, _ = c.Next() {
				left++
			}
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := n*dropChunks/2 - dropChunks; left != want {
		t.Errorf("one commit left %d chunks, want %d", left, want)
	}
	wantUsage(t, s, db.Usage{Images: 1, Blobs: 1})
	wantChunks(t, s, 0)
}

// TestGiveWayInSteps has more small variants than one commit deletes for an upload.
func TestGiveWayInSteps(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{NoSync: true})
	source := mustPut(t, s, "a.png", nil).SHA256
	const n = dropChunks + 10
	for i := range n {
		mustPutVariant(t, s, source, fmt.Sprint(i), []byte("x"), ample)
	}
	for _, left := range []int64{10, 0, 0} {
		had := count(t, s, layout.VariantsBucket) > 0
		if got := s.makeSpace(1 << 20); got != had {
			t.Errorf("some variants gave way: %t, want %t", got, had)
		}
		wantUsage(t, s, db.Usage{Images: 1, Blobs: 1, Variants: left, VariantBytes: left})
		wantChunks(t, s, int(left))
	}
}

// TestDamagedVariant damages a variant in several ways. Reading must report it, nothing else
// may be affected, and the variant can be made again, evicted, or deleted with its image.
func TestDamagedVariant(t *testing.T) {
	t.Parallel()
	data := content(1, 2*layout.ChunkSize+500)
	k := layout.VariantKey(sha256.Sum256(content(2, 100)), "w=1")
	for _, damage := range []struct {
		name string
		do   func(tx *bbolt.Tx, blob uint64) error
	}{
		{"flipped", func(tx *bbolt.Tx, blob uint64) error {
			place := layout.ChunkKey(blob, 1)
			b := tx.Bucket(layout.ChunksBucket).Bucket(place[:])
			v := bytes.Clone(b.Get(layout.ChunkValueKey))
			v[1000] ^= 1
			return b.Put(layout.ChunkValueKey, v)
		}},
		{"chunk missing", func(tx *bbolt.Tx, blob uint64) error {
			place := layout.ChunkKey(blob, 1)
			return tx.Bucket(layout.ChunksBucket).DeleteBucket(place[:])
		}},
		{"record unreadable", func(tx *bbolt.Tx, blob uint64) error {
			return tx.Bucket(layout.VariantsBucket).Put(k, []byte("unreadable"))
		}},
	} {
		for _, fix := range []struct {
			name     string
			do       func(s *Store, source db.Digest) error
			images   int64 // of 100 bytes
			variants int64 // of data
		}{
			{"made again", func(s *Store, source db.Digest) error { return putVariant(s, source, "w=1", data, ample) }, 2, 2},
			{"evicted", func(s *Store, source db.Digest) error {
				return putVariant(s, source, "w=2", data, 2*int64(len(data)))
			}, 2, 2},
			{"deleted", func(s *Store, source db.Digest) error { return s.Delete(ctx, "a.png", db.DeleteOptions{}) }, 1, 1},
		} {
			t.Run(damage.name+" "+fix.name, func(t *testing.T) {
				t.Parallel()
				s := newStore(t, Options{Log: slog.New(slog.DiscardHandler)})
				source := mustPut(t, s, "a.png", content(2, 100)).SHA256
				other := mustPut(t, s, "b.png", content(3, 100)).SHA256
				mustPutVariant(t, s, source, "w=1", data, ample)
				mustPutVariant(t, s, other, "w=1", data, ample)
				err := tamper(s, func(tx *bbolt.Tx) error {
					r, err := findVariant(tx, k)
					return errors.Join(err, damage.do(tx, r.Blob))
				})
				if err != nil {
					t.Fatal(err)
				}
				_, err = readVariant(s, source, "w=1")
				if !errors.Is(err, db.ErrDamaged) || !strings.Contains(err.Error(), source.String()+"/w=1") {
					t.Errorf("error %v, want ErrDamaged with source and key", err)
				}
				if err := fix.do(s, source); err != nil {
					t.Fatal(err)
				}
				if got, err := readVariant(s, source, "w=1"); fix.name == "made again" {
					if err != nil || !bytes.Equal(got, data) {
						t.Errorf("the variant made again: %d bytes, error %v", len(got), err)
					}
				} else if !errors.Is(err, db.ErrNotFound) {
					t.Errorf("error %v, want ErrNotFound", err)
				}
				if got, err := readVariant(s, other, "w=1"); err != nil || !bytes.Equal(got, data) {
					t.Errorf("the other variant: %d bytes, error %v", len(got), err)
				}
				wantUsage(t, s, db.Usage{
					Images: fix.images, Bytes: 100 * fix.images, Blobs: fix.images, Stored: 100 * fix.images,
					Variants: fix.variants, VariantBytes: fix.variants * int64(len(data)),
				})
				wantChunks(t, s, int(fix.images)+3*int(fix.variants))
			})
		}
	}
}

// TestVariantLost deletes the record of a variant. The variant is not found, and the
// others can still be evicted.
func TestVariantLost(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	source := mustPut(t, s, "a.png", content(1, 100)).SHA256
	for _, key := range []string{"lost", "b", "c"} {
		mustPutVariant(t, s, source, key, content(2, 1000), ample)
	}
	err := tamper(s, func(tx *bbolt.Tx) error {
		return tx.Bucket(layout.VariantsBucket).Delete(layout.VariantKey(source, "lost"))
	})
	if err != nil {
		t.Fatal(err)
	}
	within(t, func() {
		mustPutVariant(t, s, source, "d", nil, 0)
		wantUsage(t, s, db.Usage{Images: 1, Bytes: 100, Blobs: 1, Stored: 100, Variants: 1})
	})
}

// newBoundedStore makes a store whose file is limited to size bytes.
func newBoundedStore(t *testing.T, size int64) *Store {
	t.Helper()
	return newStore(t, Options{NoSync: true, MaxSize: size})
}

// TestVariantsGiveWay limits the size of the file.
func TestVariantsGiveWay(t *testing.T) {
	t.Parallel()
	s := newBoundedStore(t, 24<<20)
	testGiveWay(t, s, 24<<20)
}

// testGiveWay fills a store that has room for size bytes. Variants must use only the space
// that is left. For images the oldest variants must be deleted, and no others than needed.
func testGiveWay(t *testing.T, s *Store, size int64) {
	source := mustPut(t, s, "a.png", content(0, 100)).SHA256
	var err error
	n := 0
	for ; err == nil && n < 1000; n++ {
		data := content(byte(n), []int{3_000, 20_000, 300_000}[n%3])
		err = putVariant(s, source, fmt.Sprint(n), data, ample)
	}
	n-- // the last one was refused
	if !errors.Is(err, db.ErrFull) {
		t.Fatalf("error %v, want ErrFull", err)
	}
	long := content(1, 3*receive.SegmentChunks*layout.ChunkSize) // which is staged
	if err := putVariant(s, source, "long", long, ample); !errors.Is(err, db.ErrFull) {
		t.Errorf("error %v, want ErrFull", err)
	}
	before, err := s.Usage(ctx)
	if err != nil || before.Variants != int64(n) || before.VariantBytes < size/2 {
		t.Fatalf("usage %+v, error %v, want all of %d variants, which fill the file", before, err, n)
	}

	data := content(1, 1<<20)
	mustPut(t, s, "b.png", data)
	after, err := s.Usage(ctx)
	if err != nil || after.Variants < int64(n)/2 || after.Variants >= before.Variants {
		t.Errorf("%d of %d variants, error %v, want some that gave way and most that did not", after.Variants, n, err)
	}
	if _, err := readVariant(s, source, "0"); !errors.Is(err, db.ErrNotFound) {
		t.Errorf("the oldest variant: error %v, want ErrNotFound", err)
	}
	last := fmt.Sprint(n - 1)
	if _, err := readVariant(s, source, last); err != nil {
		t.Errorf("the newest variant: %v", err)
	}

	images := 0
	for ; ; images++ { // of which one is staged in several segments
		data := content(byte(images), []int{4 << 20, 300_000}[min(images, 1)])
		_, _, err = s.Put(ctx, fmt.Sprintf("%d.png", images), bytes.NewReader(data), db.PutOptions{})
		if err != nil {
			break
		}
	}
	if !errors.Is(err, db.ErrFull) {
		t.Fatalf("error %v, want ErrFull", err)
	}
	full, err := s.Usage(ctx)
	if err != nil || full.Variants != 0 || full.VariantBytes != 0 || full.Stored < size/2 {
		t.Errorf("usage %+v, error %v, want no variants, and images that fill the file", full, err)
	}
	if err := putVariant(s, source, "w=1", data, ample); !errors.Is(err, db.ErrFull) {
		t.Errorf("error %v, want ErrFull", err)
	}
	if got := mustRead(t, s, "b.png"); !bytes.Equal(got, data) {
		t.Error("an image reads wrong")
	}
	for i := range images {
		if err := s.Delete(ctx, fmt.Sprintf("%d.png", i), db.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	mustPutVariant(t, s, source, "w=1", data, ample)
}
