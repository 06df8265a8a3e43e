package bolt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/bolttest"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/bolt/offline"
)

var ctx = context.Background()

// These are used so often that they have short names here.
var (
	must      = bolttest.Must
	content   = bolttest.Content
	mustPut   = bolttest.Put
	mustRead  = bolttest.Read
	edit      = bolttest.Edit
	overwrite = bolttest.Overwrite
	pagesOf   = bolttest.Pages
)

// fillStore makes a data file with something of everything the layout has, and
// returns its path and the images.
func fillStore(t testing.TB) (path string, images map[string][]byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "images.db")
	s := openStore(t, path, Options{})
	images = bolttest.Fill(t, s)
	must(t, s.Close())
	return path, images
}

func newStore(t testing.TB, o Options) *Store {
	t.Helper()
	return openStore(t, filepath.Join(t.TempDir(), "images.db"), o)
}

// checkFile checks a file, and returns what was found, a line each.
func checkFile(t testing.TB, path string) (*offline.Report, string) {
	t.Helper()
	var found strings.Builder
	r, err := offline.Check(ctx, path, offline.Watch{Found: func(p offline.Problem) { fmt.Fprintln(&found, p) }})
	must(t, err)
	return r, found.String()
}

func openStore(t testing.TB, path string, o Options) *Store {
	t.Helper()
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// tamper changes the file behind the store's back, but not so that it notices.
func tamper(s *Store, fn func(tx *bbolt.Tx) error) error {
	err := s.db.Update(fn)
	if err == nil {
		s.lastTx.Add(1)
	}
	return err
}

// recordOf returns the record under name.
func recordOf(t testing.TB, s *Store, name string) (r *layout.Record) {
	t.Helper()
	err := s.view(func(tx *bbolt.Tx) (err error) { r, err = s.findImage(tx, name); return err })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// count returns how many keys a bucket holds.
func count(t testing.TB, s *Store, bucket []byte) (n int) {
	t.Helper()
	err := s.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucket).ForEach(func(_, _ []byte) error { n++; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// chunkCount is the number of chunks of a blob of size bytes.
func chunkCount(size int64, chunkSize int) int {
	return int((size + int64(chunkSize) - 1) / int64(chunkSize))
}

// wantChunks waits for the sweeper and then counts what it should have left.
func wantChunks(t testing.TB, s *Store, want int) {
	t.Helper()
	for range 500 {
		if count(t, s, layout.OrphansBucket) == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if got := count(t, s, layout.OrphansBucket); got != 0 {
		t.Errorf("%d orphans, want them swept", got)
	}
	if got := count(t, s, layout.ChunksBucket); got != want {
		t.Errorf("%d chunks in the file, want %d", got, want)
	}
}

// TestBlobIDs sees that a blob's id is not used again, in this life of the
// process or the next.
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

// TestDamage flips one byte of every stored chunk in turn, in the file, and
// exchanges two chunks: neither is ever read as good.
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

// TestHeal damages an image and uploads its bytes again: that must not be
// answered with the damaged copy, and mends the other names of these bytes.
func TestHeal(t *testing.T) {
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
			want := content(1, segmentChunks*layout.ChunkSize+1)
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
				t.Errorf("%s ends at %v, error %v, want never, as its last upload said", test.again, img.Expires, err)
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

// TestOrphans sees that no chunk stays in the file without an image.
func TestOrphans(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	big := content(1, 2*segmentChunks*layout.ChunkSize+1)
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

// TestCrash takes a copy of the file while an upload is staged, as a crash
// would leave it, and opens it.
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
	half := content(2, 2*segmentChunks*layout.ChunkSize+1)
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

// TestGroupCommit holds the committer up and sees that all that queued up
// meanwhile goes into one transaction, and that one refusal there harms nobody.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	mustPut(t, s, "taken.png", content(0, 10))
	hold, held := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		s.Put(ctx, "first.png", bytes.NewReader(nil), db.PutOptions{Allow: func(*db.Image) error {
			close(held)
			<-hold
			return nil
		}})
	})
	<-held
	var txID int
	if err := s.view(func(tx *bbolt.Tx) error { txID = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	const n = 20
	for i := range byte(n) {
		all.Go(func() {
			_, _, err := s.Put(ctx, fmt.Sprintf("%d.png", i), bytes.NewReader(content(i+1, 1000)), db.PutOptions{})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Go(func() {
		_, _, err := s.Put(ctx, "taken.png", bytes.NewReader([]byte("other")), db.PutOptions{Conflict: db.Fail})
		if !errors.Is(err, db.ErrExists) {
			t.Errorf("error %v, want ErrExists", err)
		}
	})
	for len(s.queue) < n+1 {
		time.Sleep(time.Millisecond)
	}
	close(hold)
	all.Wait()
	err := s.view(func(tx *bbolt.Tx) error {
		if got := tx.ID() - txID; got != 2 {
			t.Errorf("%d commits, want one for the upload that was held and one for the rest", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestGroupFails commits a change that cannot be applied together with others:
// each gets its own answer, the refused ones a refusal.
func TestGroupFails(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	yes := func(*txn) (bool, error) { return true, nil }
	refused, broken := errors.New("refused"), errors.New("broken")
	applied := 0
	group := []*change{
		{check: func(*txn) (bool, error) { return false, refused }},
		{check: yes, apply: func(*txn) error { return broken }},
		{check: yes, apply: func(*txn) error { applied++; return nil }},
		{check: func(*txn) (bool, error) { return false, nil }},
	}
	s.commitGroup(group)
	for i, want := range []error{refused, broken, nil, nil} {
		if got := group[i].err; got != want {
			t.Errorf("change %d: error %v, want %v", i, got, want)
		}
	}
	if applied != 1 {
		t.Errorf("the sound change was applied %d times, want once, by itself", applied)
	}
}

// within fails the test if fn takes longer than anything here should.
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

// TestPageLost overwrites the pages of the file one by one, with nothing or
// with another page, before it is opened and behind the open store's back: no
// panic gets out, no image reads wrong, and nothing hangs.
func TestPageLost(t *testing.T) {
	t.Parallel()
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

// TestStorageFails takes the file away from bbolt: the store must stop
// writing for good, say so, and go on reading.
func TestStorageFails(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	want := content(1, 1000)
	mustPut(t, s, "a.png", want)
	if err := s.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	s.space.end = 1 << 50 // so that it is the commit that fails
	s.file.Close()
	for range 2 {
		_, _, err := s.Put(ctx, "b.png", bytes.NewReader(want[1:]), db.PutOptions{})
		if !errors.Is(err, db.ErrReadOnly) {
			t.Errorf("error %v, want ErrReadOnly", err)
		}
	}
	if err := s.Delete(ctx, "a.png", db.DeleteOptions{}); !errors.Is(err, db.ErrReadOnly) {
		t.Errorf("delete: error %v, want ErrReadOnly", err)
	}
	if err := s.Ready(ctx); !errors.Is(err, db.ErrReadOnly) {
		t.Errorf("ready: error %v, want ErrReadOnly", err)
	}
	if got := mustRead(t, s, "a.png"); !bytes.Equal(got, want) {
		t.Error("the image stored before reads wrong")
	}
}

// TestFullOr tells a full disk, which the next upload may find emptier, from a
// failed sync, which leaves the file in doubt.
func TestFullOr(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	_, closed := f.Write([]byte("x"))
	for _, test := range []struct {
		name string
		err  error
		full bool
	}{
		{"write on a full disk", &os.PathError{Op: "write", Path: "f", Err: errNoSpace}, true},
		{"sync on a full disk", errNoSpace, false},
		{"another error", closed, false},
	} {
		if got := errors.Is(new(space).fullOr(test.err), db.ErrFull); got != test.full {
			t.Errorf("%s: full is %v, want %v", test.name, got, test.full)
		}
	}
}

// TestMemory gives all uploads together the memory of two chunks.
func TestMemory(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{UploadMemory: 2 * layout.ChunkSize, UploadWait: 50 * time.Millisecond})
	want := content(1, 20*layout.ChunkSize+1)
	mustPut(t, s, "one.png", want) // with one chunk to itself it still goes on
	if got := mustRead(t, s, "one.png"); !bytes.Equal(got, want) {
		t.Error("an image staged in small pieces reads wrong")
	}
	var slow [2]*io.PipeWriter
	var all sync.WaitGroup
	for i := range slow {
		r, w := io.Pipe()
		slow[i] = w
		all.Go(func() {
			if _, _, err := s.Put(ctx, fmt.Sprintf("slow-%d.png", i), r, db.PutOptions{}); err != nil {
				t.Error(err)
			}
		})
		w.Write([]byte("begun")) // returns when it was read
	}
	if _, _, err := s.Put(ctx, "late.png", bytes.NewReader(want), db.PutOptions{}); !errors.Is(err, db.ErrBusy) {
		t.Errorf("error %v, want ErrBusy", err)
	}
	if got := len(s.memory.free); got != 0 {
		t.Errorf("%d chunks are free, want none", got)
	}
	for _, w := range slow {
		w.Close()
	}
	all.Wait()
	mustPut(t, s, "late.png", want)
	if got := len(s.memory.free); got != 2 {
		t.Errorf("%d chunks are free in the end, want both", got)
	}
}

// TestLongBlob deletes a blob of more chunks than one commit may.
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

// TestPins has a reader meet a commit that deletes its blob.
func TestPins(t *testing.T) {
	t.Parallel()
	s := &Store{}
	s.pins.init()
	if !s.pins.doom(1) {
		t.Fatal("an idle blob could not be doomed")
	}
	again := s.pins.pin(1)
	if again == nil {
		t.Fatal("a doomed blob was pinned")
	}
	s.pins.lookup.RLock() // a reader between its transaction and its pin
	settled := make(chan struct{})
	go func() {
		s.settle(&txn{doom: []uint64{1}}, true)
		close(settled)
	}()
	select {
	case <-again:
		t.Error("the doom ended while a reader held an older view")
	case <-time.After(20 * time.Millisecond):
	}
	s.pins.lookup.RUnlock()
	<-settled
	select {
	case <-again:
	default:
		t.Error("the reader was not told to look again")
	}
	if s.pins.pin(2) != nil || s.pins.doom(2) {
		t.Error("a pinned blob could be doomed")
	}
}

// TestLookWaits has a reader find what a commit is just deleting: it looks
// again when that has ended, here without success.
func TestLookWaits(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	source := mustPut(t, s, "a.png", content(1, 100)).SHA256
	mustPutCopy(t, s, source, "w=1", content(2, 100), ample)
	for _, get := range []func() (db.Image, db.Body, error){
		func() (db.Image, db.Body, error) { return s.Get(ctx, "a.png") },
		func() (db.Image, db.Body, error) { return s.GetCopy(ctx, source, "w=1") },
	} {
		_, b, err := get()
		if err != nil {
			t.Fatal(err)
		}
		id := b.(*body).record.Blob
		b.Close()
		if !s.pins.doom(id) {
			t.Fatal("an idle blob could not be doomed")
		}
		got := make(chan error)
		go func() {
			_, b, err := get()
			if err == nil {
				b.Close()
			}
			got <- err
		}()
		select {
		case <-got:
			t.Fatal("a blob that is being deleted was to be read")
		case <-time.After(20 * time.Millisecond):
		}
		s.settle(&txn{doom: []uint64{id}}, false)
		if err := <-got; err != nil {
			t.Errorf("after the commit failed: %v", err)
		}
	}
}
