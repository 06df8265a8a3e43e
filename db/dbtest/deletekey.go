package dbtest

import (
	"sync/atomic"
	"testing"
	"time"

	"imageserver/db"
)

// wantDeleteKey fails unless ByDeleteKeyHash finds img.
func wantDeleteKey(t *testing.T, s db.Store, img db.Image) {
	t.Helper()
	got, err := s.ByDeleteKeyHash(t.Context(), img.DeleteKeyHash)
	if err != nil {
		t.Errorf("ByDeleteKeyHash of %q: %v", img.Name, err)
		return
	}
	wantImage(t, "ByDeleteKeyHash", got, img)
}

// wantNoDeleteKey fails if ByDeleteKeyHash finds an image for this hash.
func wantNoDeleteKey(t *testing.T, s db.Store, keyHash db.Digest) {
	t.Helper()
	_, err := s.ByDeleteKeyHash(t.Context(), keyHash)
	wantError(t, "ByDeleteKeyHash", err, db.ErrNotFound)
}

// withDeleteKey stores an image under a free name, with a delete key.
func withDeleteKey(t *testing.T, s db.Store, name string, data []byte, keyHash db.Digest) db.Image {
	t.Helper()
	img := put(t, s, name, data, db.PutOptions{DeleteKeyHash: keyHash}, db.Created)
	if img.DeleteKeyHash != keyHash {
		t.Errorf("DeleteKeyHash: got %s, want %s", img.DeleteKeyHash, keyHash)
	}
	return img
}

// testDeleteKey finds images by the whole hash of their delete keys. For the zero hash
// it finds no image.
func testDeleteKey(t *testing.T, s db.Store) {
	keyHashes := []db.Digest{{1}, {1, 31: 1}, {31: 1}, {2}, {0xff}}
	var images []db.Image
	for i, keyHash := range keyHashes {
		images = append(images, withDeleteKey(t, s, string(rune('a'+i)), content(uint64(i), 100), keyHash))
	}
	images = append(images, create(t, s, "without", content(10, 100)))
	for i, keyHash := range keyHashes {
		wantDeleteKey(t, s, images[i])
		wantStored(t, s, images[i], content(uint64(i), 100))
		keyHash[15]++
		wantNoDeleteKey(t, s, keyHash)
	}
	wantNoDeleteKey(t, s, db.Digest{})
	for i := range keyHashes {
		remove(t, s, images[i].Name)
		wantNoDeleteKey(t, s, keyHashes[i])
		for _, left := range images[i+1 : len(keyHashes)] {
			wantDeleteKey(t, s, left)
		}
	}
}

// testDeleteKeyDead: a delete key finds its image only while the image exists.
func testDeleteKeyDead(t *testing.T, s db.Store) {
	keyHash := db.Digest{1}
	for _, end := range []func(){
		func() { remove(t, s, "cat.png") },
		func() { discard(t, s, "cat.png", time.Hour) },
		func() { put(t, s, "cat.png", content(2, 100), db.PutOptions{Conflict: db.Replace}, db.Replaced) },
		func() {
			o := db.PutOptions{Conflict: db.Replace, TrashTTL: time.Hour, DeleteKeyHash: db.Digest{2}}
			put(t, s, "cat.png", content(2, 100), o, db.Replaced)
		},
		func() {
			create(t, s, "dog.png", content(3, 100))
			rename(t, s, "dog.png", "cat.png", db.RenameOptions{Conflict: db.Replace}, db.Replaced)
		},
	} {
		wantDeleteKey(t, s, withDeleteKey(t, s, "cat.png", content(1, 100), keyHash))
		end()
		wantNoDeleteKey(t, s, keyHash)
		if err := s.Delete(t.Context(), "cat.png", db.DeleteOptions{}); err != nil {
			wantError(t, "Delete", err, db.ErrNotFound)
		}
	}
	wantNoDeleteKey(t, s, db.Digest{2})

	// Another image with the same name has its own delete key, and the former key
	// can be used again.
	cat := withDeleteKey(t, s, "cat.png", content(4, 100), db.Digest{3})
	wantNoDeleteKey(t, s, keyHash)
	dog := withDeleteKey(t, s, "dog.png", content(5, 100), keyHash)
	wantDeleteKey(t, s, cat)
	wantDeleteKey(t, s, dog)
}

// testDeleteKeyUnchanged: a client sends the bytes of a stored image, with another
// delete key or none. The client must not get the right to delete that image, and the
// delete key of the image does not change.
func testDeleteKeyUnchanged(t *testing.T, s db.Store) {
	data := content(1, 100)
	cat := withDeleteKey(t, s, "cat.png", data, db.Digest{1})
	dog := create(t, s, "dog.png", data)
	for _, keyHash := range []db.Digest{{}, {2}} {
		for _, end := range []time.Time{{}, future()} {
			o := db.PutOptions{DeleteKeyHash: keyHash, Expires: end}
			wantImage(t, "Put again", put(t, s, "cat.png", data, o, db.Unchanged), cat)
			wantImage(t, "Put again", put(t, s, "dog.png", data, o, db.Unchanged), dog)
		}
	}
	wantDeleteKey(t, s, cat)
	wantNoDeleteKey(t, s, db.Digest{2})
}

// testDeleteKeyMoves: an image keeps its delete key when it is renamed, and when it is
// restored from the trash. While the image is in the trash, the key finds nothing.
func testDeleteKeyMoves(t *testing.T, s db.Store) {
	keyHash := db.Digest{1}
	withDeleteKey(t, s, "cat.png", content(1, 100), keyHash)
	wantDeleteKey(t, s, rename(t, s, "cat.png", "tiger.png", db.RenameOptions{}, db.Created))
	for range 2 {
		discard(t, s, "tiger.png", time.Hour)
		wantNoDeleteKey(t, s, keyHash)
		wantDeleteKey(t, s, restore(t, s, "tiger.png", "tiger.png", db.Created))
	}
	discard(t, s, "tiger.png", time.Hour)
	create(t, s, "tiger.png", content(2, 100))
	wantDeleteKey(t, s, restore(t, s, "tiger.png", "tiger-2.png", db.Created))
	remove(t, s, "tiger-2.png")
	wantNoDeleteKey(t, s, keyHash)
}

// testDeleteKeyDelete: several callers have the delete key of one image, find the
// image, and delete it. At the same time, other callers store their own images under
// the same name. The images of the other callers must stay.
func testDeleteKeyDelete(t *testing.T, s db.Store) {
	for round := range 5 {
		keyHash := db.Digest{1, byte(round)}
		withDeleteKey(t, s, "cat.png", content(1, 100), keyHash)
		var deleted atomic.Int64
		race(8, func(i int) {
			if i%2 == 0 {
				tryPut(t.Context(), s, "cat.png", content(uint64(i+2), 100), db.PutOptions{Conflict: db.Replace})
				return
			}
			img, err := s.ByDeleteKeyHash(t.Context(), keyHash)
			if err == nil {
				err = s.Delete(t.Context(), img.Name, db.DeleteOptions{Allow: func(current *db.Image) error {
					if current == nil || current.DeleteKeyHash != keyHash {
						return errRefused
					}
					return nil
				}})
			}
			if err == nil {
				deleted.Add(1)
			}
		})
		if got := deleted.Load(); got > 1 {
			t.Errorf("Delete with one delete key: got %d successes, want one at most", got)
		}
		img, err := s.Stat(t.Context(), "cat.png")
		if err != nil || img.DeleteKeyHash == keyHash {
			t.Errorf("Stat: got %+v and %v, want one of the others' images", img, err)
		}
		remove(t, s, "cat.png")
	}
	wantUsage(t, s, db.Usage{})
}
