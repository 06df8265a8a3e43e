package dbtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"imageserver/db"
)

// testVariantReaderFails: if the upload of a variant is interrupted, the variant is not
// stored. An earlier variant with this key stays.
func testVariantReaderFails(t *testing.T, s db.Store) {
	cat := create(t, s, "cat.png", content(1, 100))
	old := putVariant(t, s, cat.SHA256, "old", content(2, 100), ample)
	for _, sent := range []int{0, 100, 3 << 20} {
		for _, key := range []string{"old", "new"} {
			body := io.MultiReader(bytes.NewReader(content(3, sent)), iotest.ErrReader(&uploadError{limit: sent}))
			_, err := s.PutVariant(t.Context(), cat.SHA256, key, body, db.VariantOptions{Budget: ample})
			if cut := (*uploadError)(nil); !errors.As(err, &cut) {
				t.Errorf("PutVariant cut off after %d bytes: got error %v, want the reader's own wrapped", sent, err)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	data := content(4, 8<<20)
	body := io.MultiReader(bytes.NewReader(data[:3<<20]), then(cancel), bytes.NewReader(data[3<<20:]))
	_, err := s.PutVariant(ctx, cat.SHA256, "old", body, db.VariantOptions{Budget: ample})
	wantError(t, "PutVariant, cancelled on the way", err, context.Canceled)
	_, err = s.PutVariant(ctx, cat.SHA256, "new", strings.NewReader("new"), db.VariantOptions{Budget: ample})
	wantError(t, "PutVariant, cancelled before", err, context.Canceled)
	wantNoVariant(t, s, cat.SHA256, "new")
	wantVariant(t, s, cat.SHA256, "old", old, content(2, 100))
	wantUsage(t, s, withVariants(sum([]db.Image{cat}), 1, 100))
}

// testVariantSlow: a slow PutVariant does not block other callers, and no call sees its
// variant. If the original image was deleted meanwhile, the variant is not stored.
func testVariantSlow(t *testing.T, s db.Store) {
	source := create(t, s, "cat.png", content(1, 100)).SHA256
	var upload sync.WaitGroup
	t.Cleanup(upload.Wait)
	body := newGate(t, content(2, 5<<20), 3<<20)
	upload.Go(func() {
		_, err := s.PutVariant(t.Context(), source, "w=1", body, db.VariantOptions{Budget: ample})
		wantError(t, "PutVariant for a deleted source", err, db.ErrNotFound)
	})
	<-body.reached
	wantNoVariant(t, s, source, "w=1")
	quick := putVariant(t, s, source, "w=1", content(3, 100), ample)
	wantVariant(t, s, source, "w=1", quick, content(3, 100))
	remove(t, s, "cat.png")
	wantUsage(t, s, db.Usage{})
	body.release()
	upload.Wait()
	wantNoVariant(t, s, source, "w=1")
	wantUsage(t, s, db.Usage{})
}

// testVariantRace: many callers store variants under one key at the same time. One of
// the variants stays, and it is complete.
func testVariantRace(t *testing.T, s db.Store) {
	cat := create(t, s, "cat.png", content(1, 100))
	sizes := []int{0, 100, 130_000, 1<<20 + 1}
	race(16, func(i int) {
		if _, err := tryPutVariant(t.Context(), s, cat.SHA256, "w=1", content(uint64(i), sizes[i%4]), ample); err != nil {
			t.Errorf("PutVariant: %v", err)
		}
	})
	img, err := verifyVariant(t.Context(), s, cat.SHA256, "w=1")
	if err != nil {
		t.Fatal(err)
	}
	wantUsage(t, s, withVariants(sum([]db.Image{cat}), 1, img.Size))
}

// verifyVariant returns a variant after it has read all bytes. If the bytes are not
// those of the variant, it returns an error.
func verifyVariant(ctx context.Context, s db.Store, source db.Digest, key string) (db.Image, error) {
	img, body, err := s.GetVariant(ctx, source, key)
	if err != nil {
		return img, err
	}
	defer body.Close()
	return img, verifyBody(img, body)
}

// testVariantsRace stores and reads variants while their original images are stored and
// deleted. The budget is too small for all variants. At the end the test deletes
// everything, and all counts must be zero.
func testVariantsRace(t *testing.T, s db.Store) {
	race(8, func(i int) {
		rnd := rand.New(rand.NewPCG(uint64(i), 2))
		for range 60 {
			if err := stepVariants(t.Context(), s, rnd); err != nil {
				t.Error(err)
			}
		}
	})
	for _, img := range listAll(t, s, db.ListOptions{Limit: 100}) {
		remove(t, s, img.Name)
	}
	wantUsage(t, s, db.Usage{})
	for i := range sourceSizes {
		for _, key := range variantKeys {
			wantNoVariant(t, s, sha256.Sum256(content(uint64(i), sourceSizes[i])), key)
		}
	}
}

// The images of which stepVariants makes variants, and the keys of these variants.
var (
	sourceSizes = []int{100, 70 << 10, 1<<20 + 5}
	variantKeys = []string{"w=1", "w=2", "w=3"}
)

// stepVariants makes one random call with variants or with their original images. It
// returns an error if the result is wrong.
func stepVariants(ctx context.Context, s db.Store, rnd *rand.Rand) error {
	const budget = 1<<20 + 500
	i := rnd.IntN(len(sourceSizes))
	data := content(uint64(i), sourceSizes[i])
	source, key := db.Digest(sha256.Sum256(data)), variantKeys[rnd.IntN(len(variantKeys))]
	name := fmt.Sprintf("source %d.png", rnd.IntN(3))
	switch n := rnd.IntN(100); {
	case n < 25:
		_, _, err := tryPut(ctx, s, name, data, db.PutOptions{Conflict: db.Replace})
		return err
	case n < 35:
		return unless(s.Delete(ctx, name, db.DeleteOptions{}), db.ErrNotFound)
	case n < 65:
		size := []int{0, 100, 130_000, 1<<20 + 1}[rnd.IntN(4)]
		_, err := tryPutVariant(ctx, s, source, key, content(uint64(size), size), budget)
		return unless(err, db.ErrNotFound)
	case n < 90:
		_, err := verifyVariant(ctx, s, source, key)
		return unless(err, db.ErrNotFound)
	default:
		u, err := s.Usage(ctx)
		if u.VariantBytes > budget || u.Variants > int64(len(sourceSizes)*len(variantKeys)) {
			return fmt.Errorf("usage: got %+v, want no more variants than the budget allows", u)
		}
		return err
	}
}

// testReopenVariants: after the store is opened again, the variants and their order are
// as before.
func testReopenVariants(t *testing.T, open func() db.Store) {
	s := open()
	data := content(1, 2<<20)
	cat := create(t, s, "cat.png", content(2, 100))
	size := int64(len(data))
	var img db.Image
	for _, key := range []string{"c", "a", "b", "c"} {
		img = putVariant(t, s, cat.SHA256, key, data, ample)
	}
	for _, step := range []struct{ put, want string }{
		{"", "abc"},
		{"d", "bcd"},
		{"e", "cde"},
	} {
		closeStore(t, s)
		s = open()
		if step.put != "" {
			putVariant(t, s, cat.SHA256, step.put, data, 3*size)
		}
		wantVariants(t, s, []db.Image{cat}, cat.SHA256, size, "abcde", step.want)
		wantVariant(t, s, cat.SHA256, "c", img, data)
	}
	openVariant(t, s, cat.SHA256, "c") // stays open to the end of the test
	remove(t, s, "cat.png")
	for range 2 {
		closeStore(t, s)
		s = open()
		wantNoVariant(t, s, cat.SHA256, "c")
		wantUsage(t, s, db.Usage{})
	}
}
