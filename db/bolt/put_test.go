package bolt

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"testing"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/receive"
)

// TestBlobIDs fails if the id of a blob is used again, also after the store was opened
// again.
func TestBlobIDs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "images.db")
	seen := map[uint64]bool{}
	for life := range byte(3) {
		s := openStore(t, path, Options{})
		for i := range byte(3) {
			mustPut(t, s, "a.png", content(life*10+i, 100))
			r := recordOf(t, s, "a.png")
			if seen[r.Blob] {
				t.Errorf("blob id %d was used twice", r.Blob)
			}
			seen[r.Blob] = true
			if err := s.Delete(ctx, "a.png", db.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
	}
}

// TestOrphans fails if a chunk stays in the file without an image.
func TestOrphans(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	big := content(1, 2*receive.SegmentChunks*layout.ChunkSize+1)
	chunks := chunkCount(int64(len(big)), layout.ChunkSize)

	broken := errors.New("broken")
	_, _, err := s.Put(ctx, "a.png", io.MultiReader(bytes.NewReader(big), errReader{broken}), db.PutOptions{})
	if !errors.Is(err, broken) {
		t.Fatalf("error %v, want the reader's", err)
	}
	wantChunks(t, s, 0)

	mustPut(t, s, "a.png", big)
	mustPut(t, s, "b.png", big) // staged, and then found to be there
	wantChunks(t, s, chunks)

	_, body, err := s.Get(ctx, "a.png")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.png", "b.png"} {
		if err := s.Delete(ctx, name, db.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(t, s, layout.ChunksBucket); got != chunks {
		t.Errorf("%d chunks while the image is read, want %d", got, chunks)
	}
	if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, big) {
		t.Errorf("%d bytes of the deleted image, error %v", len(got), err)
	}
	body.Close()
	wantChunks(t, s, 0)
}

type errReader struct{ error }

func (r errReader) Read([]byte) (int, error) { return 0, r.error }

// TestCrash opens a copy of the file as a crash during an upload would leave it.
func TestCrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "images.db"), filepath.Join(dir, "copy.db")
	s := openStore(t, path, Options{})
	mustPut(t, s, "whole.png", content(1, 100))

	pipe, feed := io.Pipe()
	put := make(chan error)
	go func() {
		_, _, err := s.Put(ctx, "half.png", pipe, db.PutOptions{})
		put <- err
	}()
	half := content(2, 2*receive.SegmentChunks*layout.ChunkSize+1)
	if _, err := feed.Write(half); err != nil {
		t.Fatal(err)
	}
	// The byte behind the second segment was read, so that is committed.
	err := s.view(func(tx *bbolt.Tx) error { return tx.CopyFile(copied, 0o600) })
	if err != nil {
		t.Fatal(err)
	}
	after := openStore(t, copied, Options{})
	wantChunks(t, after, 1)
	if images, _, err := after.List(ctx, db.ListOptions{Limit: 10}); err != nil || len(images) != 1 {
		t.Errorf("after the crash: %v, error %v, want the whole image alone", images, err)
	}
	feed.Close()
	if err := <-put; err != nil {
		t.Fatal(err)
	}
	if got := mustRead(t, s, "half.png"); !bytes.Equal(got, half) {
		t.Error("the upload that went on reads wrong")
	}
}

// TestLongBlob deletes a blob with more chunks than one commit may delete.
func TestLongBlob(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{NoSync: true})
	size := int64(dropChunks+10) * layout.ChunkSize
	_, _, err := s.Put(ctx, "long.png", io.LimitReader(zeros{}, size), db.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wantChunks(t, s, dropChunks+10)
	if err := s.Delete(ctx, "long.png", db.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	wantChunks(t, s, 0)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
