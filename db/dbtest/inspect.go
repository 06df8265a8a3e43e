package dbtest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"

	"imageserver/db"
)

// testInspectSees: Inspect can read all bytes in any order, and gets what the store
// already knows about the image.
func testInspectSees(t *testing.T, s db.Store) {
	for i, size := range []int{0, 100, 128<<10 + 64, 1<<20 + 1, 5<<20 + 7} {
		data := content(uint64(i), size)
		name := fmt.Sprintf("%d de\u0301.png", size) // not in normal form C; Inspect gets the name in form C
		calls := 0
		img := put(t, s, name, data, db.PutOptions{Inspect: func(r io.ReaderAt, img *db.Image) error {
			calls++
			if want := fmt.Sprintf("%d d\u00e9.png", size); img.Name != want {
				t.Errorf("Inspect: got name %q, want %q", img.Name, want)
			}
			if img.Size != int64(size) || img.SHA256 != sha256.Sum256(data) {
				t.Errorf("Inspect: got size %d and digest %s, want %d and %x", img.Size, img.SHA256, size, sha256.Sum256(data))
			}
			for _, r2 := range ranges(size) {
				wantReadAt(t, r, data, r2.off, r2.n)
			}
			wantAbsent(t, s, img.Name) // the bytes are stored, but not visible; and no lock blocks this call
			img.ContentType, img.Width, img.Height = "image/x-test", size, 7
			return nil
		}}, db.Created)
		if calls == 0 {
			t.Error("Inspect: got no call, want one")
		}
		if img.ContentType != "image/x-test" || img.Width != size || img.Height != 7 {
			t.Errorf("Put: got %q, %d × %d, want what Inspect gave", img.ContentType, img.Width, img.Height)
		}
		wantStored(t, s, img, data)
	}
}

// describe is an Inspect that sets every field that it may set.
func describe(_ io.ReaderAt, img *db.Image) error {
	img.ContentType, img.Width, img.Height = "image/png", int(img.Size), 1
	img.Orientation = int(img.Size % 9)
	img.Placeholder = string(img.SHA256[:30])
	return nil
}

// testInspectRefuses: bytes that Inspect refuses are not stored. This is also true if
// they would have replaced an image, or if another image has the same bytes.
func testInspectRefuses(t *testing.T, s db.Store) {
	errNoImage := errors.New("not an image")
	refuse := func(io.ReaderAt, *db.Image) error { return errNoImage }
	for i, size := range []int{0, 100, 5<<20 + 7} {
		_, _, err := tryPut(t.Context(), s, "cat.png", content(uint64(i), size), db.PutOptions{Inspect: refuse})
		wantError(t, fmt.Sprintf("Put of %d bytes refused", size), err, errNoImage)
		wantAbsent(t, s, "cat.png")
		wantUsage(t, s, db.Usage{})
	}

	data := content(10, 2<<20)
	img := create(t, s, "cat.png", data)
	for _, conflict := range []db.Conflict{db.Rename, db.Replace, db.Fail} {
		o := db.PutOptions{Inspect: refuse, Conflict: conflict}
		_, _, err := tryPut(t.Context(), s, "dog.png", data, o)
		wantError(t, "Put of bytes stored elsewhere", err, errNoImage)
	}
	_, _, err := tryPut(t.Context(), s, "cat.png", content(11, 2<<20), db.PutOptions{Inspect: refuse, Conflict: db.Replace})
	wantError(t, "Put over an image", err, errNoImage)
	wantAbsent(t, s, "dog.png")
	wantStored(t, s, img, data)
	wantUsage(t, s, sum([]db.Image{img}))
}
