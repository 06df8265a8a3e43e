package dbtest

import (
	"sync/atomic"
	"testing"
	"time"

	"imageserver/db"
)

// restore restores the image `name` from the trash. It fails unless Restore succeeds
// with this outcome and this resulting name.
func restore(t *testing.T, s db.Store, name, wantName string, want db.Outcome) db.Image {
	t.Helper()
	img, got, err := s.Restore(t.Context(), name, db.RestoreOptions{})
	if err != nil {
		t.Fatalf("Restore(%q): %v", name, err)
	}
	if img.Name != wantName || got != want {
		t.Fatalf("Restore(%q): got %q %s, want %q %s", name, img.Name, outcomes[got], wantName, outcomes[want])
	}
	return img
}

// testRestore: an image is restored as it was, in its position in the list.
func testRestore(t *testing.T, s db.Store) {
	for i, size := range []int{0, 100, 3 << 20} {
		data := content(uint64(i), size)
		o := db.PutOptions{Expires: future(), DeleteKeyHash: db.Digest{1}, Inspect: describe}
		img := put(t, s, "dé.png", data, o, db.Created)
		create(t, s, "later.png", content(10, 100))
		list := listAll(t, s, db.ListOptions{Limit: 10})
		discard(t, s, "dé.png", time.Hour)
		wantAbsent(t, s, "dé.png")

		back := restore(t, s, "de\u0301.png", "dé.png", db.Created)
		wantImage(t, "Restore", back, img)
		wantStored(t, s, img, data)
		wantImages(t, "List", listAll(t, s, db.ListOptions{Limit: 10}), list)
		wantTrash(t, s)
		wantConsistent(t, s)
		_, _, err := s.Restore(t.Context(), "dé.png", db.RestoreOptions{})
		wantError(t, "Restore again", err, db.ErrNotFound)
		remove(t, s, "dé.png")
		remove(t, s, "later.png")
		wantUsage(t, s, db.Usage{})
	}
}

// testRestoreNewest: if the trash has several images with one name, the image that was
// deleted last is restored first. The image that was deleted before it is restored
// next. Each image gets the next free name.
func testRestoreNewest(t *testing.T, s db.Store) {
	for i := range 4 {
		create(t, s, "cat.png", content(uint64(i), 100))
		discard(t, s, "cat.png", time.Hour)
	}
	create(t, s, "cat.pn", content(10, 100)) // a name that only begins like the other name is another name
	discard(t, s, "cat.pn", time.Hour)
	create(t, s, "cat.png2", content(11, 100))
	discard(t, s, "cat.png2", time.Hour)
	for i, name := range numbered("cat.png", 4) {
		img := restore(t, s, "cat.png", name, db.Created)
		wantStored(t, s, img, content(uint64(3-i), 100))
	}
	_, _, err := s.Restore(t.Context(), "cat.png", db.RestoreOptions{})
	wantError(t, "Restore of one more", err, db.ErrNotFound)
	wantConsistent(t, s)
}

// testRestoreTaken: if an image got the name meanwhile, this image stays. If it has the
// same bytes, there is no conflict, and it gets the later one of the two expiries.
func testRestoreTaken(t *testing.T, s db.Store) {
	former, latter := content(1, large), content(2, 100)
	put(t, s, "cat.png", former, ending(future().Add(time.Hour)), db.Created)
	late := discard(t, s, "cat.png", 24*time.Hour).Expires
	now := create(t, s, "cat.png", latter)
	back := restore(t, s, "cat.png", "cat-2.png", db.Created)
	wantStored(t, s, back, former)
	wantStored(t, s, now, latter)
	remove(t, s, "cat.png")

	discard(t, s, "cat-2.png", 24*time.Hour)
	same := put(t, s, "cat-2.png", former, db.PutOptions{Expires: future(), DeleteKeyHash: db.Digest{1}}, db.Created)
	same.Expires = late
	wantImage(t, "Restore", restore(t, s, "cat-2.png", "cat-2.png", db.Unchanged), same)
	wantStored(t, s, same, former)
	wantTrash(t, s)
	wantUsage(t, s, sum([]db.Image{same}))
	wantDeleteKey(t, s, same)

	// If an image with the same bytes already has the name with a number, the Outcome
	// is Unchanged, as in a Put.
	create(t, s, "dog.png", former)
	discard(t, s, "dog.png", time.Hour)
	dog := create(t, s, "dog.png", latter)
	dog2 := put(t, s, "dog.png", former, db.PutOptions{}, db.Created)
	wantImage(t, "Restore", restore(t, s, "dog.png", "dog-2.png", db.Unchanged), dog2)
	wantTrash(t, s)
	wantUsage(t, s, sum([]db.Image{same, dog, dog2}))
}

// testRestoreNone: Restore finds nothing under a name that was never deleted, that was
// deleted without the trash, or that is not valid.
func testRestoreNone(t *testing.T, s db.Store) {
	create(t, s, "cat.png", content(1, 100))
	create(t, s, "dog.png", content(2, 100))
	remove(t, s, "dog.png")
	for _, ttl := range []time.Duration{0, -time.Hour} { // a negative TTL has the same effect as 0
		create(t, s, "dog.png", content(2, 100))
		if err := s.Delete(t.Context(), "dog.png", db.DeleteOptions{TrashTTL: ttl}); err != nil {
			t.Fatal(err)
		}
	}
	create(t, s, "purged.png", content(3, 100))
	discard(t, s, "purged.png", time.Hour)
	emptyTrash(t, s, 1)
	for _, name := range []string{"cat.png", "dog.png", "purged.png", "never.png"} {
		_, _, err := s.Restore(t.Context(), name, db.RestoreOptions{})
		wantError(t, "Restore of "+name, err, db.ErrNotFound)
	}
	_, _, err := s.Restore(t.Context(), "a/b", db.RestoreOptions{})
	wantError(t, "Restore of a bad name", err, db.ErrName)
	wantTrash(t, s)
	wantConsistent(t, s)
}

// testRestoreAllow: Allow gets the image in the trash, or nil. If Allow refuses, the
// image stays in the trash.
func testRestoreAllow(t *testing.T, s db.Store) {
	var seen []*db.Image
	see := func(current *db.Image) error {
		if current != nil {
			copied := *current
			current = &copied
		}
		seen = append(seen, current)
		return errRefused
	}
	o := db.RestoreOptions{Allow: see}
	_, _, err := s.Restore(t.Context(), "cat.png", o)
	wantError(t, "Restore of none", err, errRefused)
	wantSeen(t, seen, nil)

	seen = nil
	create(t, s, "cat.png", content(1, 100))
	trashed := discard(t, s, "cat.png", time.Hour)
	live := create(t, s, "cat.png", content(2, 100))
	_, _, err = s.Restore(t.Context(), "cat.png", o)
	wantError(t, "Restore", err, errRefused)
	wantSeen(t, seen, &trashed)
	wantTrash(t, s, trashed)
	wantStored(t, s, live, content(2, 100))
	wantUsage(t, s, sumWith([]db.Image{live}, []db.Image{trashed}))
	if _, _, err := s.Restore(t.Context(), "cat.png", db.RestoreOptions{Allow: demand(&trashed)}); err != nil {
		t.Errorf("Restore that is allowed: %v", err)
	}
}

// testRestoreRace: of many callers that restore one image exactly one succeeds.
func testRestoreRace(t *testing.T, s db.Store) {
	for range 4 {
		img := create(t, s, "cat.png", content(1, 1000))
		discard(t, s, "cat.png", time.Hour)
		var restored atomic.Int64
		race(16, func(int) {
			if _, _, err := s.Restore(t.Context(), "cat.png", db.RestoreOptions{}); err == nil {
				restored.Add(1)
			} else {
				wantError(t, "Restore", err, db.ErrNotFound)
			}
		})
		if got := restored.Load(); got != 1 {
			t.Errorf("Restore: got %d successes, want 1", got)
		}
		wantStored(t, s, img, content(1, 1000))
		wantUsage(t, s, sum([]db.Image{img}))
		remove(t, s, "cat.png")
	}
}
