package dbtest

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"imageserver/db"
)

// restore restores the image `name` from the trash. It fails unless Restore succeeds
// with this outcome and this resulting name.
func restore(t *testing.T, s db.Store, name, wantName string, want db.Outcome) db.Image {
	t.Helper()
	return restoreVersion(t, s, db.Image{Name: name}, wantName, want)
}

// restoreVersion does the same as restore, but it restores the image `trashed`, even if other
// images with this name were deleted later.
func restoreVersion(t *testing.T, s db.Store, trashed db.Image, wantName string, want db.Outcome) db.Image {
	t.Helper()
	what := fmt.Sprintf("Restore(%q, deleted %v)", trashed.Name, trashed.Deleted)
	img, got, err := s.Restore(t.Context(), trashed.Name, db.RestoreOptions{Deleted: trashed.Deleted})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if img.Name != wantName || got != want {
		t.Fatalf("%s: got %q %s, want %q %s", what, img.Name, outcomes[got], wantName, outcomes[want])
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
	create(t, s, "cat.pn", content(10, 100)) // cat.png begins with cat.pn, but the two names are different
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

// testRestoreTaken: if another image got the name meanwhile, Restore does not replace this
// image. If it has the same bytes, there is no conflict, and it gets the later of the two
// expiries.
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

// testRestoreRace: if many callers restore one image at the same time, exactly one succeeds.
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

// versions stores n images with one name, one after the other, and moves each to the trash.
// The images have different fields. `data` returns the content of the i-th image. versions
// returns the images in the trash, the most recently deleted first, and their contents.
func versions(t *testing.T, s db.Store, name string, n int, data func(i int) []byte) (trash []db.Image, contents [][]byte) {
	t.Helper()
	for i := range n {
		o := db.PutOptions{Expires: future().Add(time.Duration(i) * time.Minute), DeleteKeyHash: db.Digest{byte(i + 1)}, Inspect: describe}
		put(t, s, name, data(i), o, db.Created)
		trash = slices.Insert(trash, 0, discard(t, s, name, 24*time.Hour))
		contents = slices.Insert(contents, 0, data(i))
	}
	return trash, contents
}

func different(i int) []byte { return content(uint64(i), 200_000+i) }
func same(int) []byte        { return content(0, 200_000) }

// testRestoreVersion: each image in the trash can be restored, even if other images with this
// name were deleted later. The image is as it was before, and the others stay in the trash.
func testRestoreVersion(t *testing.T, s db.Store) {
	trash, contents := versions(t, s, "cat.png", 4, different)
	names := numbered("cat.png", 4)
	var live []db.Image
	for n, i := range []int{2, 1, 1, 0} { // i is a position among the images that are still in the trash
		want := untrashed(trash[i])
		want.Name = names[n]
		img := restoreVersion(t, s, trash[i], want.Name, db.Created)
		wantImage(t, "Restore", img, want)
		wantStored(t, s, img, contents[i])
		wantDeleteKey(t, s, img)
		live = append(live, img)
		trash, contents = slices.Delete(trash, i, i+1), slices.Delete(contents, i, i+1)
		wantTrash(t, s, trash...)
		wantUsage(t, s, sumWith(live, trash))
	}
	wantConsistent(t, s)
}

// testRestoreSameVersion: images with the same name and the same content in the trash are
// still different images. Each has its own expiry and delete key.
func testRestoreSameVersion(t *testing.T, s db.Store) {
	trash, contents := versions(t, s, "cat.png", 3, same)
	img := restoreVersion(t, s, trash[1], "cat.png", db.Created)
	wantImage(t, "Restore", img, untrashed(trash[1]))
	wantStored(t, s, img, contents[1])
	wantDeleteKey(t, s, img)
	wantTrash(t, s, trash[0], trash[2])
	wantUsage(t, s, sumWith([]db.Image{img}, []db.Image{trash[0], trash[2]}))

	// The two images become one, which expires at the later time.
	restoreVersion(t, s, trash[2], "cat.png", db.Unchanged)
	wantStored(t, s, img, contents[1])
	img.Expires = restoreVersion(t, s, trash[0], "cat.png", db.Unchanged).Expires
	wantStored(t, s, img, contents[1])
	if !img.Expires.Equal(trash[0].Expires) {
		t.Errorf("Expires: got %v, want %v", img.Expires, trash[0].Expires)
	}
	wantDeleteKey(t, s, img)
	wantTrash(t, s)
	wantUsage(t, s, sum([]db.Image{img}))
	wantConsistent(t, s)
}

// testRestoreNoVersion: if the trash has no image with this name that was deleted at this
// time, Restore returns ErrNotFound, and nothing changes.
func testRestoreNoVersion(t *testing.T, s db.Store) {
	trash, _ := versions(t, s, "cat.png", 3, different)
	live := create(t, s, "cat.png", content(9, 100))
	newest, oldest := trash[0].Deleted, trash[2].Deleted
	wrapped := newest.Add(math.MaxInt64).Add(math.MaxInt64).Add(2) // 2^64 nanoseconds later
	for _, c := range []struct {
		name    string
		deleted time.Time
	}{
		{"cat.png", newest.Add(1)},
		{"cat.png", oldest.Add(-1)},
		{"cat.png", newest.Add(time.Hour)},
		{"cat.png", time.Unix(0, 0)}, // an engine may store 0 for an image that is not in the trash
		{"cat.png", wrapped},
		{"cat.pn", newest},
		{"cat.png2", newest},
		{"never.png", newest},
	} {
		for _, allow := range []db.Precondition{nil, demand(nil)} {
			_, _, err := s.Restore(t.Context(), c.name, db.RestoreOptions{Deleted: c.deleted, Allow: allow})
			wantError(t, fmt.Sprintf("Restore(%q, deleted %v)", c.name, c.deleted), err, db.ErrNotFound)
		}
	}
	o := db.RestoreOptions{Deleted: oldest, Allow: demand(&trash[0])}
	_, _, err := s.Restore(t.Context(), "cat.png", o)
	wantError(t, "Restore if it is another version", err, errRefused)
	_, _, err = s.Restore(t.Context(), "a/b", o)
	wantError(t, "Restore of a bad name", err, db.ErrName)
	wantTrash(t, s, trash...)
	wantStored(t, s, live, content(9, 100))
	wantUsage(t, s, sumWith([]db.Image{live}, trash))

	o = db.RestoreOptions{Deleted: oldest.In(time.FixedZone("far east", 14*60*60)), Allow: demand(&trash[2])}
	if _, _, err := s.Restore(t.Context(), "cat.png", o); err != nil {
		t.Errorf("Restore that is allowed: %v", err)
	}
	_, _, err = s.Restore(t.Context(), "cat.png", db.RestoreOptions{Deleted: oldest})
	wantError(t, "Restore again", err, db.ErrNotFound)
	wantTrash(t, s, trash[:2]...)
	wantConsistent(t, s)
}

// testRestoreExpiredVersion: if a version has expired in the trash, Restore returns ErrNotFound.
// It does not restore another version instead.
func testRestoreExpiredVersion(t *testing.T, s db.Store) {
	create(t, s, "cat.png", content(1, 100))
	older := discard(t, s, "cat.png", time.Hour)
	img := create(t, s, "cat.png", content(2, 100))
	var expired db.Image
	for ttl := 30 * time.Millisecond; ; ttl *= 2 { // until the TTL is long enough to list the image before it expires
		if err := s.Delete(t.Context(), img.Name, db.DeleteOptions{TrashTTL: ttl}); err != nil {
			t.Fatal(err)
		}
		if expired = lastTrashed(t, s, img.Name); expired.SHA256 == img.SHA256 {
			break
		}
		create(t, s, "cat.png", content(2, 100))
	}
	time.Sleep(time.Until(expired.TrashExpires))
	_, _, err := s.Restore(t.Context(), "cat.png", db.RestoreOptions{Deleted: expired.Deleted})
	wantError(t, "Restore of an expired version", err, db.ErrNotFound)
	wantTrash(t, s, older)
	wantUsageSoon(t, s, sumWith(nil, []db.Image{older}))
	wantConsistent(t, s)
}

// testRestoreVersionsRace: several callers restore each version of a name at the same time.
// For each version, exactly one of these callers succeeds.
func testRestoreVersionsRace(t *testing.T, s db.Store) {
	trash, contents := versions(t, s, "cat.png", 5, different)
	restored := make([]atomic.Int64, len(trash))
	race(3*len(trash), func(i int) {
		i %= len(trash)
		img, outcome, err := s.Restore(t.Context(), "cat.png", db.RestoreOptions{Deleted: trash[i].Deleted})
		if err != nil {
			wantError(t, "Restore", err, db.ErrNotFound)
			return
		}
		restored[i].Add(1)
		want := untrashed(trash[i])
		want.Name = img.Name
		wantImage(t, "Restore", img, want)
		if outcome != db.Created {
			t.Errorf("Restore: got %s, want %s", outcomes[outcome], outcomes[db.Created])
		}
	})
	wantTrash(t, s)
	for i := range restored {
		if got := restored[i].Load(); got != 1 {
			t.Errorf("version %d: got %d successes, want 1", i, got)
		}
	}
	live := listAll(t, s, db.ListOptions{Limit: 10})
	for _, img := range live {
		i := slices.IndexFunc(trash, func(v db.Image) bool { return v.SHA256 == img.SHA256 })
		wantStored(t, s, img, contents[i])
	}
	wantUsage(t, s, sum(live))
	wantConsistent(t, s)
}
