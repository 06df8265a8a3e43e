package dbtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"imageserver/db"
)

// discard moves the image with this name to the trash for the duration `ttl`. The image
// must exist. discard returns the image in the trash.
func discard(t *testing.T, s db.Store, name string, ttl time.Duration) db.Image {
	t.Helper()
	if err := s.Delete(t.Context(), name, db.DeleteOptions{TrashTTL: ttl}); err != nil {
		t.Fatalf("Delete(%q): %v", name, err)
	}
	return lastTrashed(t, s, name)
}

// lastTrashed returns the image with this name that was deleted last.
func lastTrashed(t *testing.T, s db.Store, name string) db.Image {
	t.Helper()
	trash := listAll(t, s, db.ListOptions{Limit: 100, Trash: true})
	i := slices.IndexFunc(trash, named(name))
	if i < 0 {
		t.Fatalf("List of the trash: got %q, want %q in it", namesOf(trash), name)
	}
	return trash[i]
}

// untrashed returns img as it was before it was deleted.
func untrashed(img db.Image) db.Image {
	img.Deleted, img.TrashExpires = time.Time{}, time.Time{}
	return img
}

// testTrash: a deleted image is only in the trash, and keeps its fields.
func testTrash(t *testing.T, s db.Store) {
	for i, c := range []struct {
		size    int
		ttl     time.Duration
		expires time.Time
	}{
		{0, time.Hour, time.Time{}},
		{100, 24 * time.Hour, future().Add(48 * time.Hour)},
		{3 << 20, 24 * time.Hour, future()}, // the image expires before the trash TTL ends
	} {
		keyHash := db.Digest{byte(i + 1)}
		o := db.PutOptions{Expires: c.expires, DeleteKeyHash: keyHash, Inspect: describe}
		img := put(t, s, "cat.png", content(uint64(i), c.size), o, db.Created)
		before := time.Now()
		trashed := discard(t, s, "cat.png", c.ttl)
		wantInTrash(t, trashed, before, c.ttl)
		wantImage(t, "in the trash", untrashed(trashed), img)
		wantAbsent(t, s, "cat.png")
		wantNoDeleteKey(t, s, keyHash)
		wantError(t, "Delete again", s.Delete(t.Context(), "cat.png", db.DeleteOptions{}), db.ErrNotFound)
		_, _, err := s.Rename(t.Context(), "cat.png", "dog.png", db.RenameOptions{})
		wantError(t, "Rename", err, db.ErrNotFound)
		wantUsage(t, s, sumWith(nil, []db.Image{trashed}))
		emptyTrash(t, s, 1)
	}
}

// wantInTrash checks the times of an image that was deleted after the time `before`. An
// engine may keep only whole seconds.
func wantInTrash(t *testing.T, img db.Image, before time.Time, ttl time.Duration) {
	t.Helper()
	after := time.Now()
	if img.Deleted.Before(before.Truncate(time.Second)) || img.Deleted.After(after) || img.Deleted.Location() != time.UTC {
		t.Errorf("Deleted: got %v, want %v to %v in UTC", img.Deleted, before, after)
	}
	if img.TrashExpires.Equal(img.Expires) && !img.Expires.After(after.Add(ttl)) {
		return
	}
	if img.TrashExpires.Before(before.Add(ttl).Truncate(time.Second)) || img.TrashExpires.After(after.Add(ttl)) || img.TrashExpires.Location() != time.UTC {
		t.Errorf("TrashExpires: got %v, want %v to %v in UTC", img.TrashExpires, before.Add(ttl), after.Add(ttl))
	}
	if !img.Expires.IsZero() && img.TrashExpires.After(img.Expires) {
		t.Errorf("TrashExpires: got %v, want no later than Expires, %v", img.TrashExpires, img.Expires)
	}
}

// emptyTrash empties the trash. It fails unless the trash had n images.
func emptyTrash(t *testing.T, s db.Store, n int) {
	t.Helper()
	got, err := s.EmptyTrash(t.Context())
	if err != nil || got != n {
		t.Errorf("EmptyTrash: got %d and %v, want %d", got, err, n)
	}
	wantTrash(t, s)
}

// testTrashOfReplaced: an image that a Put or a Rename replaces goes to the trash, too.
// An image that keeps its name does not go to the trash. An image that is deleted
// without a TrashTTL does not go there either.
func testTrashOfReplaced(t *testing.T, s db.Store) {
	replace := db.PutOptions{Conflict: db.Replace, TrashTTL: time.Hour}
	first := put(t, s, "cat.png", content(1, 100), replace, db.Created)
	put(t, s, "cat.png", content(1, 100), replace, db.Unchanged)
	wantTrash(t, s)
	second := put(t, s, "cat.png", content(2, large), replace, db.Replaced)
	one := lastTrashed(t, s, "cat.png")
	wantImage(t, "in the trash", untrashed(one), first)
	wantUsage(t, s, sumWith([]db.Image{second}, []db.Image{one}))

	create(t, s, "dog.png", content(3, 100))
	dog := rename(t, s, "dog.png", "cat.png", db.RenameOptions{Conflict: db.Replace, TrashTTL: time.Hour}, db.Replaced)
	two := lastTrashed(t, s, "cat.png")
	wantImage(t, "in the trash", untrashed(two), second)
	wantTrash(t, s, one, two)
	wantUsage(t, s, sumWith([]db.Image{dog}, []db.Image{one, two}))

	last := put(t, s, "cat.png", content(4, 100), db.PutOptions{Conflict: db.Replace}, db.Replaced)
	wantTrash(t, s, one, two)
	wantUsage(t, s, sumWith([]db.Image{last}, []db.Image{one, two}))
	for _, conflict := range []db.Conflict{db.Rename, db.Fail} { // with these, Put replaces nothing
		_, _, err := tryPut(t.Context(), s, "cat.png", content(5, 100), db.PutOptions{Conflict: conflict, TrashTTL: time.Hour})
		if err := unless(err, db.ErrExists); err != nil {
			t.Errorf("Put: %v", err)
		}
	}
	wantTrash(t, s, one, two)
	wantConsistent(t, s)
}

// testTrashBytes: the bytes of images in the trash are stored, and equal bytes are
// stored once. Open bodies stay readable, whatever happens to the images.
func testTrashBytes(t *testing.T, s db.Store) {
	data := content(1, large)
	create(t, s, "cat.png", data)
	fresh, begun := openBody(t, s, "cat.png"), openBody(t, s, "cat.png")
	wantBytes(t, "begun", read(t, begun, 1000), data[:1000])
	cat := discard(t, s, "cat.png", time.Hour)
	again := create(t, s, "dog.png", data)
	wantUsage(t, s, db.Usage{Images: 1, Bytes: large, Blobs: 1, Stored: large, Trash: 1, TrashBytes: large})
	dog := discard(t, s, "dog.png", time.Hour)
	wantImage(t, "in the trash", untrashed(dog), again)
	wantUsage(t, s, db.Usage{Blobs: 1, Stored: large, Trash: 2, TrashBytes: 2 * large})
	wantTrash(t, s, cat, dog)
	tiger := create(t, s, "tiger.png", data)
	emptyTrash(t, s, 2)
	wantUsage(t, s, sum([]db.Image{tiger}))
	wantStored(t, s, tiger, data)
	discard(t, s, "tiger.png", time.Hour)
	emptyTrash(t, s, 1)
	wantUsage(t, s, db.Usage{})
	create(t, s, "other.png", content(2, large)) // may use the space of the deleted bytes
	wantRest(t, "body not read before", fresh, data)
	wantRest(t, "body read in part before", begun, data[1000:])
	closeBody(t, fresh)
	closeBody(t, begun)
	wantConsistent(t, s)
}

// testTrashSeveral: the trash can have several images with the same name, also with
// equal bytes. Each image has its own time of deletion.
func testTrashSeveral(t *testing.T, s db.Store) {
	var trash []db.Image
	for i := range 12 {
		create(t, s, "cat.png", content(uint64(i%3), 1000))
		trash = append(trash, discard(t, s, "cat.png", time.Hour))
	}
	wantUsage(t, s, db.Usage{Blobs: 3, Stored: 3000, Trash: 12, TrashBytes: 12_000})
	for i, img := range trash[1:] {
		if !img.Deleted.After(trash[i].Deleted) {
			t.Errorf("Deleted: got %v, want later than that of the one before, %v", img.Deleted, trash[i].Deleted)
		}
	}
	slices.Reverse(trash)
	for limit := 1; limit <= 13; limit += 3 {
		wantImages(t, "List of the trash", listAll(t, s, db.ListOptions{Limit: limit, Trash: true}), trash)
	}
	// These calls run at the same time, because an engine may commit several deletes
	// together.
	race(8, func(i int) {
		for round := range 3 {
			tryPut(t.Context(), s, "dog.png", content(uint64(100+8*round+i), 100), db.PutOptions{Conflict: db.Replace, TrashTTL: time.Hour})
			s.Delete(t.Context(), "dog.png", db.DeleteOptions{TrashTTL: time.Hour}) // another caller may have deleted it
		}
	})
	wantConsistent(t, s)
	got := listAll(t, s, db.ListOptions{Limit: 1, Trash: true, Match: "dog"})
	if live := listAll(t, s, db.ListOptions{Limit: 10, Match: "dog"}); len(got)+len(live) != 24 {
		t.Errorf("List of the trash: got %d images, want each of the 24 that were stored", len(got)+len(live))
	}
}

// testTrashList lists the trash in pages of every length, while it changes.
func testTrashList(t *testing.T, s db.Store) {
	var trash []db.Image
	for i := range 9 { // the images are deleted in another order than they were stored
		create(t, s, fmt.Sprintf("%d Cät.png", i), content(uint64(i), 100))
	}
	live := create(t, s, "live cät.png", content(20, 100))
	for i := range 9 {
		trash = append(trash, discard(t, s, fmt.Sprintf("%d Cät.png", i*4%9), time.Hour))
		slices.SortFunc(trash, lastDeletedFirst)
		for limit := 1; limit <= 10; limit++ {
			got := listAll(t, s, db.ListOptions{Limit: limit, Trash: true})
			wantImages(t, fmt.Sprintf("List of %d by %d", i+1, limit), got, trash)
		}
	}
	wantImages(t, "List", listAll(t, s, db.ListOptions{Limit: 3}), []db.Image{live})
	wantImages(t, "List with a match", listAll(t, s, db.ListOptions{Limit: 1, Trash: true, Match: "4 cA\u0308T"}),
		trash[slices.IndexFunc(trash, named("4 Cät.png")):][:1])
	for _, match := range []string{"cät", "dog"} {
		want := trash
		if match == "dog" {
			want = nil
		}
		wantImages(t, "List with a match", listAll(t, s, db.ListOptions{Limit: 2, Trash: true, Match: match}), want)
	}

	page, next := listPage(t, s, db.ListOptions{Limit: 3, Trash: true})
	wantImages(t, "the first page", page, trash[:3])
	restore(t, s, page[2].Name, page[2].Name, db.Created) // the image at the position of the cursor
	restore(t, s, trash[4].Name, trash[4].Name, db.Created)
	rest := listAll(t, s, db.ListOptions{Limit: 1, Trash: true, After: next})
	wantImages(t, "the pages after it", rest, slices.Concat(trash[3:4], trash[5:]))
}

// testTrashCursor: a cursor is valid only for the list that returned it.
func testTrashCursor(t *testing.T, s db.Store) {
	for i := range 4 {
		create(t, s, fmt.Sprintf("%d.png", i), content(uint64(i), 100))
	}
	for i := range 2 {
		discard(t, s, fmt.Sprintf("%d.png", i), time.Hour)
	}
	for _, trash := range []bool{false, true} {
		_, next := listPage(t, s, db.ListOptions{Limit: 1, Trash: trash})
		if next == "" {
			t.Fatalf("List(trash %t): got no cursor, want one for the second page", trash)
		}
		_, _, err := s.List(t.Context(), db.ListOptions{Limit: 1, Trash: !trash, After: next})
		wantError(t, fmt.Sprintf("List(trash %t) with a cursor of the other list", !trash), err, db.ErrCursor)
		listPage(t, s, db.ListOptions{Limit: 1, Trash: trash, After: next})
	}
	for _, cursor := range []string{"!", "no cursor", "\x00", "🐈", "~", "~~"} {
		_, _, err := s.List(t.Context(), db.ListOptions{After: cursor, Limit: 10, Trash: true})
		wantError(t, fmt.Sprintf("List of the trash after %q", cursor), err, db.ErrCursor)
	}
}

// testTrashExpires: if the time of an image in the trash is over, no method returns the
// image, and it is deleted soon. The same is true for an image that expires while it is
// in the trash.
func testTrashExpires(t *testing.T, s db.Store) {
	create(t, s, "lasting.png", content(9, 100))
	lasting := discard(t, s, "lasting.png", time.Hour)
	create(t, s, "cat.png", content(1, large))
	if err := s.Delete(t.Context(), "cat.png", db.DeleteOptions{TrashTTL: 1}); err != nil { // nanosecond
		t.Fatal(err)
	}
	wantNoTrace(t, s, "cat.png", db.Digest{})
	wantTrash(t, s, lasting)
	emptied := 30 * time.Millisecond
	for _, c := range []struct{ life, ttl time.Duration }{{time.Hour, emptied}, {emptied, time.Hour}} {
		for d := c; ; d.life, d.ttl = 2*d.life, 2*d.ttl { // until the Delete comes before the image expires
			put(t, s, "dog.png", content(2, large), ending(time.Now().Add(d.life)), db.Created)
			err := s.Delete(t.Context(), "dog.png", db.DeleteOptions{TrashTTL: d.ttl})
			if err == nil {
				time.Sleep(min(d.life, d.ttl))
				break
			}
			wantError(t, "Delete", err, db.ErrNotFound)
		}
		wantNoTrace(t, s, "dog.png", db.Digest{})
		wantTrash(t, s, lasting)
		wantUsageSoon(t, s, sumWith(nil, []db.Image{lasting}))
	}
	restore(t, s, "lasting.png", "lasting.png", db.Created)
	wantConsistent(t, s)
}

// testTrashVariants: variants are deleted with the last image outside the trash,
// although the bytes of the image are still stored.
func testTrashVariants(t *testing.T, s db.Store) {
	data, small := content(1, 100_000), content(2, 1000)
	cat, tiger := create(t, s, "cat.png", data), create(t, s, "tiger.png", data)
	img := putVariant(t, s, cat.SHA256, "w=1", small, ample)
	trash := []db.Image{discard(t, s, "cat.png", time.Hour)}
	wantVariant(t, s, cat.SHA256, "w=1", img, small)
	wantUsage(t, s, withVariants(sumWith([]db.Image{tiger}, trash), 1, 1000))

	trash = append(trash, discard(t, s, "tiger.png", time.Hour))
	wantNoVariant(t, s, cat.SHA256, "w=1")
	wantUsage(t, s, sumWith(nil, trash))
	_, err := tryPutVariant(t.Context(), s, cat.SHA256, "w=1", small, ample)
	wantError(t, "PutVariant for a source in the trash", err, db.ErrNotFound)

	dog := create(t, s, "dog.png", data)
	wantNoVariant(t, s, cat.SHA256, "w=1")
	img = putVariant(t, s, cat.SHA256, "w=1", small, ample)
	restore(t, s, "cat.png", "cat.png", db.Created)
	wantVariant(t, s, cat.SHA256, "w=1", img, small)
	emptyTrash(t, s, 1)
	wantVariant(t, s, cat.SHA256, "w=1", img, small)
	wantUsage(t, s, withVariants(sum([]db.Image{cat, dog}), 1, 1000))
	remove(t, s, "cat.png")
	discard(t, s, "dog.png", time.Hour)
	restore(t, s, "dog.png", "dog.png", db.Created)
	wantNoVariant(t, s, cat.SHA256, "w=1")
	wantConsistent(t, s)
}

// testEmptyTrash: EmptyTrash deletes all images in the trash and nothing else. It stops
// when its context ends.
func testEmptyTrash(t *testing.T, s db.Store) {
	emptyTrash(t, s, 0)
	var images, trash []db.Image
	for i := range 30 {
		name := fmt.Sprintf("%d.png", i)
		img := put(t, s, name, content(uint64(i/3), 1000), ending(future()), db.Created)
		if i%3 == 0 {
			images = append(images, img)
		} else {
			trash = append(trash, discard(t, s, name, time.Hour))
		}
	}
	wantUsage(t, s, sumWith(images, trash))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n, err := s.EmptyTrash(ctx)
	if n > len(trash) || n < len(trash) && !errors.Is(err, context.Canceled) {
		t.Errorf("EmptyTrash, cancelled before: got %d and %v, want all, or an error", n, err)
	}
	emptyTrash(t, s, len(trash)-n)
	wantUsage(t, s, sum(images))
	wantConsistent(t, s)
}

// testTrashRace: several callers delete, restore and rename images and empty the trash,
// all at the same time. At the end, every image is complete and counted.
func testTrashRace(t *testing.T, s db.Store) {
	race(8, func(i int) {
		rnd := rand.New(rand.NewPCG(uint64(i), 3))
		for range 60 {
			if err := stepTrash(t.Context(), s, rnd); err != nil {
				t.Error(err)
			}
		}
	})
	time.Sleep(10 * time.Millisecond) // until everything that will expire has expired
	images := listAll(t, s, db.ListOptions{Limit: 100})
	wantUsageSoon(t, s, sumWith(images, listAll(t, s, db.ListOptions{Limit: 100, Trash: true})))
	wantConsistent(t, s)
	for _, img := range images {
		remove(t, s, img.Name)
	}
	if _, err := s.EmptyTrash(t.Context()); err != nil {
		t.Errorf("EmptyTrash: %v", err)
	}
	wantUsageSoon(t, s, db.Usage{})
}

// stepTrash makes one random call with a few names and the trash. It returns an error
// if the result is wrong.
func stepTrash(ctx context.Context, s db.Store, rnd *rand.Rand) error {
	name, other := fmt.Sprintf("%d.png", rnd.IntN(5)), fmt.Sprintf("%d.png", rnd.IntN(5))
	ttl := []time.Duration{0, 1, time.Millisecond, time.Hour}[rnd.IntN(4)]
	switch n := rnd.IntN(100); {
	case n < 30:
		i := rnd.IntN(4)
		o := db.PutOptions{Conflict: db.Replace, TrashTTL: ttl}
		if rnd.IntN(3) == 0 {
			o.Expires = time.Now().Add(time.Duration(rnd.IntN(5)) * time.Millisecond)
		}
		_, _, err := tryPut(ctx, s, name, content(uint64(i), []int{0, 100, 130_000, 1<<20 + 1}[i]), o)
		return err
	case n < 50:
		return unless(s.Delete(ctx, name, db.DeleteOptions{TrashTTL: ttl}), db.ErrNotFound)
	case n < 65:
		_, _, err := s.Restore(ctx, name, db.RestoreOptions{})
		return unless(err, db.ErrNotFound)
	case n < 80:
		_, _, err := s.Rename(ctx, name, other, db.RenameOptions{Conflict: db.Replace, TrashTTL: ttl})
		return unless(err, db.ErrNotFound)
	case n < 95:
		_, err := verify(ctx, s, name)
		return unless(err, db.ErrNotFound)
	default:
		_, err := s.EmptyTrash(ctx)
		return err
	}
}
