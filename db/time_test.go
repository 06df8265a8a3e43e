package db_test

import (
	"testing"
	"time"

	"imageserver/db"
)

func TestStamp(t *testing.T) {
	zone := time.FixedZone("east", 3600)
	for _, c := range []struct{ t, want time.Time }{
		{time.Time{}, time.Time{}},
		{time.Date(2000, 1, 1, 1, 0, 0, 5, zone), time.Date(2000, 1, 1, 0, 0, 0, 5, time.UTC)},
		{time.Date(3000, 1, 1, 0, 0, 0, 0, zone), db.LastTime},
		{time.Date(1, 1, 2, 0, 0, 0, 0, zone), db.FirstTime},
		{db.FirstTime, db.FirstTime},
		{db.LastTime, db.LastTime},
	} {
		if got := db.Stamp(c.t); got != c.want { // with ==, which compares the location too
			t.Errorf("Stamp(%v): got %v, want %v", c.t, got, c.want)
		}
	}
}
