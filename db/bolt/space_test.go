package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"imageserver/db"
	"imageserver/db/bolt/internal/bolttest"
)

// TestMaxSize fills a store up to its limit, deletes every second image, and fills it
// again, several times. In the end it deletes all. The file must never exceed the limit,
// and the space of deleted images must be used again.
func TestMaxSize(t *testing.T) {
	t.Parallel()
	bolttest.OneCaller(t)
	const limit = 24 << 20
	for _, size := range []int{10_000, 100_000, 3_000_000} {
		for _, reserved := range []bool{true, false} { // or what allocate does where there is none
			t.Run(fmt.Sprintf("%d,%t", size, reserved), func(t *testing.T) {
				t.Parallel()
				s := newBoundedStore(t, limit)
				if !reserved {
					s.space.end = limit
				}
				first := fillUp(t, s, "0", size)
				if first*max(size, 5000) < limit*2/3 { // an image takes a page and more
					t.Errorf("room for %d images of %d bytes in %d", first, size, int64(limit))
				}
				for round := range 4 {
					deleted := 0
					for i, name := range listNames(t, s) {
						if i%2 == 1 && round < 3 {
							continue
						}
						if err := s.Delete(ctx, name, db.DeleteOptions{}); err != nil {
							t.Fatalf("delete: %v", err)
						}
						deleted++
						wantWithin(t, s, limit)
					}
					if n := fillUp(t, s, fmt.Sprint(round+1), size); n < deleted*3/4 {
						t.Errorf("round %d: room for %d images after %d were deleted", round, n, deleted)
					}
					wantWithin(t, s, limit)
				}
				if err := s.Ready(ctx); err != nil {
					t.Errorf("ready: %v", err)
				}
				wantSound(t, s)
			})
		}
	}
}

// fillUp stores images until there is no room, and returns how many it stored.
func fillUp(t *testing.T, s *Store, prefix string, size int) (n int) {
	t.Helper()
	for ; ; n++ {
		data := append(fmt.Appendf(nil, "%s %d", prefix, n), make([]byte, size)...)
		_, _, err := s.Put(ctx, fmt.Sprintf("%s-%d.png", prefix, n), bytes.NewReader(data), db.PutOptions{})
		if err == nil {
			continue
		}
		var limit *db.LimitError
		if !errors.As(err, &limit) || limit.Limit != s.space.limit || !errors.Is(err, db.ErrFull) {
			t.Fatalf("error %v, want one that has the limit", err)
		}
		return n
	}
}

// listNames returns the names of all images.
func listNames(t *testing.T, s *Store) (names []string) {
	t.Helper()
	images, _, err := s.List(ctx, db.ListOptions{Limit: 1e6})
	if err != nil {
		t.Fatal(err)
	}
	for _, img := range images {
		names = append(names, img.Name)
	}
	return names
}

func wantWithin(t *testing.T, s *Store, limit int64) {
	t.Helper()
	info, err := s.file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > limit {
		t.Fatalf("the file has %d bytes, %d more than it may", info.Size(), info.Size()-limit)
	}
}

// TestMaxSizeBelow opens a file that is larger than the limit. Reading and deleting must
// work, and uploads must be refused until enough is deleted.
func TestMaxSizeBelow(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "images.db")
	s := openStore(t, path, Options{})
	for i := range byte(20) {
		mustPut(t, s, fmt.Sprintf("%d.png", i), content(i, 1_000_000))
	}
	s.Close()
	s = openStore(t, path, Options{MaxSize: 10 << 20})
	if fillUp(t, s, "more", 100_000) != 0 {
		t.Error("an image was stored beyond the limit")
	}
	if !bytes.Equal(mustRead(t, s, "7.png"), content(7, 1_000_000)) {
		t.Error("an image reads wrong")
	}
	for i := range 20 {
		if err := s.Delete(ctx, fmt.Sprintf("%d.png", i), db.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := fillUp(t, s, "again", 100_000); n < 50 {
		t.Errorf("%d images found room after all was deleted, want 50 at least", n)
	}
	wantSound(t, s)
}
