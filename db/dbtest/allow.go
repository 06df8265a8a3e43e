package dbtest

import (
	"errors"
	"strconv"
	"sync/atomic"
	"testing"

	"imageserver/db"
)

var errRefused = errors.New("the precondition does not hold")

// demand is a Precondition. It refuses the change unless the name has the image `want`.
// If `want` is nil, no image may have the name.
func demand(want *db.Image) db.Precondition {
	return func(current *db.Image) error {
		switch {
		case current == nil && want == nil:
			return nil
		case current == nil || want == nil || current.SHA256 != want.SHA256:
			return errRefused
		}
		return nil
	}
}

func refuse(*db.Image) error { return errRefused }

// testAllowPut: with each Conflict, Allow gets the image that has the name. If Allow
// refuses, nothing changes.
func testAllowPut(t *testing.T, s db.Store) {
	for i, conflict := range []db.Conflict{db.Rename, db.Replace, db.Fail} {
		name := strconv.Itoa(i) + ".png"
		var seen []*db.Image
		see := func(current *db.Image) error {
			if current != nil {
				copied := *current
				current = &copied
			}
			seen = append(seen, current)
			return errRefused
		}
		o := db.PutOptions{Conflict: conflict, Allow: see}

		_, _, err := tryPut(t.Context(), s, name, content(1, 3<<20), o)
		wantError(t, "Put where none is", err, errRefused)
		wantAbsent(t, s, name)
		wantSeen(t, seen, nil)

		seen = nil
		img := create(t, s, name, content(uint64(10+i), 100))
		for _, data := range [][]byte{content(1, 100), content(1, 3<<20), content(uint64(10+i), 100)} {
			_, _, err := tryPut(t.Context(), s, name, data, o)
			wantError(t, "Put where one is", err, errRefused)
		}
		wantSeen(t, seen, &img)
		wantStored(t, s, img, content(uint64(10+i), 100))
		wantAbsent(t, s, db.Numbered(name, 2))
	}
	wantConsistent(t, s)

	// If Allow does not refuse the change, Put makes the change.
	none, former := "none.png", content(1, 100)
	img := put(t, s, none, former, db.PutOptions{Allow: demand(nil), Conflict: db.Replace}, db.Created)
	put(t, s, none, content(2, 3<<20), db.PutOptions{Allow: demand(&img), Conflict: db.Replace}, db.Replaced)
	_, _, err := tryPut(t.Context(), s, none, former, db.PutOptions{Allow: demand(&img), Conflict: db.Replace})
	wantError(t, "Put over another than expected", err, errRefused)
	wantConsistent(t, s)
}

// wantSeen fails unless Allow was called at least once, and each time with `want`.
func wantSeen(t *testing.T, seen []*db.Image, want *db.Image) {
	t.Helper()
	if len(seen) == 0 {
		t.Error("Allow: got no call, want one at least")
	}
	for _, got := range seen {
		switch {
		case (got == nil) != (want == nil):
			t.Errorf("Allow: got image %v, want %v", got, want)
		case want != nil:
			wantImage(t, "Allow", *got, *want)
		}
	}
}

func testAllowDelete(t *testing.T, s db.Store) {
	data := content(1, 100)
	img := create(t, s, "cat.png", data)

	wantError(t, "Delete", s.Delete(t.Context(), "cat.png", db.DeleteOptions{Allow: refuse}), errRefused)
	other := img
	other.SHA256[0]++
	wantError(t, "Delete of another", s.Delete(t.Context(), "cat.png", db.DeleteOptions{Allow: demand(&other)}), errRefused)
	wantStored(t, s, img, data)
	wantUsage(t, s, sum([]db.Image{img}))

	var seen []*db.Image
	see := func(current *db.Image) error {
		if current == nil {
			return errRefused
		}
		copied := *current
		seen = append(seen, &copied)
		return nil
	}
	err := s.Delete(t.Context(), "cat.png", db.DeleteOptions{Allow: see})
	if err != nil {
		t.Errorf("Delete that is allowed: %v", err)
	}
	wantSeen(t, seen, &img)
	wantAbsent(t, s, "cat.png")
	wantUsage(t, s, db.Usage{})

	// There is no image to delete, whatever Allow returns.
	err = s.Delete(t.Context(), "cat.png", db.DeleteOptions{Allow: demand(nil)})
	wantError(t, "Delete of none", err, db.ErrNotFound)
}

// testAllowRace: 32 callers try to get a free name, and exactly one gets it. If an
// engine calls Allow before its transaction, several callers get the name.
func testAllowRace(t *testing.T, s db.Store) {
	const n = 32
	for _, conflict := range []db.Conflict{db.Rename, db.Replace, db.Fail} {
		name := "race" + strconv.Itoa(int(conflict)) + ".png"
		o := db.PutOptions{Conflict: conflict, Allow: demand(nil)}
		got, errs := raceToPut(t, s, n, name, o, func(i int) []byte { return content(uint64(i), 1000) })
		wantOutcomes(t, name, got, map[db.Outcome]int{db.Created: 1})
		if len(errs) != n-1 {
			t.Errorf("%s: got %d errors, want %d", name, len(errs), n-1)
		}
		for _, err := range errs {
			wantError(t, name, err, errRefused)
		}
	}
	wantConsistent(t, s)
}

// testCompareAndSwap uses an image as a counter. Each caller reads the number and adds
// one. Then it stores the new number if no other caller has stored a number meanwhile.
// If an update is lost, the last number is too low. Deletes with a condition must not
// lose an update either.
func testCompareAndSwap(t *testing.T, s db.Store) {
	const callers, steps = 6, 5
	create(t, s, "counter", []byte("0"))
	var lost atomic.Int64
	race(callers, func(int) {
		for done := 0; done < steps; {
			img, data, err := load(t.Context(), s, "counter")
			if err != nil {
				t.Error(err)
				return
			}
			n, err := strconv.Atoi(string(data))
			if err != nil {
				t.Error(err)
				return
			}
			o := db.PutOptions{Conflict: db.Replace, Allow: demand(&img)}
			switch _, _, err := tryPut(t.Context(), s, "counter", strconv.AppendInt(nil, int64(n+1), 10), o); {
			case err == nil:
				done++
			case errors.Is(err, errRefused):
				lost.Add(1)
			default:
				t.Error(err)
				return
			}
		}
	})
	_, got, err := load(t.Context(), s, "counter")
	if want := strconv.Itoa(callers * steps); err != nil || string(got) != want {
		t.Errorf("counter: got %q and %v, want %s (%d tries were refused)", got, err, want, lost.Load())
	}
}
