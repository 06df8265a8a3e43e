package dbtest

import (
	"context"
	"fmt"
	"testing"

	"imageserver/db"
)

// testBudget stores one variant too many, several times. Each time the oldest variant
// is deleted, even if it was read often.
func testBudget(t *testing.T, s db.Store) {
	const size, budget = 1000, 3*1000 + 999
	data := content(2, size)
	cat := create(t, s, "cat.png", content(1, 100))
	for _, step := range []struct{ put, want string }{
		{"a", "a"},
		{"b", "ab"},
		{"c", "abc"},
		{"d", "bcd"},
		{"b", "bcd"}, // the variant counts once, and is now the newest
		{"e", "bde"},
		{"f", "bef"},
		{"a", "aef"}, // the same as if the variant had never been stored
		{"e", "aef"},
		{"e", "aef"},
		{"g", "aeg"},
		{"h", "egh"},
	} {
		putVariant(t, s, cat.SHA256, step.put, data, budget)
		wantVariants(t, s, []db.Image{cat}, cat.SHA256, size, "abcdefgh", step.want)
		for _, key := range step.want[:1] { // reading a variant does not keep it in the store longer
			wantRest(t, "variant", openVariant(t, s, cat.SHA256, string(key)), data)
		}
		if t.Failed() {
			t.Fatalf("after PutVariant(%q)", step.put)
		}
	}

	// All variants of the store have one order, from the oldest to the newest. A new
	// variant deletes as many of the oldest as necessary.
	dog := create(t, s, "dog.png", content(3, 100))
	putVariant(t, s, dog.SHA256, "e", content(4, 2*size), budget)
	for _, key := range []string{"e", "g"} {
		wantNoVariant(t, s, cat.SHA256, key)
	}
	wantRest(t, "variant", openVariant(t, s, cat.SHA256, "h"), data)
	wantUsage(t, s, withVariants(sum([]db.Image{cat, dog}), 2, 3*size))
}

// testBudgetExact: if the variants have exactly as many bytes as the budget allows,
// they stay. The bytes of images do not count.
func testBudgetExact(t *testing.T, s db.Store) {
	data := content(1, 1000)
	cat := create(t, s, "cat.png", content(2, 5000))
	images := []db.Image{cat}
	put := func(key string, size int, budget int64) { putVariant(t, s, cat.SHA256, key, data[:size], budget) }
	for _, key := range []string{"a", "b", "c"} {
		put(key, 1000, 3000)
	}
	wantVariants(t, s, images, cat.SHA256, 1000, "abc", "abc")
	put("a", 1000, 3000) // replaces the variant "a"
	wantVariants(t, s, images, cat.SHA256, 1000, "abc", "abc")
	put("c", 1000, 2000) // a smaller budget than before: the oldest variant is deleted
	wantVariants(t, s, images, cat.SHA256, 1000, "abc", "ac")
	put("c", 0, 1000)
	wantUsage(t, s, withVariants(sum(images), 2, 1000))
	put("d", 1, 1000)
	wantUsage(t, s, withVariants(sum(images), 2, 1)) // the empty variant needed no space
	put("d", 0, 0)
	wantUsage(t, s, withVariants(sum(images), 2, 0))
	wantStored(t, s, cat, content(2, 5000))
}

// testVariantTooLarge: if a variant is larger than the budget, it is refused, and
// nothing changes.
func testVariantTooLarge(t *testing.T, s db.Store) {
	data := content(1, 3<<20)
	cat := create(t, s, "cat.png", data)
	old := putVariant(t, s, cat.SHA256, "a", data[:100], ample)
	for _, key := range []string{"a", "b"} {
		for _, c := range []struct {
			size   int
			budget int64
		}{{len(data), int64(len(data)) - 1}, {101, 100}, {1, 0}, {0, -1}} {
			_, err := tryPutVariant(t.Context(), s, cat.SHA256, key, data[:c.size], c.budget)
			wantError(t, fmt.Sprintf("PutVariant of %d bytes where %d may be", c.size, c.budget), err, db.ErrBudget)
		}
		wantVariant(t, s, cat.SHA256, "a", old, data[:100])
		wantUsage(t, s, withVariants(sum([]db.Image{cat}), 1, 100))
	}
	wantNoVariant(t, s, cat.SHA256, "b")
}

// testTrimVariants: TrimVariants deletes the oldest variants, and not more than
// necessary.
func testTrimVariants(t *testing.T, s db.Store) {
	const size = 100
	data := content(2, size)
	cat := create(t, s, "cat.png", content(1, 100))
	trim := func(n int64) {
		t.Helper()
		if err := s.TrimVariants(t.Context(), n); err != nil {
			t.Fatalf("TrimVariants(%d): %v", n, err)
		}
	}
	trim(0)
	for _, key := range "abcdefgh" {
		putVariant(t, s, cat.SHA256, string(key), data, 1<<20)
	}
	for _, step := range []struct {
		n    int64
		want string
	}{{1 << 20, "abcdefgh"}, {8 * size, "abcdefgh"}, {8*size - 1, "bcdefgh"}, {3*size + 99, "fgh"}, {3 * size, "fgh"}, {size, "h"}, {0, ""}, {0, ""}} {
		trim(step.n)
		wantVariants(t, s, []db.Image{cat}, cat.SHA256, size, "abcdefgh", step.want)
	}

	for i := range 1200 { // more than an engine deletes in one step
		putVariant(t, s, cat.SHA256, fmt.Sprint(i), data[:1], 1<<20)
	}
	trim(3)
	wantUsage(t, s, withVariants(sum([]db.Image{cat}), 3, 3))
	ended, end := context.WithCancel(t.Context())
	end()
	wantError(t, "TrimVariants with a context that has ended", s.TrimVariants(ended, 0), context.Canceled)
}
