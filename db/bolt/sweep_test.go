package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/receive"
)

// clock is a clock that stands still until a test calls move.
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

// mustTrash moves an image to the trash for an hour.
func mustTrash(t testing.TB, s *Store, name string) {
	t.Helper()
	if err := s.Delete(ctx, name, db.DeleteOptions{TrashTTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
}

// wantSoon waits until ok returns true, because the sweeper works in the background.
func wantSoon(t testing.TB, ok func() bool) {
	t.Helper()
	for range 3000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("after 30 seconds, the sweeper has not deleted what has expired")
}

// TestUnswept moves the clock without waking the sweeper. Expired images are still in
// the file and counted, but no method may return them.
func TestUnswept(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := newUnswept(t, c)
	keyHash := db.Digest{1}
	source := mustPutWith(t, s, "a.png", content(1, 100), db.PutOptions{Expires: c.now().Add(time.Hour), DeleteKeyHash: keyHash}).SHA256
	mustPutVariant(t, s, source, "w=1", content(2, 10), ample)
	mustPut(t, s, "b.png", content(3, 100))
	mustTrash(t, s, "b.png")
	deleted := c.now()
	c.move(time.Hour)
	before := db.Usage{Images: 1, Bytes: 100, Blobs: 2, Stored: 200, Trash: 1, TrashBytes: 100, Variants: 1, VariantBytes: 10}
	wantUsage(t, s, before)
	for what, err := range map[string]error{
		"Stat":            errOf(s.Stat(ctx, "a.png")),
		"ByDeleteKeyHash": errOf(s.ByDeleteKeyHash(ctx, keyHash)),
		"Delete":          s.Delete(ctx, "a.png", db.DeleteOptions{}),
		"PutVariant":      putVariant(s, source, "w=2", nil, ample),
		"Restore":         errOf2(s.Restore(ctx, "b.png", db.RestoreOptions{})),
		"Restore one":     errOf2(s.Restore(ctx, "b.png", db.RestoreOptions{Deleted: deleted})),
		"Rename":          errOf2(s.Rename(ctx, "a.png", "c.png", db.RenameOptions{})),
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
		t.Errorf("EmptyTrash counts %d images, error %v, want 0, because they have expired", n, err)
	}
	wantSound(t, s)
	if wait, err := s.sweepAll(); wait != 0 || err != nil {
		t.Errorf("the sweeper sleeps for %v, error %v, want nothing to expire", wait, err)
	}
	wantUsage(t, s, db.Usage{})
	wantSound(t, s)
	wantChunks(t, s, 0)
}

// newUnswept returns a store without a sweeper: the test calls sweepAll.
func newUnswept(t *testing.T, c *clock) *Store {
	t.Helper()
	s := newStore(t, Options{Now: c.now, NoSync: true})
	s.sweep.stop()
	s.sweep.quit = make(chan struct{}) // for Close
	return s
}

func errOf(_ db.Image, err error) error                { return err }
func errOf2(_ db.Image, _ db.Outcome, err error) error { return err }

// TestUnsweptGivesWay uploads the bytes of an expired image again. No other image has these
// bytes. The new image must be stored although the sweeper has not yet deleted the expired one.
func TestUnsweptGivesWay(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := newUnswept(t, c)
	for _, size := range []int{100, receive.SegmentChunks*layout.ChunkSize + 1} {
		want := content(1, size)
		source := mustPutWith(t, s, "a.png", want, db.PutOptions{Expires: c.now().Add(time.Hour)}).SHA256
		mustPutVariant(t, s, source, "w=1", content(2, 10), ample)
		c.move(2 * time.Hour)
		img := mustPutWith(t, s, "a.png", want, db.PutOptions{Conflict: db.Replace, TrashTTL: time.Hour})
		if !img.Uploaded.Equal(c.now()) {
			t.Errorf("the upload time is %v, want now, because it is a new image", img.Uploaded)
		}
		if got := mustRead(t, s, "a.png"); !bytes.Equal(got, want) {
			t.Error("the image has wrong bytes")
		}
		wantUsage(t, s, db.Usage{Images: 1, Bytes: int64(size), Blobs: 1, Stored: int64(size)})
		wantSound(t, s)
		if err := s.Delete(ctx, "a.png", db.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		wantChunks(t, s, 0)
	}
}

// TestSweeperSleeps checks how long the sweeper sleeps. A change must wake it if an image then
// expires before the end of the sleep. No other change may wake it.
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
		if got := count(t, s, layout.ExpiryBucket); got != left {
			t.Errorf("%d images are in the index of expiries, want %d", got, left)
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
	ring(false, "it never expires")
	put("a.png", time.Hour)
	ring(true, "nothing expired before")
	sweep(sweepWait, 1) // not longer, because somebody can set the clock forward
	put("b.png", 2*time.Hour)
	ring(false, "it expires later")
	put("c.png", 30*time.Second)
	ring(true, "it expires earlier")
	sweep(30*time.Second, 3)
	if err := s.Delete(ctx, "b.png", db.DeleteOptions{TrashTTL: time.Second}); err != nil {
		t.Fatal(err)
	}
	ring(true, "it leaves the trash earlier")
	sweep(time.Second, 3)
	if err := s.Delete(ctx, "lasting.png", db.DeleteOptions{TrashTTL: -time.Second}); err != nil {
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

// TestSweepInSteps lets more images expire than one commit may delete.
func TestSweepInSteps(t *testing.T) {
	t.Parallel()
	const n = 4*sweepRecords + 10
	c := newClock()
	s := newUnswept(t, c)
	for i := range n {
		name := fmt.Sprintf("%d.png", i)
		mustPutWith(t, s, name, content(byte(i), 1000+i/256), db.PutOptions{Expires: c.now().Add(time.Hour), DeleteKeyHash: db.Digest{1}})
		if i%2 == 0 {
			mustTrash(t, s, name)
		}
	}
	c.move(time.Hour)
	var left []int
	for range 3 {
		err := s.submit(&change{
			check: func(tx *txn) (bool, error) { return tx.hasExpired(), nil },
			apply: func(tx *txn) error { return tx.several(tx.dropExpired) },
		})
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, count(t, s, layout.ExpiryBucket))
		wantSound(t, s)
	}
	if want := []int{n - sweepRecords, n - 2*sweepRecords, n - 3*sweepRecords}; !slices.Equal(left, want) {
		t.Errorf("after the commits, %d expired images are left, want %d", left, want)
	}
	if _, err := s.sweepAll(); err != nil {
		t.Error(err)
	}
	wantUsage(t, s, db.Usage{})
	wantSound(t, s)
	wantChunks(t, s, 0)
}

// TestSweepLong lets long images expire. One commit must not delete more than dropChunks
// chunks.
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
			tx.room = math.MaxInt64
			err := tx.several(tx.dropExpired)
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
	wantSoon(t, func() bool { return count(t, s, layout.ExpiryBucket) == 0 })
	wantChunks(t, s, 0)
}

// TestFarExpiry stores expiries beyond the last time that a record can have.
func TestFarExpiry(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	for i, end := range []time.Time{time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(math.MaxInt64>>8, 0)} {
		name := fmt.Sprintf("%d.png", i)
		img := mustPutWith(t, s, name, content(byte(i), 100), db.PutOptions{Expires: end})
		got, err := s.Stat(ctx, name)
		if diff := cmp.Diff(got, img); diff != "" || err != nil || !got.Expires.Equal(db.LastTime) {
			t.Errorf("expires at %v, error %v, want %v and the same as before:\n%s", got.Expires, err, db.LastTime, diff)
		}
	}
	img := mustPutWith(t, s, "past.png", content(9, 100), db.PutOptions{Expires: time.Unix(math.MinInt64>>8, 0)})
	if !img.Expires.Equal(db.FirstTime) {
		t.Errorf("expires at %v, want %v", img.Expires, db.FirstTime)
	}
	if err := s.Delete(ctx, "0.png", db.DeleteOptions{TrashTTL: math.MaxInt64}); err != nil {
		t.Fatal(err)
	}
	wantSoon(t, func() bool { return count(t, s, layout.ImagesBucket) == 1 })
	wantSound(t, s)
	if _, _, err := s.Restore(ctx, "0.png", db.RestoreOptions{}); err != nil {
		t.Error(err)
	}
}
