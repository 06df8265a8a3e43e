package dbtest

import (
	"sync/atomic"
	"testing"
	"time"

	"imageserver/db"
)

// wantToken fails unless img is found by its DeleteHash.
func wantToken(t *testing.T, s db.Store, img db.Image) {
	t.Helper()
	got, err := s.ByDeleteHash(t.Context(), img.DeleteHash)
	if err != nil {
		t.Errorf("ByDeleteHash of %q: %v", img.Name, err)
		return
	}
	wantImage(t, "ByDeleteHash", got, img)
}

// wantNoToken fails if token finds an image.
func wantNoToken(t *testing.T, s db.Store, token db.Digest) {
	t.Helper()
	_, err := s.ByDeleteHash(t.Context(), token)
	wantError(t, "ByDeleteHash", err, db.ErrNotFound)
}

// withToken stores data under a name that is free, with a token.
func withToken(t *testing.T, s db.Store, name string, data []byte, token db.Digest) db.Image {
	t.Helper()
	img := put(t, s, name, data, db.PutOptions{DeleteHash: token}, db.Created)
	if img.DeleteHash != token {
		t.Errorf("DeleteHash: got %s, want %s", img.DeleteHash, token)
	}
	return img
}

// testToken finds images by the whole of their hashes, and none without one.
func testToken(t *testing.T, s db.Store) {
	tokens := []db.Digest{{1}, {1, 31: 1}, {31: 1}, {2}, {0xff}}
	var images []db.Image
	for i, token := range tokens {
		images = append(images, withToken(t, s, string(rune('a'+i)), content(uint64(i), 100), token))
	}
	images = append(images, create(t, s, "without", content(10, 100)))
	for i, token := range tokens {
		wantToken(t, s, images[i])
		wantStored(t, s, images[i], content(uint64(i), 100))
		token[15]++
		wantNoToken(t, s, token)
	}
	wantNoToken(t, s, db.Digest{})
	for i := range tokens {
		remove(t, s, images[i].Name)
		wantNoToken(t, s, tokens[i])
		for _, left := range images[i+1 : len(tokens)] {
			wantToken(t, s, left)
		}
	}
}

// testTokenDead: a token is good for as long as its image is there.
func testTokenDead(t *testing.T, s db.Store) {
	token := db.Digest{1}
	for _, end := range []func(){
		func() { remove(t, s, "cat.png") },
		func() { discard(t, s, "cat.png", time.Hour) },
		func() { put(t, s, "cat.png", content(2, 100), db.PutOptions{Conflict: db.Replace}, db.Replaced) },
		func() {
			o := db.PutOptions{Conflict: db.Replace, Trash: time.Hour, DeleteHash: db.Digest{2}}
			put(t, s, "cat.png", content(2, 100), o, db.Replaced)
		},
		func() {
			create(t, s, "dog.png", content(3, 100))
			rename(t, s, "dog.png", "cat.png", db.RenameOptions{Conflict: db.Replace}, db.Replaced)
		},
	} {
		wantToken(t, s, withToken(t, s, "cat.png", content(1, 100), token))
		end()
		wantNoToken(t, s, token)
		if err := s.Delete(t.Context(), "cat.png", db.DeleteOptions{}); err != nil {
			wantError(t, "Delete", err, db.ErrNotFound)
		}
	}
	wantNoToken(t, s, db.Digest{2})

	// Another image under the same name has its own, and the same token may
	// be given again.
	cat := withToken(t, s, "cat.png", content(4, 100), db.Digest{3})
	wantNoToken(t, s, token)
	dog := withToken(t, s, "dog.png", content(5, 100), token)
	wantToken(t, s, cat)
	wantToken(t, s, dog)
}

// testTokenUnchanged: who sends the bytes of an image gets no leave to delete
// it, and takes nobody's.
func testTokenUnchanged(t *testing.T, s db.Store) {
	data := content(1, 100)
	cat := withToken(t, s, "cat.png", data, db.Digest{1})
	dog := create(t, s, "dog.png", data)
	for _, token := range []db.Digest{{}, {2}} {
		for _, end := range []time.Time{{}, future()} {
			o := db.PutOptions{DeleteHash: token, Expires: end}
			wantImage(t, "Put again", put(t, s, "cat.png", data, o, db.Unchanged), cat)
			wantImage(t, "Put again", put(t, s, "dog.png", data, o, db.Unchanged), dog)
		}
	}
	wantToken(t, s, cat)
	wantNoToken(t, s, db.Digest{2})
}

// testTokenMoves: a token goes with its image to another name, and to the trash
// and back, where it is good for nothing meanwhile.
func testTokenMoves(t *testing.T, s db.Store) {
	token := db.Digest{1}
	withToken(t, s, "cat.png", content(1, 100), token)
	wantToken(t, s, rename(t, s, "cat.png", "tiger.png", db.RenameOptions{}, db.Created))
	for range 2 {
		discard(t, s, "tiger.png", time.Hour)
		wantNoToken(t, s, token)
		wantToken(t, s, restore(t, s, "tiger.png", "tiger.png", db.Created))
	}
	discard(t, s, "tiger.png", time.Hour)
	create(t, s, "tiger.png", content(2, 100))
	wantToken(t, s, restore(t, s, "tiger.png", "tiger-2.png", db.Created))
	remove(t, s, "tiger-2.png")
	wantNoToken(t, s, token)
}

// testTokenDelete: callers with one token look the image up and delete it,
// while others take its name for images of their own: those stay.
func testTokenDelete(t *testing.T, s db.Store) {
	for round := range 5 {
		token := db.Digest{1, byte(round)}
		withToken(t, s, "cat.png", content(1, 100), token)
		var deleted atomic.Int64
		race(8, func(i int) {
			if i%2 == 0 {
				tryPut(t.Context(), s, "cat.png", content(uint64(i+2), 100), db.PutOptions{Conflict: db.Replace})
				return
			}
			img, err := s.ByDeleteHash(t.Context(), token)
			if err == nil {
				err = s.Delete(t.Context(), img.Name, db.DeleteOptions{Allow: func(current *db.Image) error {
					if current == nil || current.DeleteHash != token {
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
			t.Errorf("Delete by token: got %d successes, want one at most", got)
		}
		img, err := s.Stat(t.Context(), "cat.png")
		if err != nil || img.DeleteHash == token {
			t.Errorf("Stat: got %+v and %v, want one of the others' images", img, err)
		}
		remove(t, s, "cat.png")
	}
	wantUsage(t, s, db.Usage{})
}
