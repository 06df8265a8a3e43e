package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/receive"
)

// TestEmptyTrashInSteps empties a trash in several commits, and a smaller one in one
// commit that empties several pages of each index.
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

// TestDeletedTwice deletes images of one name while the clock stands still or is put
// back. Each must be recorded as deleted later than the one before.
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

// TestRepairTrashByUpload uploads the bytes of damaged images in the trash again. These
// must be repaired, too.
func TestRepairTrashByUpload(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{false, true} {
		s := newStore(t, Options{Log: slog.New(slog.DiscardHandler)})
		want := content(1, receive.SegmentChunks*layout.ChunkSize+1)
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

// TestDamagedTrash overwrites the record of an image in the trash. It must not be listed.
// The other images must be usable, the sweeper must continue, and the bytes can be
// uploaded again if an image has them.
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
		wantSoon(t, func() bool { return count(t, s, layout.ExpiryBucket) == 0 })
		if got := count(t, s, layout.DeletedBucket); got != 0 {
			t.Errorf("%d in the list of the trash, want none", got)
		}
	}
}

// TestTrashGivesWay limits the size of the file.
func TestTrashGivesWay(t *testing.T) {
	t.Parallel()
	s := newBoundedStore(t, 24<<20)
	testTrashGivesWay(t, s, 24<<20)
}

// testTrashGivesWay fills a store that has room for size bytes. To make room for images,
// the variants must be deleted first, and then the trash, the oldest first.
func testTrashGivesWay(t *testing.T, s *Store, size int64) {
	const trashed = 10
	source := mustPut(t, s, "a.png", content(0, 100)).SHA256
	for i := range byte(8) {
		mustPutVariant(t, s, source, fmt.Sprint(i), content(i, 300_000), ample)
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
			if usage.Variants > 0 {
				t.Errorf("%d variants where the trash gives way, want none", usage.Variants)
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
	if err != nil || full.Trash != 0 || full.TrashBytes != 0 || full.Variants != 0 || full.Stored < size/2 {
		t.Errorf("usage %+v, error %v, want no variants and no trash, and images that fill the file", full, err)
	}

	// On a full disk images can be deleted to the trash, which makes room.
	for i := range 5 {
		mustTrash(t, s, fmt.Sprintf("%d.png", i))
	}
	if err := putVariant(s, source, "long", content(1, 4<<20), ample); !errors.Is(err, db.ErrFull) {
		t.Errorf("error %v, want ErrFull: the trash gives way to images alone", err)
	}
	want := content(200, 2_000_000)
	mustPut(t, s, "last.png", want)
	if got := mustRead(t, s, "last.png"); !bytes.Equal(got, want) {
		t.Error("the last image reads wrong")
	}
	wantSound(t, s)
}

// wantNewestTrash fails unless the most recently deleted of n images are left.
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
