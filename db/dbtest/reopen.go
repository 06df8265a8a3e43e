package dbtest

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"imageserver/db"
)

var reopenSuite = []struct {
	name string
	test func(t *testing.T, open func() db.Store)
}{
	{"Reopen/Everything", testReopen},
	{"Reopen/GoesOn", testReopenGoesOn},
	{"Reopen/Leftovers", testReopenLeftovers},
	{"Reopen/Cursor", testReopenCursor},
	{"Reopen/Acknowledged", testReopenAcknowledged},
	{"Reopen/Variants", testReopenVariants},
	{"Reopen/Fields", testReopenFields},
}

// closeStore closes s, and fails if Close returns an error.
func closeStore(t *testing.T, s db.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

// testReopen: after the store is opened again, everything is as before, also the order
// and the times.
func testReopen(t *testing.T, open func() db.Store) {
	s := open()
	contents := map[string][]byte{}
	for i, size := range []int{0, 1, 100, 128<<10 + 64, 1<<20 + 1, 5<<20 + 7, 100} {
		name := fmt.Sprintf("%d %d.png", i*3%7, size)
		contents[name] = content(uint64(i), size)
		put(t, s, name, contents[name], db.PutOptions{Inspect: describe}, db.Created)
	}
	put(t, s, "deleted.png", content(50, 2<<20), db.PutOptions{}, db.Created)
	remove(t, s, "deleted.png")
	put(t, s, "replaced.png", content(51, 2<<20), db.PutOptions{}, db.Created)
	contents["replaced.png"] = content(52, 3<<20)
	put(t, s, "replaced.png", contents["replaced.png"], db.PutOptions{Conflict: db.Replace}, db.Replaced)
	contents["again.png"] = content(52, 3<<20)
	put(t, s, "again.png", contents["again.png"], db.PutOptions{}, db.Created)
	want := listAll(t, s, db.ListOptions{Limit: 100})

	for range 3 {
		closeStore(t, s)
		s = open()
		wantImages(t, "List after reopening", listAll(t, s, db.ListOptions{Limit: 4}), want)
		for _, img := range want {
			wantStored(t, s, img, contents[img.Name])
		}
		wantAbsent(t, s, "deleted.png")
		wantUsage(t, s, sum(want))
	}
}

// testReopenGoesOn: after a store is opened again, it knows which names are taken,
// which contents it has, and how many names each content has.
func testReopenGoesOn(t *testing.T, open func() db.Store) {
	data := content(1, 2<<20)
	s := open()
	images := fill(t, s, "cat.png", 5)
	images = append(images, create(t, s, "a.png", data), create(t, s, "b.png", data))

	closeStore(t, s)
	s = open()
	put(t, s, "cat.png", content(3, 100), db.PutOptions{}, db.Unchanged) // cat-4.png
	img := put(t, s, "cat.png", []byte("the sixth"), db.PutOptions{}, db.Created)
	if want := "cat-6.png"; img.Name != want {
		t.Errorf("Put(%q): got name %q, want %q", "cat.png", img.Name, want)
	}
	images = append(images, img, create(t, s, "c.png", data))
	wantUsage(t, s, sum(images))
	remove(t, s, "a.png")
	remove(t, s, "b.png")

	closeStore(t, s)
	s = open()
	wantConsistent(t, s)
	wantRest(t, "c.png", openBody(t, s, "c.png"), data)
	slices.SortFunc(images, newestFirst)
	images = slices.DeleteFunc(images, func(img db.Image) bool { return img.Name == "a.png" || img.Name == "b.png" })
	wantImages(t, "List", listAll(t, s, db.ListOptions{Limit: 3}), images)
	for _, img := range images {
		remove(t, s, img.Name)
	}
	wantUsage(t, s, db.Usage{})

	closeStore(t, s)
	s = open()
	wantUsage(t, s, db.Usage{})
	create(t, s, "cat.png", data)
	wantConsistent(t, s)
}

// testReopenLeftovers closes the store while bodies of deleted images are open, and
// after uploads that were interrupted. After the store is opened again, no method
// returns or counts the deleted images or the interrupted uploads.
func testReopenLeftovers(t *testing.T, open func() db.Store) {
	s := open()
	kept := create(t, s, "kept.png", content(1, 2<<20))
	create(t, s, "deleted.png", content(2, 2<<20))
	openBody(t, s, "kept.png")
	openBody(t, s, "deleted.png")
	remove(t, s, "deleted.png")
	cut := io.MultiReader(bytes.NewReader(content(3, 3<<20)), iotest.ErrReader(io.ErrUnexpectedEOF))
	_, _, err := s.Put(t.Context(), "cut.png", cut, db.PutOptions{})
	wantError(t, "Put cut off", err, io.ErrUnexpectedEOF)

	for range 2 {
		closeStore(t, s)
		s = open()
		wantStored(t, s, kept, content(1, 2<<20))
		wantAbsent(t, s, "deleted.png")
		wantAbsent(t, s, "cut.png")
		wantUsage(t, s, sum([]db.Image{kept}))
	}
	create(t, s, "deleted.png", content(2, 2<<20))
	create(t, s, "cut.png", content(3, 3<<20))
	wantConsistent(t, s)
}

// testReopenCursor: a cursor is valid after a restart.
func testReopenCursor(t *testing.T, open func() db.Store) {
	s := open()
	for i := range 7 {
		create(t, s, fmt.Sprintf("%d.png", i), content(uint64(i), 100))
	}
	want := listAll(t, s, db.ListOptions{Limit: 100})
	var got []db.Image
	o := db.ListOptions{Limit: 2}
	for {
		page, next := listPage(t, s, o)
		got = append(got, page...)
		if next == "" {
			break
		}
		o.After = next
		closeStore(t, s)
		s = open()
	}
	wantImages(t, "List across restarts", got, want)
}

// testReopenAcknowledged closes the store during uploads. The uploads that were
// acknowledged are stored. Each of the other uploads is stored completely or not at
// all.
func testReopenAcknowledged(t *testing.T, open func() db.Store) {
	s := open()
	const callers = 8
	acknowledged := make([][]db.Image, callers)
	var closing sync.WaitGroup
	var closeErr error
	race(callers, func(i int) {
		for j := 0; ; j++ {
			if i == 0 && j == 5 {
				closing.Go(func() { closeErr = s.Close() })
			}
			name := fmt.Sprintf("%d-%d.png", i, j)
			img, _, err := tryPut(t.Context(), s, name, content(uint64(100*i+j), []int{100, 100_000, 1<<20 + 1}[j%3]), db.PutOptions{})
			if err != nil {
				wantError(t, "Put", err, db.ErrClosed)
				return
			}
			acknowledged[i] = append(acknowledged[i], img)
		}
	})
	closing.Wait()
	if closeErr != nil {
		t.Fatalf("Close: %v", closeErr)
	}
	s = open()
	for i := range acknowledged {
		for j, img := range acknowledged[i] {
			wantStored(t, s, img, content(uint64(100*i+j), int(img.Size)))
		}
	}
	wantConsistent(t, s)
}

// testReopenFields: after the store is opened again, expiries, delete keys and the
// trash are as before. An image that expired while the store was closed is not found,
// and is deleted soon.
func testReopenFields(t *testing.T, open func() db.Store) {
	s := open()
	end := time.Now().Add(100 * time.Millisecond)
	cat := put(t, s, "cat.png", content(1, 2<<20), db.PutOptions{Expires: future(), DeleteKeyHash: db.Digest{1}}, db.Created)
	put(t, s, "short.png", content(2, 2<<20), db.PutOptions{Expires: end, DeleteKeyHash: db.Digest{2}}, db.Created)
	put(t, s, "dog.png", content(3, 2<<20), db.PutOptions{Expires: future(), DeleteKeyHash: db.Digest{3}}, db.Created)
	dog := discard(t, s, "dog.png", time.Hour)
	create(t, s, "cat-2.png", content(1, 2<<20))
	trash := []db.Image{dog, discard(t, s, "cat-2.png", time.Hour)}
	putPlaceholder(t, s, cat.SHA256, "red")
	cat.Placeholder, trash[1].Placeholder = "red", "red"
	create(t, s, "gone.png", content(4, 2<<20))
	if err := s.Delete(t.Context(), "gone.png", db.DeleteOptions{TrashTTL: time.Until(end)}); err != nil {
		t.Fatal(err)
	}

	for range 2 {
		closeStore(t, s)
		time.Sleep(time.Until(end))
		s = open()
		wantNoTrace(t, s, "short.png", db.Digest{2})
		wantNoTrace(t, s, "gone.png", db.Digest{})
		wantStored(t, s, cat, content(1, 2<<20))
		wantDeleteKey(t, s, cat)
		wantNoDeleteKey(t, s, db.Digest{3})
		wantTrash(t, s, trash...)
		wantUsageSoon(t, s, withVariants(sumWith([]db.Image{cat}, trash), 1, 3))
	}
	wantImage(t, "Restore", restore(t, s, "dog.png", "dog.png", db.Created), untrashed(dog))
	wantStored(t, s, untrashed(dog), content(3, 2<<20))
	wantDeleteKey(t, s, untrashed(dog))
	moved := rename(t, s, "cat.png", "tiger.png", db.RenameOptions{}, db.Created)
	trash = append(trash[1:], discard(t, s, "dog.png", time.Hour))
	closeStore(t, s)
	s = open()
	wantAbsent(t, s, "cat.png")
	wantStored(t, s, moved, content(1, 2<<20))
	wantTrash(t, s, trash...)
	emptyTrash(t, s, 2)
	closeStore(t, s)
	s = open()
	wantUsage(t, s, withVariants(sum([]db.Image{moved}), 1, 3))
}
