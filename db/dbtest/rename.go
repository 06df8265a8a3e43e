package dbtest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"imageserver/db"
)

// rename renames an image from `from` to `to`. It fails unless Rename succeeds with the
// outcome `want`. If the call gives no other name, the image must get the name `to`.
func rename(t *testing.T, s db.Store, from, to string, o db.RenameOptions, want db.Outcome) db.Image {
	t.Helper()
	img, got, err := s.Rename(t.Context(), from, to, o)
	if err != nil {
		t.Fatalf("Rename(%q, %q): %v", from, to, err)
	}
	if got != want {
		t.Fatalf("Rename(%q, %q): got outcome %s, want %s", from, to, outcomes[got], outcomes[want])
	}
	if name, err := db.CheckName(to); img.Name != name && !db.IsNumbered(name, img.Name) || err != nil {
		t.Fatalf("Rename(%q, %q): got name %q", from, to, img.Name)
	}
	return img
}

// testMove: only the name changes. All other fields, the bytes, the variants and the
// position in the list stay the same. Open bodies stay readable.
func testMove(t *testing.T, s db.Store) {
	for i, size := range []int{0, 100, large} {
		data, small := content(uint64(i), size), content(10, 1000)
		o := db.PutOptions{Expires: future(), DeleteKeyHash: db.Digest{1}, Inspect: describe}
		img := put(t, s, "cat.png", data, o, db.Created)
		copied := putVariant(t, s, img.SHA256, "w=1", small, ample)
		later := create(t, s, "later.png", content(20, 100))
		body := openBody(t, s, "cat.png")

		moved := rename(t, s, "cat.png", "tige\u0301r.png", db.RenameOptions{TrashTTL: time.Hour}, db.Created)
		img.Name = "tigér.png"
		wantImage(t, "Rename", moved, img)
		wantAbsent(t, s, "cat.png")
		wantStored(t, s, img, data)
		wantDeleteKey(t, s, img)
		wantVariant(t, s, img.SHA256, "w=1", copied, small)
		wantTrash(t, s)
		wantUsage(t, s, withVariants(sum([]db.Image{img, later}), 1, 1000))
		list := listAll(t, s, db.ListOptions{Limit: 10})
		if !later.Uploaded.Equal(img.Uploaded) {
			wantImages(t, "List", list, []db.Image{later, img})
		}

		_, _, err := s.Rename(t.Context(), "cat.png", "other.png", db.RenameOptions{})
		wantError(t, "Rename again", err, db.ErrNotFound)
		remove(t, s, "tigér.png")
		wantNoVariant(t, s, img.SHA256, "w=1")
		wantRest(t, "body from before", body, data)
		closeBody(t, body)
		remove(t, s, "later.png")
		wantUsage(t, s, db.Usage{})
	}
}

// testMoveTaken: if an image with other bytes has the new name, Rename does what Put
// does.
func testMoveTaken(t *testing.T, s db.Store) {
	cat, dog := create(t, s, "cat.png", content(1, large)), create(t, s, "dog.png", content(2, large))
	_, _, err := s.Rename(t.Context(), "cat.png", "dog.png", db.RenameOptions{Conflict: db.Fail})
	wantError(t, "Rename to a taken name", err, db.ErrExists)
	wantStored(t, s, cat, content(1, large))
	wantStored(t, s, dog, content(2, large))

	moved := rename(t, s, "cat.png", "dog.png", db.RenameOptions{TrashTTL: time.Hour}, db.Created)
	cat.Name = "dog-2.png"
	wantImage(t, "Rename", moved, cat)
	wantStored(t, s, cat, content(1, large))
	wantStored(t, s, dog, content(2, large))
	wantTrash(t, s)

	body := openBody(t, s, "dog.png")
	moved = rename(t, s, "dog-2.png", "dog.png", db.RenameOptions{Conflict: db.Replace}, db.Replaced)
	cat.Name = "dog.png"
	wantImage(t, "Rename", moved, cat)
	wantStored(t, s, cat, content(1, large))
	wantAbsent(t, s, "dog-2.png")
	wantTrash(t, s)
	wantUsage(t, s, sum([]db.Image{cat}))
	wantRest(t, "body of a replaced image", body, content(2, large))
	for i, name := range numbered("image.png", 9) {
		create(t, s, name, content(uint64(100+i), 100))
	}
	if moved := rename(t, s, "dog.png", "image.png", db.RenameOptions{}, db.Created); moved.Name != "image-10.png" {
		t.Errorf("Rename: got name %q, want image-10.png", moved.Name)
	}
	wantConsistent(t, s)
}

// testMoveUnchanged: if an image with the same bytes has the new name, only this image
// is left. It gets the later one of the two expiries.
func testMoveUnchanged(t *testing.T, s db.Store) {
	data := content(1, large)
	never, soon, late := time.Time{}, future(), future().Add(time.Hour)
	for _, conflict := range []db.Conflict{db.Rename, db.Replace, db.Fail} {
		for _, c := range []struct{ from, to, want time.Time }{
			{soon, late, late},
			{late, soon, late},
			{never, soon, never},
			{soon, never, never},
		} {
			to := put(t, s, "to.png", data, db.PutOptions{Expires: c.to, DeleteKeyHash: db.Digest{1}}, db.Created)
			put(t, s, "from.png", data, db.PutOptions{Expires: c.from, DeleteKeyHash: db.Digest{2}}, db.Created)
			copied := putVariant(t, s, to.SHA256, "w=1", content(2, 100), ample)
			body := openBody(t, s, "from.png")
			img := rename(t, s, "from.png", "to.png", db.RenameOptions{Conflict: conflict, TrashTTL: time.Hour}, db.Unchanged)
			to.Expires = c.want
			wantImage(t, "Rename", img, to)
			wantStored(t, s, to, data)
			wantAbsent(t, s, "from.png")
			wantDeleteKey(t, s, to)
			wantNoDeleteKey(t, s, db.Digest{2})
			wantTrash(t, s)
			wantVariant(t, s, to.SHA256, "w=1", copied, content(2, 100))
			wantUsage(t, s, withVariants(sum([]db.Image{to}), 1, 100))
			wantRest(t, "body of the name that went", body, data)
			remove(t, s, "to.png")
		}
	}
	wantUsage(t, s, db.Usage{})
}

// testMoveNowhere: nothing changes if the new name is another spelling of the old name.
// Nothing changes either if the name of the image already is the new name with a
// number.
func testMoveNowhere(t *testing.T, s db.Store) {
	data := content(1, 100)
	img := put(t, s, "é.png", data, db.PutOptions{Expires: future(), DeleteKeyHash: db.Digest{1}}, db.Created)
	other := create(t, s, "cat.png", content(2, 100))
	number := put(t, s, "cat.png", content(3, 100), db.PutOptions{}, db.Created)
	for _, conflict := range []db.Conflict{db.Rename, db.Replace, db.Fail} {
		for _, to := range []string{"é.png", "e\u0301.png"} {
			got, outcome, err := s.Rename(t.Context(), "é.png", to, db.RenameOptions{Conflict: conflict, TrashTTL: time.Hour})
			if err != nil || outcome != db.Unchanged {
				t.Errorf("Rename to itself: got %s and %v, want Unchanged", outcomes[outcome], err)
			}
			wantImage(t, "Rename to itself", got, img)
			wantStored(t, s, img, data)
		}
	}
	wantImage(t, "Rename", rename(t, s, "cat-2.png", "cat.png", db.RenameOptions{}, db.Unchanged), number)
	wantTrash(t, s)
	wantUsage(t, s, sum([]db.Image{img, other, number}))

	// Several images with the same bytes may have a name with a number. Each image
	// keeps its name.
	taken, same := create(t, s, "p.png", content(4, 100)), content(5, 100)
	images := []db.Image{taken}
	for _, name := range []string{"p-10.png", "p-2.png", "p-3.png"} {
		images = append(images, put(t, s, name, same, db.PutOptions{Conflict: db.Fail}, db.Created))
	}
	for _, img := range images[1:] {
		wantImage(t, "Rename", rename(t, s, img.Name, "p.png", db.RenameOptions{}, db.Unchanged), img)
	}
	for _, img := range images[1:] {
		wantStored(t, s, img, same)
	}
}

// testMoveMissing: an image that does not exist cannot be renamed, not even to its own
// name.
func testMoveMissing(t *testing.T, s db.Store) {
	cat := create(t, s, "cat.png", content(1, 100))
	for _, to := range []string{"cat.png", "none.png", "free.png"} {
		_, _, err := s.Rename(t.Context(), "none.png", to, db.RenameOptions{Conflict: db.Replace})
		wantError(t, "Rename of none", err, db.ErrNotFound)
	}
	for _, names := range [][2]string{{"a/b", "free.png"}, {"cat.png", "a/b"}, {"", ""}, {"none.png", ".."}} {
		_, _, err := s.Rename(t.Context(), names[0], names[1], db.RenameOptions{})
		wantError(t, fmt.Sprintf("Rename(%q, %q)", names[0], names[1]), err, db.ErrName)
	}
	wantStored(t, s, cat, content(1, 100))
	wantUsage(t, s, sum([]db.Image{cat}))
}

// testMoveAllow: Allow gets the image that is renamed, and no other image.
func testMoveAllow(t *testing.T, s db.Store) {
	cat, dog := create(t, s, "cat.png", content(1, 100)), create(t, s, "dog.png", content(2, 100))
	for _, conflict := range []db.Conflict{db.Rename, db.Replace, db.Fail} {
		for _, c := range []struct {
			from, to string
			want     *db.Image
		}{
			{"cat.png", "dog.png", &cat},
			{"dog.png", "cat.png", &dog},
			{"cat.png", "free.png", &cat},
			{"cat.png", "cat.png", &cat},
			{"none.png", "cat.png", nil},
		} {
			var seen []*db.Image
			_, _, err := s.Rename(t.Context(), c.from, c.to, db.RenameOptions{Conflict: conflict, Allow: func(current *db.Image) error {
				if current != nil {
					copied := *current
					current = &copied
				}
				seen = append(seen, current)
				return errRefused
			}})
			wantError(t, "Rename", err, errRefused)
			wantSeen(t, seen, c.want)
		}
	}
	wantStored(t, s, cat, content(1, 100))
	wantStored(t, s, dog, content(2, 100))
	_, _, err := s.Rename(t.Context(), "cat.png", "dog.png", db.RenameOptions{Conflict: db.Replace, Allow: demand(&dog)})
	wantError(t, "Rename of another than expected", err, errRefused)
	rename(t, s, "cat.png", "dog.png", db.RenameOptions{Conflict: db.Replace, Allow: demand(&cat)}, db.Replaced)
	wantConsistent(t, s)
}

// testMoveAllowRace: half of the callers replace an image. The other callers read the
// image and rename it. No caller renames an image other than the image that it has
// read.
func testMoveAllowRace(t *testing.T, s db.Store) {
	race(8, func(i int) {
		for round := range 10 {
			if i%2 == 0 {
				data := fmt.Appendf(nil, "%d %d", i, round)
				if _, _, err := tryPut(t.Context(), s, "cat.png", data, db.PutOptions{Conflict: db.Replace}); err != nil {
					t.Errorf("Put: %v", err)
				}
				continue
			}
			saw, err := s.Stat(t.Context(), "cat.png")
			if err != nil {
				continue // another caller has just renamed the image
			}
			img, _, err := s.Rename(t.Context(), "cat.png", "dog.png", db.RenameOptions{Allow: demand(&saw)})
			switch {
			case err == nil && img.SHA256 != saw.SHA256:
				t.Errorf("Rename: got %+v, want what was allowed, %+v", img, saw)
			case err != nil:
				wantError(t, "Rename", err, errRefused)
			}
		}
	})
	wantConsistent(t, s)
}

// testMoveRace: if many callers rename one image, exactly one succeeds. If many callers
// give several images the same name, each image gets a name.
func testMoveRace(t *testing.T, s db.Store) {
	const n = 16
	data := content(1, 1000)
	create(t, s, "cat.png", data)
	var renamed atomic.Int64
	race(n, func(i int) {
		_, _, err := s.Rename(t.Context(), "cat.png", fmt.Sprintf("%d.png", i), db.RenameOptions{})
		if err == nil {
			renamed.Add(1)
			return
		}
		wantError(t, "Rename", err, db.ErrNotFound)
	})
	if got := renamed.Load(); got != 1 {
		t.Errorf("Rename: got %d successes, want 1", got)
	}
	images := listAll(t, s, db.ListOptions{Limit: 100})
	if len(images) != 1 {
		t.Fatalf("List: got %q, want one image", namesOf(images))
	}
	wantStored(t, s, images[0], data)
	remove(t, s, images[0].Name)

	for i := range n {
		create(t, s, fmt.Sprintf("%d.png", i), content(uint64(i), 100))
	}
	race(n, func(i int) {
		if _, outcome, err := s.Rename(t.Context(), fmt.Sprintf("%d.png", i), "cat.png", db.RenameOptions{}); err != nil || outcome != db.Created {
			t.Errorf("Rename: got %s and %v, want Created", outcomes[outcome], err)
		}
	})
	wantNames(t, namesOf(listAll(t, s, db.ListOptions{Limit: 100})), numbered("cat.png", n))
	wantConsistent(t, s)
}
