package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/bolt/internal/page"
	"imageserver/db/chunk"
)

// swapKeys exchanges two keys of equal length everywhere in a file, so that they are
// out of order.
func swapKeys(t *testing.T, path string, a, b []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	mark := bytes.Repeat([]byte{0xA7}, len(a))
	data = bytes.ReplaceAll(data, a, mark)
	data = bytes.ReplaceAll(data, b, a)
	data = bytes.ReplaceAll(data, mark, b)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestKeysOutOfOrder deletes by indexes whose keys are out of order because of damage:
// a key that was read is not found. Each delete must end with an error.
func TestKeysOutOfOrder(t *testing.T) {
	t.Parallel()
	path, _ := fillStore(t)
	edit(t, path, func(tx *bbolt.Tx) error {
		for i := range uint64(60) { // entries of nothing, and too many to stand in the page of the root
			err := errors.Join(
				tx.Bucket(layout.MadeBucket).Put(layout.IDKey(i+1), []byte("none")),
				tx.Bucket(layout.ExpiryBucket).Put(layout.ExpiryKey(time.Unix(int64(i+1), 0), []byte("none")), nil),
			)
			if err != nil {
				return err
			}
		}
		return nil
	})
	first, last := layout.ExpiryKey(time.Unix(1, 0), []byte("none")), layout.ExpiryKey(time.Unix(60, 0), []byte("none"))
	swapKeys(t, path, first, last)
	swapKeys(t, path, append(layout.IDKey(1), "none"...), append(layout.IDKey(60), "none"...))
	if r, found := checkFile(t, path); !r.Structural {
		t.Fatalf("the check does not see that keys are out of order:\n%s", found)
	}
	s := openStore(t, path, Options{})
	if _, err := s.sweepExpired(); !errors.Is(err, db.ErrDamaged) {
		t.Errorf("what has expired: error %v, want ErrDamaged", err)
	}
	if err := s.TrimVariants(ctx, 0); !errors.Is(err, db.ErrDamaged) {
		t.Errorf("variants: error %v, want ErrDamaged", err)
	}
}

// TestCircle opens a file in which a page leads to itself, and a file in which the
// bucket of a chunk is not a leaf. In both, bbolt would loop until the memory is full.
func TestCircle(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "images.db")
	s := openStore(t, path, Options{})
	for i := range 300 {
		mustPut(t, s, fmt.Sprintf("%d.png", i), append(content(byte(i), 50), layout.IDKey(uint64(i))...))
	}
	s.Close()
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := pagesOf(t, path)
	var chunks page.Bucket
	page.NewWalker(p, func(err error) { t.Error(err) }, func(int64) {}).Bucket(p.Meta.Root, func(k, _ []byte, nested *page.Bucket) {
		if bytes.Equal(k, layout.ChunksBucket) {
			chunks = *nested
		}
	})
	branch := int64(chunks.Root) * p.Meta.PageSize
	if flags := page.ByteOrder.Uint16(sound[branch+8:]); flags != 1 {
		t.Fatalf("the root of the chunks has the flags %#x, want a branch", flags)
	}
	overwrite(t, path, branch+page.HeaderSize+8, page.ByteOrder.AppendUint64(nil, chunks.Root))
	if s, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), "used twice") {
		if s != nil {
			s.Close()
		}
		t.Errorf("opened a file with a circle: %v", err)
	}

	if err := os.WriteFile(path, sound, 0o600); err != nil {
		t.Fatal(err)
	}
	// The chunk of 0.png: the bucket's header, the page's, with its flags, and an element. A free
	// page can have an earlier copy of it, so all copies are overwritten.
	copies := 0
	for end := 0; ; copies++ {
		found := bytes.Index(sound[end:], content(0, 50))
		if found < 0 {
			break
		}
		at := int64(end + found - chunk.ChecksumSize - len(layout.ChunkValueKey) - page.ElementSize - page.HeaderSize)
		overwrite(t, path, at+8, make([]byte, 8))                 // neither leaf nor branch
		overwrite(t, path, at+page.HeaderSize+8, make([]byte, 8)) // and if it were a branch, one that leads to itself
		end += found + 50
	}
	t.Logf("the file has %d copies of the chunk", copies)
	s = openStore(t, path, Options{})
	if err := s.Delete(ctx, "0.png", db.DeleteOptions{}); !errors.Is(err, db.ErrDamaged) {
		t.Errorf("delete of a damaged chunk: error %v, want ErrDamaged", err)
	}
	if err := s.Delete(ctx, "1.png", db.DeleteOptions{}); err != nil {
		t.Errorf("delete of a sound one beside it: %v", err)
	}
}
