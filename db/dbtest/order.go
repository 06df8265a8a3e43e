package dbtest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imageserver/db"
)

// orders has all orders of a list.
var orders = []db.ListOptions{
	{Sort: db.ByUploaded}, {Sort: db.ByUploaded, Reverse: true},
	{Sort: db.ByName}, {Sort: db.ByName, Reverse: true},
	{Sort: db.BySize}, {Sort: db.BySize, Reverse: true},
}

// inOrder compares two images in the order of o.
func inOrder(o db.ListOptions) func(a, b db.Image) int {
	return func(a, b db.Image) int {
		if o.Reverse {
			a, b = b, a
		}
		switch o.Sort {
		case db.ByName:
			return strings.Compare(a.Name, b.Name)
		case db.BySize:
			return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(a.Name, b.Name))
		}
		return newestFirst(a, b)
	}
}

// testOrders lists images in all orders. Most of the images have the same size. It uses
// pages of every length, and also lengths that change from page to page.
func testOrders(t *testing.T, s db.Store) {
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 0))
	var images []db.Image
	for i, name := range []string{"m.png", "b.png", "Z.png", "z.png", "a.png", "B.png", "é.png", "b-2.png", "b", "ba.png", "10.png", "9.png", "写.png"} {
		images = append(images, create(t, s, name, content(uint64(i), []int{300, 256, 255, 100_000}[i%4])))
	}
	images = append(images, create(t, s, "none.png", nil))
	for _, o := range orders {
		slices.SortFunc(images, inOrder(o))
		for o.Limit = 1; o.Limit <= len(images)+1; o.Limit++ {
			wantImages(t, fmt.Sprintf("List(%+v)", o), listAll(t, s, o), images)
		}
		o.Limit = 1 << 30
		wantImages(t, fmt.Sprintf("List(%+v)", o), listAll(t, s, o), images)
		for range 20 {
			got := listRandomly(t, s, rnd, o)
			wantImages(t, fmt.Sprintf("List(%+v) in pages of random lengths (seed %d)", o, seed), got, images)
		}
	}
}

// listRandomly does the same as listAll, with another limit for each page.
func listRandomly(t *testing.T, s db.Store, rnd *rand.Rand, o db.ListOptions) (all []db.Image) {
	t.Helper()
	for {
		o.Limit = 1 + rnd.IntN(5)
		page, next := listPage(t, s, o)
		all = append(all, page...)
		if next == "" {
			return all
		}
		o.After = next
	}
}

// testOrderOfTrash: the trash always has the same order, whatever the options say.
func testOrderOfTrash(t *testing.T, s db.Store) {
	for i, name := range []string{"b.png", "c.png", "a.png"} {
		create(t, s, name, content(uint64(i), 100+i%2))
	}
	var trashed []db.Image
	for _, name := range []string{"c.png", "a.png", "b.png"} {
		trashed = append(trashed, discard(t, s, name, time.Hour))
	}
	slices.SortFunc(trashed, lastDeletedFirst)
	for _, o := range orders {
		o.Trash, o.Limit = true, 1
		wantImages(t, fmt.Sprintf("List(%+v)", o), listAll(t, s, o), trashed)
	}
}

// testListCursor changes the list between two pages, also at the position of the
// cursor. Every image that exists all the time is listed exactly once, and in its
// position.
func testListCursor(t *testing.T, s db.Store) {
	for i, o := range orders {
		testCursorIn(t, s, o, uint64(1000*i))
	}
	wantConsistent(t, s)
}

// testCursorIn does what testListCursor says, for one order. It makes its contents from
// these seeds.
func testCursorIn(t *testing.T, s db.Store, o db.ListOptions, seed uint64) {
	t.Helper()
	var images []db.Image
	for i := range 40 {
		images = append(images, create(t, s, fmt.Sprintf("%d.png", i), content(seed+uint64(i), 100+i%3)))
	}
	slices.SortFunc(images, inOrder(o))
	here := map[db.Digest]bool{}
	for _, img := range images {
		here[img.SHA256] = true
	}

	var got []db.Image
	want := slices.Clone(images)
	o.Limit = 3
	for {
		page, next := listPage(t, s, o)
		// New images may come after the cursor, too.
		page = slices.DeleteFunc(page, func(img db.Image) bool { return !here[img.SHA256] })
		got = append(got, page...)
		if next == "" {
			break
		}
		o.After = next
		if len(page) < 2 {
			continue
		}
		first, last := page[0], page[len(page)-1]
		put(t, s, first.Name, fmt.Append(nil, "new ", seed, first.Name), db.PutOptions{Conflict: db.Replace}, db.Replaced)
		remove(t, s, last.Name)
		create(t, s, "new "+first.Name, fmt.Append(nil, "new ", seed, first.Name))
		if i := 1 + slices.IndexFunc(images, named(last.Name)); i < len(images) {
			remove(t, s, images[i].Name) // the image that would be next
			want = slices.DeleteFunc(want, named(images[i].Name))
		}
	}
	wantImages(t, fmt.Sprintf("List(%+v) with changes between the pages", o), got, want)
	for _, img := range listAll(t, s, db.ListOptions{Limit: 100}) {
		remove(t, s, img.Name)
	}
}

// testListChurn reads the list while other callers store and delete images.
func testListChurn(t *testing.T, s db.Store) {
	var want []db.Image
	for i := range 30 {
		want = append(want, create(t, s, fmt.Sprintf("%d.png", i), content(uint64(i), 100+i%3)))
	}

	var others sync.WaitGroup
	t.Cleanup(others.Wait)
	for caller := range 3 {
		others.Go(func() {
			for i := range 12 {
				name := fmt.Sprintf("other %d %d.png", caller, i)
				if _, _, err := tryPut(t.Context(), s, name, []byte(name), db.PutOptions{}); err != nil {
					t.Errorf("Put: %v", err)
				}
				if i%3 == 0 {
					continue
				}
				if err := s.Delete(t.Context(), name, db.DeleteOptions{}); err != nil {
					t.Errorf("Delete: %v", err)
				}
			}
		})
	}
	for range 3 {
		for _, o := range orders {
			o.Limit = 4
			slices.SortFunc(want, inOrder(o))
			got := listAll(t, s, o)
			got = slices.DeleteFunc(got, func(img db.Image) bool { return strings.HasPrefix(img.Name, "other") })
			wantImages(t, fmt.Sprintf("List(%+v) during changes", o), got, want)
		}
	}
	others.Wait()
	wantConsistent(t, s)
}

// testListBadCursor: a cursor comes from a URL, so it may be any text. It may also be
// the cursor of another order.
func testListBadCursor(t *testing.T, s db.Store) {
	create(t, s, "cat.png", content(1, 100))
	create(t, s, "dog.png", content(2, 200))
	for _, o := range orders {
		o.Limit = 1
		for _, o.After = range []string{"!", "no cursor", "\x00", "\xff\xfe", "🐈", "../..", strings.Repeat("%", 10_000)} {
			_, _, err := s.List(t.Context(), o)
			wantError(t, fmt.Sprintf("List(%.60s)", fmt.Sprintf("%+v", o)), err, db.ErrCursor)
		}
		o.After = ""
		_, next := listPage(t, s, o)
		for _, other := range orders {
			other.Limit, other.After = 1, next
			if o.Sort == other.Sort && o.Reverse == other.Reverse {
				listPage(t, s, other)
				continue
			}
			_, _, err := s.List(t.Context(), other)
			wantError(t, fmt.Sprintf("List(%+v) with a cursor of List(%+v)", other, o), err, db.ErrCursor)
		}
	}
}
