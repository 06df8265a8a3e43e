package bolt

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/bolttest"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/chunk"
	"imageserver/db/receive"
)

// TestDamage flips one byte of each chunk in the file, and exchanges two chunks. Neither
// may be read as sound.
func TestDamage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "images.db")
	s := openStore(t, path, Options{})
	damaged, sound := content(1, 3*layout.ChunkSize+500), content(2, layout.ChunkSize)
	mustPut(t, s, "damaged.png", damaged)
	mustPut(t, s, "sound.png", sound)
	s.Close()

	edit := func(fn func(chunks *bbolt.Bucket, id uint64) error) {
		t.Helper()
		s := openStore(t, path, Options{})
		defer s.Close()
		r := recordOf(t, s, "damaged.png")
		err := tamper(s, func(tx *bbolt.Tx) error { return fn(tx.Bucket(layout.ChunksBucket), r.Blob) })
		if err != nil {
			t.Fatal(err)
		}
	}
	value := func(chunks *bbolt.Bucket, id uint64, n int) (*bbolt.Bucket, []byte) {
		place := layout.ChunkKey(id, n)
		b := chunks.Bucket(place[:])
		return b, bytes.Clone(b.Get(layout.ChunkValueKey))
	}
	wantDamage := func(from int) {
		t.Helper()
		s := openStore(t, path, Options{})
		defer s.Close()
		_, body, err := s.Get(ctx, "damaged.png")
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		var got bytes.Buffer
		_, err = body.WriteTo(&got)
		if !errors.Is(err, db.ErrDamaged) || !strings.Contains(err.Error(), "damaged.png") {
			t.Errorf("error %v, want ErrDamaged with the name", err)
		}
		if !bytes.Equal(got.Bytes(), damaged[:from*layout.ChunkSize]) {
			t.Errorf("%d bytes before the damage, want the %d good ones", got.Len(), from*layout.ChunkSize)
		}
		w := newDirect()
		n, err := body.WriteN(w, int64(len(damaged))) // from the damage on
		if !errors.Is(err, db.ErrDamaged) || !strings.Contains(err.Error(), "damaged.png") || n != 0 {
			t.Errorf("to a direct receiver: %d bytes and error %v, want none and ErrDamaged with the name", n, err)
		}
		if !bytes.Equal(mustRead(t, s, "sound.png"), sound) {
			t.Error("the other image changed")
		}
	}
	for n := range 4 {
		flip := func(chunks *bbolt.Bucket, id uint64) error {
			b, v := value(chunks, id, n)
			v[100*n] ^= 1 // in the first chunk that is its checksum
			return b.Put(layout.ChunkValueKey, v)
		}
		edit(flip)
		wantDamage(n)
		edit(flip)
	}
	edit(func(chunks *bbolt.Bucket, id uint64) error {
		b1, v1 := value(chunks, id, 1)
		b2, v2 := value(chunks, id, 2)
		return errors.Join(b1.Put(layout.ChunkValueKey, v2), b2.Put(layout.ChunkValueKey, v1))
	})
	wantDamage(1)
	edit(func(chunks *bbolt.Bucket, id uint64) error {
		place := layout.ChunkKey(id, 1)
		return chunks.DeleteBucket(place[:])
	})
	wantDamage(1)
}

// TestDamageBetweenParts damages a chunk after a part of it was read. The rest of the
// chunk is not read as sound, although the chunk was when it was verified.
func TestDamageBetweenParts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "images.db")
	s := openStore(t, path, Options{})
	data := content(1, layout.ChunkSize)
	mustPut(t, s, "a.png", data)
	_, body, err := s.Get(ctx, "a.png")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	w := &slowReceiver{}
	w.afterFirst = func() {
		f, err := s.find(lookupKey{key: "a.png"})
		must(t, err)
		chunks, err := f.locate(s, 0, 1)
		must(t, err)
		last := &chunks[0][len(chunks[0])-1]
		overwrite(t, path, int64(uintptr(unsafe.Pointer(last))-s.db.Info().Data), []byte{*last ^ 1})
	}
	if _, err = body.WriteTo(w); !errors.Is(err, db.ErrDamaged) {
		t.Errorf("error %v, want ErrDamaged", err)
	}
	if got := w.Bytes(); len(got) == 0 || len(got) == len(data) || !bytes.HasPrefix(data, got) {
		t.Errorf("got %d bytes, want the sound parts before the damaged one, and only those", len(got))
	}
}

// slowReceiver takes one part at a time.
type slowReceiver struct {
	bytes.Buffer
	afterFirst func()
}

func (r *slowReceiver) Room(int) (int, error) {
	if r.Len() > 0 && r.afterFirst != nil {
		r.afterFirst()
		r.afterFirst = nil
	}
	return chunk.PartSize, nil
}

// TestRepairByUpload damages an image and uploads its bytes again. The result must not
// be the damaged blob, and the other names of these bytes must be repaired.
func TestRepairByUpload(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		again string
		want  db.Outcome
	}{
		{"a.png", db.Unchanged},
		{"b.png", db.Unchanged},
		{"c.png", db.Created},
		{"taken.png", db.Replaced},
	} {
		t.Run(test.again, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, Options{})
			want := content(1, receive.SegmentChunks*layout.ChunkSize+1)
			ending := db.PutOptions{Expires: time.Now().Add(time.Hour)}
			mustPutWith(t, s, "a.png", want, ending)
			mustPutWith(t, s, "b.png", want, ending)
			mustPut(t, s, "taken.png", content(2, 100))
			r := recordOf(t, s, "a.png")
			err := tamper(s, func(tx *bbolt.Tx) error {
				place := layout.ChunkKey(r.Blob, 3)
				return tx.Bucket(layout.ChunksBucket).Bucket(place[:]).Put(layout.ChunkValueKey, []byte("what is left of it"))
			})
			if err != nil {
				t.Fatal(err)
			}
			_, outcome, err := s.Put(ctx, test.again, bytes.NewReader(want), db.PutOptions{Conflict: db.Replace})
			if err != nil || outcome != test.want {
				t.Fatalf("outcome %v, error %v, want %v", outcome, err, test.want)
			}
			for _, name := range []string{"a.png", "b.png", test.again} {
				if !bytes.Equal(mustRead(t, s, name), want) {
					t.Errorf("%s still reads wrong", name)
				}
			}
			if img, err := s.Stat(ctx, test.again); err != nil || !img.Expires.IsZero() {
				t.Errorf("%s expires at %v, error %v, want never, as its last upload said", test.again, img.Expires, err)
			}
			images, _, err := s.List(ctx, db.ListOptions{Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			distinct := map[db.Digest]bool{}
			var usage db.Usage
			for _, img := range images {
				usage.Images++
				usage.Bytes += img.Size
				if !distinct[img.SHA256] {
					distinct[img.SHA256] = true
					usage.Blobs++
					usage.Stored += img.Size
				}
			}
			if got, err := s.Usage(ctx); err != nil || got != usage {
				t.Errorf("usage %+v, error %v, want %+v", got, err, usage)
			}
			chunks := chunkCount(int64(len(want)), layout.ChunkSize)
			if !distinct[sha256.Sum256(content(2, 100))] {
				wantChunks(t, s, chunks)
			} else {
				wantChunks(t, s, chunks+1)
			}
		})
	}
}

// within stops the test if fn hangs.
func within(t *testing.T, fn func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("the store hangs")
	}
}

// TestPageLost overwrites each page of the file, with zeros or with another page, before
// the file is opened and while it is open. Nothing may panic or hang, and no wrong byte
// may be read.
func TestPageLost(t *testing.T) {
	t.Parallel()
	bolttest.OneCaller(t)
	path := filepath.Join(t.TempDir(), "images.db")
	quiet := Options{Log: slog.New(slog.DiscardHandler)}
	s := openStore(t, path, quiet)
	const images = 20
	name := func(i byte) string { return fmt.Sprintf("%d.png", i) }
	for i := range byte(images) {
		mustPut(t, s, name(i), content(i, 1000))
	}
	s.Close()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	use := func(s *Store) {
		defer s.Close()
		for i := range byte(images) {
			_, body, err := s.Get(ctx, name(i))
			if err != nil {
				continue
			}
			if got, err := io.ReadAll(body); err == nil && !bytes.Equal(got, content(i, 1000)) {
				t.Errorf("%s reads wrong", name(i))
			}
			body.Close()
		}
		s.List(ctx, db.ListOptions{Limit: 100})
		s.Put(ctx, "new.png", strings.NewReader("new"), db.PutOptions{})
		s.Delete(ctx, name(3), db.DeleteOptions{})
	}
	size := os.Getpagesize()
	dir := t.TempDir()
	for number := range min(len(good)/size, 30) {
		for _, page := range [][]byte{make([]byte, size), good[2*size:][:size], good[len(good)/2/size*size:][:size]} {
			damaged := filepath.Join(dir, "images.db")
			bad := bytes.Clone(good)
			copy(bad[number*size:], page)
			if err := os.WriteFile(damaged, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			within(t, func() {
				if s, err := Open(damaged, quiet); err == nil {
					use(s)
				}
			})
			if err := os.WriteFile(damaged, good, 0o600); err != nil {
				t.Fatal(err)
			}
			within(t, func() {
				s, err := Open(damaged, quiet)
				if err != nil {
					t.Errorf("page %d: open the sound file: %v", number, err)
					return
				}
				s.file.WriteAt(page, int64(number*size))
				use(s)
			})
		}
	}
}
