package dbtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"imageserver/db"
)

// testListOrder: the newest image is first. If several callers store images at the same
// time, an engine can give their images the same time. Then the images are in the order
// of the bytes of their names.
func testListOrder(t *testing.T, s db.Store) {
	var images []db.Image
	for i, name := range []string{"m.png", "b.png", "z.png", "a.png", "B.png", "é.png", "b-2.png"} {
		images = append(images, create(t, s, name, content(uint64(i), 100)))
	}
	for i, img := range images[1:] {
		if img.Uploaded.Before(images[i].Uploaded) {
			t.Errorf("Uploaded: got %v, want not before the image's before it, %v", img.Uploaded, images[i].Uploaded)
		}
	}
	slices.SortFunc(images, newestFirst)
	wantImages(t, "List", listAll(t, s, db.ListOptions{Limit: 3}), images)

	many := make([]db.Image, 32)
	race(len(many), func(i int) {
		var err error
		if many[i], _, err = tryPut(t.Context(), s, fmt.Sprintf("%d.png", i*7%32), fmt.Append(nil, i), db.PutOptions{}); err != nil {
			t.Errorf("Put: %v", err)
		}
	})
	images = append(images, many...)
	slices.SortFunc(images, newestFirst)
	for _, limit := range []int{1, 5, 100} {
		wantImages(t, "List", listAll(t, s, db.ListOptions{Limit: limit}), images)
	}
}

// testListPages reads the list in pages of every length.
func testListPages(t *testing.T, s db.Store) {
	const n = 9
	var images []db.Image
	for i := range n {
		images = append(images, create(t, s, fmt.Sprintf("%d.png", i*4%n), content(uint64(i), 100)))
		slices.SortFunc(images, newestFirst)
		for limit := 1; limit <= n+1; limit++ {
			got := listAll(t, s, db.ListOptions{Limit: limit})
			wantImages(t, fmt.Sprintf("List of %d by %d", i+1, limit), got, images)
		}
	}
	wantImages(t, "List at once", listAll(t, s, db.ListOptions{Limit: 1 << 30}), images)
}

// named finds an image by name in a list.
func named(name string) func(db.Image) bool {
	return func(img db.Image) bool { return img.Name == name }
}

func testListMatch(t *testing.T, s db.Store) {
	var images []db.Image
	for i, name := range []string{
		"Cat.PNG", "catalog.jpg", "bobcat.png", "ÄÖ.png", "äö-2.png", "КОТ.png", "100%.png", "a_b.png", "axb.png",
		"[a].png", "(a)*.png", "two words.png", "café.png",
	} {
		images = append(images, create(t, s, name, content(uint64(i), 100)))
	}
	slices.SortFunc(images, newestFirst)
	for _, c := range []struct {
		match string
		want  []string
	}{
		{"cat", []string{"Cat.PNG", "catalog.jpg", "bobcat.png"}},
		{"CAT", []string{"Cat.PNG", "catalog.jpg", "bobcat.png"}},
		{"cat.", []string{"Cat.PNG", "bobcat.png"}},
		{"Cat.PNG", []string{"Cat.PNG", "bobcat.png"}},
		{"Äö", []string{"ÄÖ.png", "äö-2.png"}},
		{"a\u0308O\u0308", []string{"ÄÖ.png", "äö-2.png"}}, // form D, as copied from a Mac
		{"cafe\u0301", []string{"café.png"}},
		{"кот", []string{"КОТ.png"}},
		{"%", []string{"100%.png"}},
		{"a_b", []string{"a_b.png"}},
		{"[A]", []string{"[a].png"}},
		{"*", []string{"(a)*.png"}},
		{"o w", []string{"two words.png"}},
		{"dog", nil},
		{strings.Repeat("cat", 1000), nil},
		{"", namesOf(images)},
	} {
		want := slices.DeleteFunc(slices.Clone(images), func(img db.Image) bool { return !slices.Contains(c.want, img.Name) })
		for _, limit := range []int{1, 2, 100} {
			got := listAll(t, s, db.ListOptions{Match: c.match, Limit: limit})
			wantImages(t, fmt.Sprintf("List(match %.20q, limit %d)", c.match, limit), got, want)
		}
		for _, o := range orders {
			o.Match, o.Limit = c.match, 2
			slices.SortFunc(want, inOrder(o))
			wantImages(t, fmt.Sprintf("List(%+v)", o), listAll(t, s, o), want)
		}
	}
}

// testListReplaced: if a Put replaces an image, the image moves to the front of the
// list. If the Outcome is Unchanged, the image keeps its position.
func testListReplaced(t *testing.T, s db.Store) {
	for i, name := range []string{"a.png", "b.png", "c.png"} {
		create(t, s, name, content(uint64(i), 100))
	}
	time.Sleep(5 * time.Millisecond) // longer than a step of the clock
	before := listAll(t, s, db.ListOptions{Limit: 10})
	put(t, s, "b.png", content(1, 100), db.PutOptions{}, db.Unchanged)
	wantImages(t, "List after nothing changed", listAll(t, s, db.ListOptions{Limit: 10}), before)

	img := put(t, s, "a.png", content(10, 100), db.PutOptions{Conflict: db.Replace}, db.Replaced)
	want := append([]db.Image{img}, slices.DeleteFunc(before, named("a.png"))...)
	wantImages(t, "List after Replace", listAll(t, s, db.ListOptions{Limit: 10}), want)
	wantImages(t, "List by one", listAll(t, s, db.ListOptions{Limit: 1}), want)
}
