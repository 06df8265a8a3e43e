package dbtest

import (
	"fmt"
	"sync/atomic"
	"testing"

	"imageserver/db"
)

func testDelete(t *testing.T, s db.Store) {
	wantError(t, "Delete of none", s.Delete(t.Context(), "cat.png", db.DeleteOptions{}), db.ErrNotFound)
	for i, size := range []int{0, 100, 3 << 20} {
		former := create(t, s, "cat.png", content(uint64(i), size))
		remove(t, s, "cat.png")
		wantAbsent(t, s, "cat.png")
		wantError(t, "Delete again", s.Delete(t.Context(), "cat.png", db.DeleteOptions{}), db.ErrNotFound)
		wantUsage(t, s, db.Usage{})

		again := create(t, s, "cat.png", content(uint64(i), size)) // now the name is free, and the bytes are not stored
		if again.Uploaded.Before(former.Uploaded) {
			t.Errorf("Uploaded: got %v, want not before the deleted image's %v", again.Uploaded, former.Uploaded)
		}
		wantStored(t, s, again, content(uint64(i), size))
		remove(t, s, "cat.png")
	}
}

// testDeleteRace: of many callers that delete one image exactly one succeeds.
func testDeleteRace(t *testing.T, s db.Store) {
	for i := range 4 {
		name := fmt.Sprintf("%d.png", i)
		create(t, s, name, content(uint64(i), 1000))
		var deleted atomic.Int64
		race(16, func(int) {
			if err := s.Delete(t.Context(), name, db.DeleteOptions{}); err == nil {
				deleted.Add(1)
			} else {
				wantError(t, "Delete", err, db.ErrNotFound)
			}
		})
		if got := deleted.Load(); got != 1 {
			t.Errorf("Delete(%q): got %d successes, want 1", name, got)
		}
		wantAbsent(t, s, name)
	}
	wantUsage(t, s, db.Usage{})
}
