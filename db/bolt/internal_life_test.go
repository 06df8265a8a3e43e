package bolt

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// clock is a clock that stands still until it is moved.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.nanos.Store(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time       { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) move(d time.Duration) { c.nanos.Add(int64(d)) }

// mustPutWith stores an image with options.
func mustPutWith(t testing.TB, s *Store, name string, content []byte, o db.PutOptions) db.Image {
	t.Helper()
	img, _, err := s.Put(ctx, name, bytes.NewReader(content), o)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// mustTrash deletes an image to the trash for an hour.
func mustTrash(t testing.TB, s *Store, name string) {
	t.Helper()
	if err := s.Delete(ctx, name, db.DeleteOptions{Trash: time.Hour}); err != nil {
		t.Fatal(err)
	}
}

// wantSound reads the whole file: every index holds what the records say and
// nothing else, every chunk belongs to a blob or an orphan, and what is
// counted is there.
func wantSound(t testing.TB, s *Store) {
	t.Helper()
	err := s.view(func(tx *bbolt.Tx) error {
		want, usage := wanted{}, db.Usage{}
		blobs := map[uint64]int{} // chunks of each
		contents := map[db.Digest]bool{}
		enter := func(r *layout.Record) {
			blobs[r.Blob] = chunkCount(r.Size, r.ChunkSize)
			if !contents[r.SHA256] {
				contents[r.SHA256] = true
				usage.Blobs++
				usage.Stored += r.Size
			}
		}
		for k, v := range each(tx, layout.ImagesBucket) {
			r, err := layout.ParseRecord(layout.ImagesBucket, []byte(k), []byte(v))
			if err != nil {
				return err
			}
			enter(r)
			usage.Images++
			usage.Bytes += r.Size
			want.add(layout.RecentBucket, layout.RecentKey(r.Uploaded, k), nil)
			want.add(layout.DigestsBucket, append(r.SHA256[:], k...), nil)
			if !r.Expires.IsZero() {
				want.add(layout.DueBucket, layout.DueKey(r.Expires, []byte(k)), nil)
			}
			if r.DeleteHash != (db.Digest{}) {
				want.add(layout.TokensBucket, append(r.DeleteHash[:], k...), nil)
			}
		}
		for k, v := range each(tx, layout.TrashBucket) {
			r, err := layout.ParseRecord(layout.TrashBucket, []byte(k), []byte(v))
			if err != nil {
				return err
			}
			enter(r)
			usage.Trash++
			usage.TrashBytes += r.Size
			if want := string(layout.TrashKey(r.Name, r.Deleted)); k != want {
				t.Errorf("key %q in the trash, want %q", k, want)
			}
			want.add(layout.DeletedBucket, layout.RecentKey(r.Deleted, r.Name), nil)
			want.add(layout.DigestsBucket, append(append(r.SHA256[:], 0), k...), nil)
			want.add(layout.DueBucket, layout.DueKey(r.KeptUntil, []byte(k)), nil)
		}
		for k, v := range each(tx, layout.CopiesBucket) {
			r, err := layout.ParseRecord(layout.CopiesBucket, []byte(k), []byte(v))
			if err != nil {
				return err
			}
			blobs[r.Blob] = chunkCount(r.Size, r.ChunkSize)
			usage.Copies++
			usage.CopyBytes += r.Size
			want.add(layout.MadeBucket, layout.IDKey(r.Blob), []byte(k))
		}
		for _, ix := range layout.Indexes {
			bucket := ix.Bucket
			got := wanted{}
			for k, v := range each(tx, bucket) {
				got.add(bucket, []byte(k), []byte(v))
			}
			if diff := cmp.Diff(got[string(bucket)], want[string(bucket)]); diff != "" {
				t.Errorf("%s (-got +want):\n%s", bucket, diff)
			}
		}
		if got, err := layout.ReadUsage(tx); err != nil || got != usage {
			t.Errorf("usage %+v, error %v, want %+v", got, err, usage)
		}
		wantBlobs(t, tx, blobs)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// wanted is what buckets should hold.
type wanted map[string]map[string]string

func (x wanted) add(bucket, k, v []byte) {
	if x[string(bucket)] == nil {
		x[string(bucket)] = map[string]string{}
	}
	x[string(bucket)][string(k)] = string(v)
}

// each goes through a bucket; a bucket in it has no value.
func each(tx *bbolt.Tx, bucket []byte) func(yield func(k, v string) bool) {
	return func(yield func(k, v string) bool) {
		c := tx.Bucket(bucket).Cursor()
		for k, v := c.First(); k != nil && yield(string(k), string(v)); k, v = c.Next() {
		}
	}
}

// wantBlobs fails unless the chunks in the file are those of the blobs, as many
// as each has, and of orphans.
func wantBlobs(t testing.TB, tx *bbolt.Tx, blobs map[uint64]int) {
	t.Helper()
	got := map[uint64]int{}
	for k := range each(tx, layout.ChunksBucket) {
		got[binary.BigEndian.Uint64([]byte(k))]++
	}
	for k := range each(tx, layout.OrphansBucket) {
		delete(got, binary.BigEndian.Uint64([]byte(k)))
	}
	maps.DeleteFunc(blobs, func(_ uint64, chunks int) bool { return chunks == 0 })
	if diff := cmp.Diff(got, blobs); diff != "" {
		t.Errorf("chunks of each blob (-got +want):\n%s", diff)
	}
}

// TestSound does everything at random with the clock moving on, and looks at
// the whole file now and then.
func TestSound(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	c := newClock()
	s := newStore(t, Options{Now: c.now, NoSync: true})
	name := func() string { return fmt.Sprintf("%d.png", rnd.IntN(4)) }
	conflict := func() db.Conflict { return []db.Conflict{db.Rename, db.Replace, db.Fail}[rnd.IntN(3)] }
	soon := func() time.Duration { return time.Duration(rnd.IntN(100)) * time.Second }
	for i := range 3000 {
		switch rnd.IntN(9) {
		case 0, 1, 2:
			o := db.PutOptions{Conflict: conflict(), Trash: soon(), DeleteHash: db.Digest{byte(rnd.IntN(3))}}
			if rnd.IntN(2) == 0 {
				o.Expires = c.now().Add(soon())
			}
			s.Put(ctx, name(), bytes.NewReader(content(byte(rnd.IntN(3)), 100)), o)
		case 3:
			s.Delete(ctx, name(), db.DeleteOptions{Trash: soon()})
		case 4:
			s.Rename(ctx, name(), name(), db.RenameOptions{Conflict: conflict(), Trash: soon()})
		case 5:
			s.Restore(ctx, name(), db.RestoreOptions{})
		case 6:
			source := db.Digest(sha256.Sum256(content(byte(rnd.IntN(3)), 100)))
			putCopy(s, source, "w=1", content(9, 10), ample)
		case 7:
			c.move(soon() - 10*time.Second) // back at times
			if rnd.IntN(5) == 0 {
				s.sweep.wake()
			}
		case 8:
			if rnd.IntN(20) == 0 {
				s.EmptyTrash(ctx)
			}
		}
		if i%50 == 0 {
			wantSound(t, s)
		}
	}
	wantSound(t, s)
	c.move(1000 * time.Second)
	s.sweep.wake()
	wantSoon(t, func() bool { return count(t, s, layout.DueBucket) == 0 })
	wantSound(t, s)
}

// wantSoon waits for what the sweeper does.
func wantSoon(t testing.TB, ok func() bool) {
	t.Helper()
	for range 3000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the sweeper has not done it")
}

// TestUnswept moves the clock, of which the sweeper knows nothing: what has
// ended is still in the file and counted, and in no answer.
func TestUnswept(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := newUnswept(t, c)
	token := db.Digest{1}
	source := mustPutWith(t, s, "a.png", content(1, 100), db.PutOptions{Expires: c.now().Add(time.Hour), DeleteHash: token}).SHA256
	mustPutCopy(t, s, source, "w=1", content(2, 10), ample)
	mustPut(t, s, "b.png", content(3, 100))
	mustTrash(t, s, "b.png")
	c.move(time.Hour)
	before := db.Usage{Images: 1, Bytes: 100, Blobs: 2, Stored: 200, Trash: 1, TrashBytes: 100, Copies: 1, CopyBytes: 10}
	wantUsage(t, s, before)
	for what, err := range map[string]error{
		"Stat":         errOf(s.Stat(ctx, "a.png")),
		"ByDeleteHash": errOf(s.ByDeleteHash(ctx, token)),
		"Delete":       s.Delete(ctx, "a.png", db.DeleteOptions{}),
		"PutCopy":      putCopy(s, source, "w=2", nil, ample),
		"Restore":      errOf2(s.Restore(ctx, "b.png", db.RestoreOptions{})),
		"Rename":       errOf2(s.Rename(ctx, "a.png", "c.png", db.RenameOptions{})),
	} {
		if !errors.Is(err, db.ErrNotFound) {
			t.Errorf("%s: error %v, want ErrNotFound", what, err)
		}
	}
	for _, trash := range []bool{false, true} {
		if images, _, err := s.List(ctx, db.ListOptions{Limit: 10, Trash: trash}); err != nil || len(images) > 0 {
			t.Errorf("list (trash %t): %v, error %v, want none", trash, images, err)
		}
	}
	if n, err := s.EmptyTrash(ctx); n != 0 || err != nil {
		t.Errorf("emptied the trash of %d, error %v, want what has ended not counted", n, err)
	}
	wantSound(t, s)
	if wait, err := s.sweepAll(); wait != 0 || err != nil {
		t.Errorf("the sweeper sleeps for %v, error %v, want nothing to be due", wait, err)
	}
	wantUsage(t, s, db.Usage{})
	wantSound(t, s)
	wantChunks(t, s, 0)
}

// newUnswept returns a store in which the test sweeps.
func newUnswept(t *testing.T, c *clock) *Store {
	t.Helper()
	s := newStore(t, Options{Now: c.now, NoSync: true})
	s.sweep.stop()
	s.sweep.quit = make(chan struct{}) // for Close
	return s
}

func errOf(_ db.Image, err error) error                { return err }
func errOf2(_ db.Image, _ db.Outcome, err error) error { return err }

// TestUnsweptGivesWay stores over what has ended and is the last to have its
// bytes: they must be stored anew before the others go.
func TestUnsweptGivesWay(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := newUnswept(t, c)
	for _, size := range []int{100, segmentChunks*layout.ChunkSize + 1} {
		want := content(1, size)
		source := mustPutWith(t, s, "a.png", want, db.PutOptions{Expires: c.now().Add(time.Hour)}).SHA256
		mustPutCopy(t, s, source, "w=1", content(2, 10), ample)
		c.move(2 * time.Hour)
		img := mustPutWith(t, s, "a.png", want, db.PutOptions{Conflict: db.Replace, Trash: time.Hour})
		if !img.Uploaded.Equal(c.now()) {
			t.Errorf("uploaded %v, want now: another image", img.Uploaded)
		}
		if got := mustRead(t, s, "a.png"); !bytes.Equal(got, want) {
			t.Error("the image reads wrong")
		}
		wantUsage(t, s, db.Usage{Images: 1, Bytes: int64(size), Blobs: 1, Stored: int64(size)})
		wantSound(t, s)
		if err := s.Delete(ctx, "a.png", db.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		wantChunks(t, s, 0)
	}
}

// TestSweeperSleeps looks at how long the sweeper sleeps, and sees it woken by
// what is due earlier and by nothing else.
func TestSweeperSleeps(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := newUnswept(t, c)
	rung := func() bool {
		select {
		case <-s.sweep.bell:
			return true
		default:
			return false
		}
	}
	put := func(name string, d time.Duration) {
		t.Helper()
		mustPutWith(t, s, name, content(1, 100), db.PutOptions{Expires: c.now().Add(d)})
	}
	sweep := func(want time.Duration, left int) {
		t.Helper()
		rung()
		if got, err := s.sweepAll(); got != want || err != nil {
			t.Errorf("the sweeper sleeps for %v, error %v, want %v", got, err, want)
		}
		if got := count(t, s, layout.DueBucket); got != left {
			t.Errorf("%d are due, want %d", got, left)
		}
		if rung() {
			t.Error("the sweeper woke itself")
		}
	}
	ring := func(want bool, why string) {
		t.Helper()
		if got := rung(); got != want {
			t.Errorf("the bell rang: %t, want %t: %s", got, want, why)
		}
	}
	sweep(0, 0)
	mustPut(t, s, "lasting.png", content(9, 100))
	ring(false, "it never ends")
	put("a.png", time.Hour)
	ring(true, "nothing was due before")
	sweep(sweepWait, 1) // the clock may be put forward
	put("b.png", 2*time.Hour)
	ring(false, "it is due later")
	put("c.png", 30*time.Second)
	ring(true, "it is due earlier")
	sweep(30*time.Second, 3)
	if err := s.Delete(ctx, "b.png", db.DeleteOptions{Trash: time.Second}); err != nil {
		t.Fatal(err)
	}
	ring(true, "it leaves the trash earlier")
	sweep(time.Second, 3)
	if err := s.Delete(ctx, "lasting.png", db.DeleteOptions{Trash: -time.Second}); err != nil {
		t.Fatal(err)
	}
	ring(false, "it was deleted for good")
	mustPut(t, s, "lasting.png", content(9, 100))
	c.move(time.Second)
	sweep(29*time.Second, 2)
	c.move(-time.Hour)
	sweep(sweepWait, 2)
	c.move(3 * time.Hour)
	sweep(0, 0)
	wantUsage(t, s, db.Usage{Images: 1, Bytes: 100, Blobs: 1, Stored: 100})
	wantSound(t, s)
}

// TestSweepInSteps has more come to its end than one commit may delete.
func TestSweepInSteps(t *testing.T) {
	t.Parallel()
	const n = 4*sweepRecords + 10
	c := newClock()
	s := newUnswept(t, c)
	for i := range n {
		name := fmt.Sprintf("%d.png", i)
		mustPutWith(t, s, name, content(byte(i), 1000+i/256), db.PutOptions{Expires: c.now().Add(time.Hour), DeleteHash: db.Digest{1}})
		if i%2 == 0 {
			mustTrash(t, s, name)
		}
	}
	c.move(time.Hour)
	var left []int
	for range 3 {
		err := s.submit(&change{
			check: func(tx *txn) (bool, error) { return tx.isDue(), nil },
			apply: func(tx *txn) error { return tx.some(tx.dropDue) },
		})
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, count(t, s, layout.DueBucket))
		wantSound(t, s)
	}
	if want := []int{n - sweepRecords, n - 2*sweepRecords, n - 3*sweepRecords}; !slices.Equal(left, want) {
		t.Errorf("commits left %d due, want %d", left, want)
	}
	if _, err := s.sweepAll(); err != nil {
		t.Error(err)
	}
	wantUsage(t, s, db.Usage{})
	wantSound(t, s)
	wantChunks(t, s, 0)
}

// TestSweepLong has long images come to their end: one commit deletes no more
// of their chunks than any does.
func TestSweepLong(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := newStore(t, Options{Now: c.now, NoSync: true})
	for i := range 4 {
		body := io.MultiReader(bytes.NewReader([]byte{byte(i)}), io.LimitReader(zeros{}, dropChunks/2*layout.ChunkSize-1))
		o := db.PutOptions{Expires: c.now().Add(time.Hour)}
		if _, _, err := s.Put(ctx, fmt.Sprintf("%d.png", i), body, o); err != nil {
			t.Fatal(err)
		}
	}
	c.move(time.Hour)
	left := 0
	err := s.submit(&change{
		check: func(tx *txn) (bool, error) { return true, nil },
		apply: func(tx *txn) error {
			err := tx.some(tx.dropDue)
			for range each(tx.Tx, layout.ChunksBucket) {
				left++
			}
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if left != dropChunks {
		t.Errorf("one commit left %d chunks, want %d", left, dropChunks)
	}
	wantSound(t, s)
	s.sweep.wake()
	wantSoon(t, func() bool { return count(t, s, layout.DueBucket) == 0 })
	wantChunks(t, s, 0)
}

// TestEmptyTrashInSteps empties a trash of more than one commit deletes, and
// one that goes in one commit though it takes several pages of each index.
func TestEmptyTrashInSteps(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2*sweepRecords + 10, sweepRecords - 1} {
		s := newStore(t, Options{NoSync: true})
		kept := mustPut(t, s, "kept.png", content(1, 1000))
		name := strings.Repeat("n", 200)
		for i := range n {
			mustPut(t, s, name, content(byte(i), 1000+i/256))
			mustTrash(t, s, name)
		}
		wantSound(t, s)
		before := lastCommit(t, s)
		within(t, func() {
			if got, err := s.EmptyTrash(ctx); got != n || err != nil {
				t.Errorf("emptied the trash of %d, error %v, want %d", got, err, n)
			}
		})
		if got, want := lastCommit(t, s)-before, n/sweepRecords+1; got != want {
			t.Errorf("%d commits, want %d of at most %d", got, want, sweepRecords)
		}
		wantUsage(t, s, db.Usage{Images: 1, Bytes: kept.Size, Blobs: 1, Stored: kept.Size})
		wantSound(t, s)
		wantChunks(t, s, 1)
	}
}

// lastCommit returns the number of the last commit.
func lastCommit(t *testing.T, s *Store) (id int) {
	t.Helper()
	if err := s.view(func(tx *bbolt.Tx) error { id = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return id
}

// TestDeletedTwice deletes images of one name while the clock stands still and
// is put back: each is deleted later than the one before.
func TestDeletedTwice(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := newStore(t, Options{Now: c.now})
	for i := range byte(6) {
		mustPut(t, s, "a.png", content(i, 100))
		mustTrash(t, s, "a.png")
		if i > 2 {
			c.move(-time.Second)
		}
	}
	images, _, err := s.List(ctx, db.ListOptions{Limit: 10, Trash: true})
	if err != nil || len(images) != 6 {
		t.Fatalf("%d images in the trash, error %v, want 6", len(images), err)
	}
	wantSound(t, s)
	for i := range byte(6) {
		img, _, err := s.Restore(ctx, "a.png", db.RestoreOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := mustRead(t, s, img.Name); !bytes.Equal(got, content(5-i, 100)) {
			t.Errorf("restore %d brought another image", i)
		}
	}
	wantSound(t, s)
}

// TestFarEnds takes ends that no record can hold for the last it can.
func TestFarEnds(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	for i, end := range []time.Time{time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(math.MaxInt64>>8, 0)} {
		name := fmt.Sprintf("%d.png", i)
		img := mustPutWith(t, s, name, content(byte(i), 100), db.PutOptions{Expires: end})
		got, err := s.Stat(ctx, name)
		if diff := cmp.Diff(got, img); diff != "" || err != nil || !got.Expires.Equal(layout.LastTime) {
			t.Errorf("ends %v, error %v, want %v and the same as before:\n%s", got.Expires, err, layout.LastTime, diff)
		}
	}
	img := mustPutWith(t, s, "past.png", content(9, 100), db.PutOptions{Expires: time.Unix(math.MinInt64>>8, 0)})
	if !img.Expires.Equal(layout.FirstTime) {
		t.Errorf("ends %v, want %v", img.Expires, layout.FirstTime)
	}
	if err := s.Delete(ctx, "0.png", db.DeleteOptions{Trash: math.MaxInt64}); err != nil {
		t.Fatal(err)
	}
	wantSoon(t, func() bool { return count(t, s, layout.ImagesBucket) == 1 })
	wantSound(t, s)
	if _, _, err := s.Restore(ctx, "0.png", db.RestoreOptions{}); err != nil {
		t.Error(err)
	}
}

// TestHealTrash uploads bytes again that were damaged in the trash: the images
// there are mended, too.
func TestHealTrash(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{false, true} {
		s := newStore(t, Options{Log: slog.New(slog.DiscardHandler)})
		want := content(1, segmentChunks*layout.ChunkSize+1)
		for range 2 {
			mustPut(t, s, "a.png", want)
			mustTrash(t, s, "a.png")
		}
		mustPut(t, s, "b.png", want)
		blob := recordOf(t, s, "b.png").Blob
		if !live {
			mustTrash(t, s, "b.png")
		}
		err := tamper(s, func(tx *bbolt.Tx) error {
			place := layout.ChunkKey(blob, 3)
			return tx.Bucket(layout.ChunksBucket).Bucket(place[:]).Put(layout.ChunkValueKey, []byte("what is left of it"))
		})
		if err != nil {
			t.Fatal(err)
		}
		mustPut(t, s, "c.png", want)
		wantSound(t, s)
		for range 2 {
			img, _, err := s.Restore(ctx, "a.png", db.RestoreOptions{})
			if err != nil || !bytes.Equal(mustRead(t, s, img.Name), want) {
				t.Errorf("restored %q, error %v, want it whole", img.Name, err)
			}
			if err := s.Delete(ctx, img.Name, db.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		wantSound(t, s)
	}
}

// TestDamagedTrash overwrites the record of an image in the trash: it is not
// shown, and keeps neither the others, nor the sweeper, nor its bytes from
// being stored again where an image has them.
func TestDamagedTrash(t *testing.T) {
	t.Parallel()
	for _, value := range [][]byte{[]byte("unreadable"), nil} {
		c := newClock()
		s := newStore(t, Options{Now: c.now, Log: slog.New(slog.DiscardHandler)})
		for i := range byte(3) {
			mustPut(t, s, fmt.Sprintf("%d.png", i), content(i, 100))
			c.move(time.Second)
			mustTrash(t, s, fmt.Sprintf("%d.png", i))
		}
		mustPut(t, s, "live.png", content(0, 100))
		err := tamper(s, func(tx *bbolt.Tx) error {
			trash := tx.Bucket(layout.TrashBucket)
			k, _ := trash.Cursor().First() // of 0.png
			if value == nil {
				return trash.Delete(k)
			}
			return trash.Put(k, value)
		})
		if err != nil {
			t.Fatal(err)
		}
		if images, next, err := s.List(ctx, db.ListOptions{Limit: 10, Trash: true}); err != nil || next != "" || len(images) != 2 {
			t.Errorf("%d images in the trash, next %q, error %v, want the two sound ones", len(images), next, err)
		}
		if _, _, err := s.Restore(ctx, "0.png", db.RestoreOptions{}); !errors.Is(err, db.ErrDamaged) && !errors.Is(err, db.ErrNotFound) {
			t.Errorf("restore: error %v, want ErrDamaged or ErrNotFound", err)
		}
		mustPut(t, s, "again.png", content(0, 100))
		mustPut(t, s, "0.png", content(0, 100))
		mustTrash(t, s, "0.png")
		if _, _, err := s.Restore(ctx, "0.png", db.RestoreOptions{}); err != nil {
			t.Errorf("restore of the one deleted after it: %v", err)
		}
		if n, err := s.EmptyTrash(ctx); n != 2 || err != nil {
			t.Errorf("emptied the trash of %d, error %v, want the two sound ones", n, err)
		}
		mustPut(t, s, "1.png", content(1, 100))
		mustTrash(t, s, "1.png")
		c.move(2 * time.Hour)
		s.sweep.wake()
		wantSoon(t, func() bool { return count(t, s, layout.DueBucket) == 0 })
		if got := count(t, s, layout.DeletedBucket); got != 0 {
			t.Errorf("%d in the list of the trash, want none", got)
		}
	}
}

// TestTrashGivesWay gives the file an end that it may not grow beyond.
func TestTrashGivesWay(t *testing.T) {
	t.Parallel()
	s := newBoundedStore(t, 24<<20)
	testTrashGivesWay(t, s, 24<<20)
}

// testTrashGivesWay fills a store that has room for size bytes: the copies make
// room for images, then the trash, the image deleted first before others.
func testTrashGivesWay(t *testing.T, s *Store, size int64) {
	const trashed = 10
	source := mustPut(t, s, "a.png", content(0, 100)).SHA256
	for i := range byte(8) {
		mustPutCopy(t, s, source, fmt.Sprint(i), content(i, 300_000), ample)
	}
	for i := range byte(trashed) {
		name := fmt.Sprintf("trash %d.png", i)
		mustPut(t, s, name, content(100+i, 800_000))
		mustTrash(t, s, name)
	}
	var err error
	before, steps, images := int64(trashed), 0, 0
	for ; ; images++ { // of which some are staged in several segments
		data := content(byte(images), []int{1_500_000, 300_000}[images%2])
		if _, _, err = s.Put(ctx, fmt.Sprintf("%d.png", images), bytes.NewReader(data), db.PutOptions{}); err != nil {
			break
		}
		usage, err := s.Usage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if usage.Trash < before {
			before, steps = usage.Trash, steps+1
			if usage.Copies > 0 {
				t.Errorf("%d copies where the trash gives way, want none", usage.Copies)
			}
		}
		wantNewestTrash(t, s, trashed, int(usage.Trash))
	}
	if !errors.Is(err, db.ErrFull) {
		t.Fatalf("error %v, want ErrFull", err)
	}
	if steps < 2 {
		t.Errorf("the trash gave way in %d steps, want no more of it at once than it takes", steps)
	}
	full, err := s.Usage(ctx)
	if err != nil || full.Trash != 0 || full.TrashBytes != 0 || full.Copies != 0 || full.Stored < size/2 {
		t.Errorf("usage %+v, error %v, want no copies and no trash, and images that fill the file", full, err)
	}

	// On a full disk images can be deleted to the trash, which makes room.
	for i := range 5 {
		mustTrash(t, s, fmt.Sprintf("%d.png", i))
	}
	if err := putCopy(s, source, "long", content(1, 4<<20), ample); !errors.Is(err, db.ErrFull) {
		t.Errorf("error %v, want ErrFull: the trash gives way to images alone", err)
	}
	want := content(200, 2_000_000)
	mustPut(t, s, "last.png", want)
	if got := mustRead(t, s, "last.png"); !bytes.Equal(got, want) {
		t.Error("the last image reads wrong")
	}
	wantSound(t, s)
}

// wantNewestTrash fails unless those left of n images in the trash are the ones
// deleted last.
func wantNewestTrash(t *testing.T, s *Store, n, left int) {
	t.Helper()
	images, _, err := s.List(ctx, db.ListOptions{Limit: 100, Trash: true})
	if err != nil || len(images) != left {
		t.Fatalf("%d images in the trash, error %v, want %d", len(images), err, left)
	}
	for i, img := range images {
		if want := fmt.Sprintf("trash %d.png", n-1-i); img.Name != want {
			t.Errorf("%q is left in the trash, want %q", img.Name, want)
		}
	}
}
