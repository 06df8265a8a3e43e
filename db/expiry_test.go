package db_test

import (
	"testing"
	"time"

	"imageserver/db"
)

func TestLaterExpiry(t *testing.T) {
	never, soon, late := time.Time{}, time.Unix(100, 0), time.Unix(100, 1)
	for _, c := range []struct{ a, b, want time.Time }{
		{soon, late, late},
		{soon, soon, soon},
		{soon, never, never},
		{never, never, never},
	} {
		for _, got := range []time.Time{db.LaterExpiry(c.a, c.b), db.LaterExpiry(c.b, c.a)} {
			if !got.Equal(c.want) {
				t.Errorf("LaterExpiry of %v and %v: got %v, want %v", c.a, c.b, got, c.want)
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
		want := db.Image{Name: "cat.png", Expires: c.expires, Deleted: deleted, TrashExpires: c.want}
		if got != want {
			t.Errorf("Trashed: got %+v, want %+v", got, want)
		}
	}
}

// TestExpired: an image has expired at the moment of Expires, not only after it. In
// the trash it has expired at the moment of TrashExpires.
func TestExpired(t *testing.T) {
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
		{db.Image{Expires: end.Add(1), Deleted: end.Add(-9), TrashExpires: end}, end.Add(-1), false},
		{db.Image{Expires: end.Add(1), Deleted: end.Add(-9), TrashExpires: end}, end, true},
	} {
		if got := c.img.Expired(c.now); got != c.want {
			t.Errorf("Expired of %+v at %v: got %t, want %t", c.img, c.now, got, c.want)
		}
	}
}
