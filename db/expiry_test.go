package db_test

import (
	"testing"
	"time"

	"imageserver/db"
)

func TestLaterEnd(t *testing.T) {
	never, soon, late := time.Time{}, time.Unix(100, 0), time.Unix(100, 1)
	for _, c := range []struct{ a, b, want time.Time }{
		{soon, late, late},
		{soon, soon, soon},
		{soon, never, never},
		{never, never, never},
	} {
		for _, got := range []time.Time{db.LaterEnd(c.a, c.b), db.LaterEnd(c.b, c.a)} {
			if !got.Equal(c.want) {
				t.Errorf("LaterEnd of %v and %v: got %v, want %v", c.a, c.b, got, c.want)
			}
		}
	}
}

func TestTrashed(t *testing.T) {
	deleted := time.Unix(1000, 0)
	for _, c := range []struct{ expires, want time.Time }{
		{time.Time{}, deleted.Add(time.Hour)},
		{deleted.Add(2 * time.Hour), deleted.Add(time.Hour)},
		{deleted.Add(time.Minute), deleted.Add(time.Minute)},
	} {
		img := db.Image{Name: "cat.png", Expires: c.expires}
		got := img.Trashed(deleted, time.Hour)
		want := db.Image{Name: "cat.png", Expires: c.expires, Deleted: deleted, KeptUntil: c.want}
		if got != want {
			t.Errorf("Trashed: got %+v, want %+v", got, want)
		}
	}
}

// TestEnded: an image ends at its end, not after it, and in the trash at the
// end of its rest.
func TestEnded(t *testing.T) {
	end := time.Unix(1000, 0)
	for _, c := range []struct {
		img  db.Image
		now  time.Time
		want bool
	}{
		{db.Image{}, end, false},
		{db.Image{Expires: end}, end.Add(-1), false},
		{db.Image{Expires: end}, end, true},
		{db.Image{Expires: end}, end.Add(1), true},
		{db.Image{Expires: end.Add(1), Deleted: end.Add(-9), KeptUntil: end}, end.Add(-1), false},
		{db.Image{Expires: end.Add(1), Deleted: end.Add(-9), KeptUntil: end}, end, true},
	} {
		if got := c.img.Ended(c.now); got != c.want {
			t.Errorf("Ended of %+v at %v: got %t, want %t", c.img, c.now, got, c.want)
		}
	}
}
