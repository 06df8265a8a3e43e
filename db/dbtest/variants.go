package dbtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"imageserver/db"
)

// ample is a budget that is far larger than any test needs.
const ample = 1 << 40

// tryPutVariant stores a variant, and tries again while the store is busy.
func tryPutVariant(ctx context.Context, s db.Store, source db.Digest, key string, data []byte, budget int64) (db.Image, error) {
	o := db.VariantOptions{ContentType: "image/jpeg", Width: 320, Height: 200, Budget: budget}
	for {
		img, err := s.PutVariant(ctx, source, key, bytes.NewReader(data), o)
		if !errors.Is(err, db.ErrBusy) {
			return img, err
		}
		time.Sleep(time.Millisecond)
	}
}

// putVariant stores a variant, and fails if PutVariant returns an error.
func putVariant(t *testing.T, s db.Store, source db.Digest, key string, data []byte, budget int64) db.Image {
	t.Helper()
	img, err := tryPutVariant(t.Context(), s, source, key, data, budget)
	if err != nil {
		t.Fatalf("PutVariant(%q): %v", key, err)
	}
	wantImage(t, fmt.Sprintf("PutVariant(%q)", key), img, db.Image{
		Size: int64(len(data)), SHA256: sha256.Sum256(data),
		ContentType: "image/jpeg", Width: 320, Height: 200, Uploaded: img.Uploaded,
	})
	return img
}

// openVariant returns the body of a variant. The body is closed when t ends, if it was
// not closed before.
func openVariant(t *testing.T, s db.Store, source db.Digest, key string) db.Body {
	t.Helper()
	_, body, err := s.GetVariant(t.Context(), source, key)
	if err != nil {
		t.Fatalf("GetVariant(%q): %v", key, err)
	}
	t.Cleanup(func() { body.Close() })
	return body
}

// wantVariant fails unless GetVariant returns `img` and the bytes `data`.
func wantVariant(t *testing.T, s db.Store, source db.Digest, key string, img db.Image, data []byte) {
	t.Helper()
	what := fmt.Sprintf("GetVariant(%q)", key)
	got, body, err := s.GetVariant(t.Context(), source, key)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	defer body.Close()
	wantImage(t, what, got, img)
	wantRest(t, what, body, data)
}

// wantNoVariant fails if there is a variant with this key.
func wantNoVariant(t *testing.T, s db.Store, source db.Digest, key string) {
	t.Helper()
	_, body, err := s.GetVariant(t.Context(), source, key)
	wantError(t, fmt.Sprintf("GetVariant(%q)", key), err, db.ErrNotFound)
	if err == nil {
		body.Close()
	}
}

// wantVariants fails unless the store has exactly the variants of `source` whose keys
// are in `want`, each with `size` bytes. `keys` has all keys that the test has used.
func wantVariants(t *testing.T, s db.Store, images []db.Image, source db.Digest, size int64, keys, want string) {
	t.Helper()
	got := ""
	for _, key := range strings.Split(keys, "") {
		_, body, err := s.GetVariant(t.Context(), source, key)
		if err != nil {
			wantError(t, fmt.Sprintf("GetVariant(%q)", key), err, db.ErrNotFound)
			continue
		}
		body.Close()
		got += key
	}
	if got != want {
		t.Errorf("of the variants %s got %s, want %s", keys, got, want)
	}
	wantUsage(t, s, withVariants(sum(images), len(want), int64(len(want))*size))
}

// withVariants adds n variants to the Usage u. Together they have `size` bytes.
func withVariants(u db.Usage, n int, size int64) db.Usage {
	u.Variants += int64(n)
	u.VariantBytes += size
	return u
}

func testVariantSizes(t *testing.T, s db.Store) {
	source := create(t, s, "cat.png", content(1, 1000))
	usage := sum([]db.Image{source})
	var images []db.Image
	contents := [][]byte{content(0, 0), content(1, 1), content(2, 100), content(3, 128<<10+64), content(4, 3<<20)}
	for i, data := range contents {
		before := time.Now().Truncate(time.Second)
		img := putVariant(t, s, source.SHA256, fmt.Sprint(i), data, ample)
		if img.Uploaded.Before(before) || img.Uploaded.After(time.Now()) || img.Uploaded.Location() != time.UTC {
			t.Errorf("Uploaded: got %v, want the time of PutVariant in UTC", img.Uploaded)
		}
		images = append(images, img)
		usage = withVariants(usage, 1, img.Size)
		wantUsage(t, s, usage)
	}
	for i, data := range contents {
		wantVariant(t, s, source.SHA256, fmt.Sprint(i), images[i], data)
		body := openVariant(t, s, source.SHA256, fmt.Sprint(i))
		for _, r := range ranges(len(data)) {
			wantReadAt(t, body, data, r.off, r.n)
		}
	}
	wantStored(t, s, source, content(1, 1000))
}

// testVariantKeys: the bytes of a key can have any value. Two variants of different
// images can have the same key. Two variants with equal bytes count as two variants.
func testVariantKeys(t *testing.T, s db.Store) {
	sources := []db.Image{create(t, s, "cat.png", content(1, 100)), create(t, s, "dog.png", content(2, 100))}
	keys := []string{
		"w=1", "w=10", "w=1&h=1", "W=1", "\x00", "\x00\x00", "\xff\xff", "/", "a/b", "..", "%2f", " ", "é", "e\u0301",
		sources[0].SHA256.String(), strings.Repeat("k", db.MaxKeyBytes), strings.Repeat("k", db.MaxKeyBytes-1),
	}
	data := func(i, j int) []byte { return fmt.Appendf(nil, "variant %d", i+j) } // some of the results are equal
	var images [2][]db.Image
	for i, source := range sources {
		for j, key := range keys {
			images[i] = append(images[i], putVariant(t, s, source.SHA256, key, data(i, j), ample))
		}
	}
	for i, source := range sources {
		for j, key := range keys {
			wantVariant(t, s, source.SHA256, key, images[i][j], data(i, j))
		}
		wantNoVariant(t, s, source.SHA256, "w=100")
		wantNoVariant(t, s, source.SHA256, "w")
		for _, key := range []string{"", strings.Repeat("k", db.MaxKeyBytes+1)} {
			_, err := tryPutVariant(t.Context(), s, source.SHA256, key, nil, ample)
			wantError(t, "PutVariant with a bad key", err, db.ErrKey)
			_, _, err = s.GetVariant(t.Context(), source.SHA256, key)
			wantError(t, "GetVariant with a bad key", err, db.ErrKey)
		}
	}
	remove(t, s, "cat.png")
	wantNoVariant(t, s, sources[0].SHA256, "w=1")
	for j, key := range keys {
		wantVariant(t, s, sources[1].SHA256, key, images[1][j], data(1, j))
	}
}

// testVariantOfImage stores a variant that has the same bytes as an image. The bytes
// are counted twice. If the image or the variant is deleted, the other one stays.
func testVariantOfImage(t *testing.T, s db.Store) {
	data := content(2, 200<<10)
	source, dog := create(t, s, "cat.png", content(1, 100)), create(t, s, "dog.png", data)
	img := putVariant(t, s, source.SHA256, "dog", data, ample)
	wantUsage(t, s, withVariants(sum([]db.Image{source, dog}), 1, img.Size))
	remove(t, s, "dog.png")
	wantVariant(t, s, source.SHA256, "dog", img, data)
	dog = create(t, s, "dog.png", data)
	remove(t, s, "cat.png")
	wantStored(t, s, dog, data)
	wantUsage(t, s, sum([]db.Image{dog}))
}

func testVariantReplaced(t *testing.T, s db.Store) {
	source := create(t, s, "cat.png", content(1, 100))
	usage := sum([]db.Image{source})
	for i, size := range []int{100, 3 << 20, 0, 100, 100} {
		data := content(uint64(i), size)
		img := putVariant(t, s, source.SHA256, "w=1", data, ample)
		wantVariant(t, s, source.SHA256, "w=1", img, data)
		wantUsage(t, s, withVariants(usage, 1, img.Size))
	}
	again := putVariant(t, s, source.SHA256, "w=1", content(4, 100), ample) // with the same bytes
	wantVariant(t, s, source.SHA256, "w=1", again, content(4, 100))
	wantUsage(t, s, withVariants(usage, 1, 100))
}

func testVariantOfNone(t *testing.T, s db.Store) {
	none := db.Digest(sha256.Sum256([]byte("none")))
	source := create(t, s, "cat.png", content(1, 100))
	for _, size := range []int{0, 100, 3 << 20} {
		data := content(2, size)
		_, err := tryPutVariant(t.Context(), s, none, "w=1", data, ample)
		wantError(t, "PutVariant of no image", err, db.ErrNotFound)
		wantNoVariant(t, s, none, "w=1")

		// A variant is not an image, so it has no variants.
		img := putVariant(t, s, source.SHA256, "w=1", data, ample)
		_, err = tryPutVariant(t.Context(), s, img.SHA256, "w=1", data, ample)
		wantError(t, "PutVariant of a variant", err, db.ErrNotFound)
		wantNoVariant(t, s, img.SHA256, "w=1")
		wantUsage(t, s, withVariants(sum([]db.Image{source}), 1, img.Size))
	}
}

// testVariantsGo: variants are deleted with the last image that has their source as its
// content, and not before. If the source is stored again, the variants do not return.
func testVariantsGo(t *testing.T, s db.Store) {
	data, small := content(1, 200<<10), content(3, 1000)
	dog := create(t, s, "dog.png", content(2, 100))
	kept := putVariant(t, s, dog.SHA256, "w=1", small, ample)
	unbind := map[string]func(name string){
		"Delete": func(name string) { remove(t, s, name) },
		"Replace": func(name string) {
			put(t, s, name, []byte(name), db.PutOptions{Conflict: db.Replace}, db.Replaced)
			remove(t, s, name)
		},
	}
	for _, way := range []string{"Delete", "Replace", "Delete"} {
		images := []db.Image{dog, create(t, s, "cat.png", data), create(t, s, "tiger.png", data)}
		source := images[1].SHA256
		for _, key := range []string{"w=1", "w=2"} {
			wantNoVariant(t, s, source, key)
			img := putVariant(t, s, source, key, small, ample)
			wantVariant(t, s, source, key, img, small)
		}
		unbind[way]("cat.png")
		wantUsage(t, s, withVariants(sum([]db.Image{dog, images[2]}), 3, 3000))
		put(t, s, "tiger.png", data, db.PutOptions{}, db.Unchanged)
		wantUsage(t, s, withVariants(sum([]db.Image{dog, images[2]}), 3, 3000))
		unbind[way]("tiger.png")
		for _, key := range []string{"w=1", "w=2"} {
			wantNoVariant(t, s, source, key)
		}
		wantVariant(t, s, dog.SHA256, "w=1", kept, small)
		wantUsage(t, s, withVariants(sum([]db.Image{dog}), 1, 1000))
	}
	remove(t, s, "dog.png")
	wantUsage(t, s, db.Usage{})
}

// testVariantsHidden: no method finds a variant by a name.
func testVariantsHidden(t *testing.T, s db.Store) {
	source := create(t, s, "cat.png", content(1, 100))
	keys := []string{"w=1", "a cat", "variant.png"}
	for _, key := range keys {
		img := putVariant(t, s, source.SHA256, key, []byte(key), ample)
		for _, name := range []string{key, img.SHA256.String(), source.SHA256.String(), source.SHA256.String() + key} {
			wantAbsent(t, s, name)
		}
	}
	wantImages(t, "List", listAll(t, s, db.ListOptions{Limit: 1}), []db.Image{source})
	create(t, s, "w=1", []byte("an image"))
	remove(t, s, "w=1")
	wantError(t, "Delete of a key", s.Delete(t.Context(), "w=1", db.DeleteOptions{}), db.ErrNotFound)
	wantUsage(t, s, withVariants(sum([]db.Image{source}), 3, int64(len(strings.Join(keys, "")))))
}

// testBodyOfVariant reads bodies of variants that were deleted because of the budget,
// replaced, or deleted with their original image.
func testBodyOfVariant(t *testing.T, s db.Store) {
	source := create(t, s, "cat.png", content(1, 100))
	dog := create(t, s, "dog.png", content(2, 100))
	for i, end := range []func(){
		func() { putVariant(t, s, dog.SHA256, "w=1", content(4, large), large+100) },
		func() { putVariant(t, s, source.SHA256, "w=1", content(5, 100), ample) },
		func() { remove(t, s, "cat.png") },
	} {
		data := content(uint64(10+i), large)
		putVariant(t, s, source.SHA256, "w=1", data, ample)
		fresh, begun := openVariant(t, s, source.SHA256, "w=1"), openVariant(t, s, source.SHA256, "w=1")
		wantBytes(t, "begun", read(t, begun, 1000), data[:1000])
		end()
		create(t, s, "other.png", content(uint64(20+i), large)) // may use the space of the deleted variant
		remove(t, s, "other.png")
		wantRest(t, "body not read before", fresh, data)
		wantRest(t, "body read in part before", begun, data[1000:])
		wantReadAt(t, begun, data, 0, large)
		closeBody(t, fresh)
		closeBody(t, begun)
	}
	wantNoVariant(t, s, source.SHA256, "w=1")
	remove(t, s, "dog.png")
	wantUsage(t, s, db.Usage{})
}
