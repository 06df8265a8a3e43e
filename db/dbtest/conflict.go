package dbtest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"imageserver/db"
)

// numbered returns n names. These are the names that n images get if all of them are
// stored as `name`.
func numbered(name string, n int) []string {
	names := []string{name}
	for i := 2; i <= n; i++ {
		names = append(names, db.Numbered(name, i))
	}
	return names
}

// fill stores n images under the same name. They get the names of numbered. fill
// returns the images.
func fill(t *testing.T, s db.Store, name string, n int) (images []db.Image) {
	t.Helper()
	for i, want := range numbered(name, n) {
		img := put(t, s, name, content(uint64(i), 100), db.PutOptions{}, db.Created)
		if img.Name != want {
			t.Errorf("Put(%q) number %d: got name %q, want %q", name, i+1, img.Name, want)
		}
		images = append(images, img)
	}
	return images
}

func testRename(t *testing.T, s db.Store) {
	create(t, s, "cat-x.png", []byte("no number of cat.png"))
	create(t, s, "cat-.png", []byte("no number either"))
	create(t, s, "cat-20.jpg", []byte("another extension"))
	for i, img := range fill(t, s, "cat.png", 20) {
		wantStored(t, s, img, content(uint64(i), 100))
	}
	fill(t, s, "cat", 3)
	fill(t, s, "кот.tar.gz", 3)
	wantConsistent(t, s)

	// cat-2.png is a name like any other. If it is taken, a new image with this name
	// gets the name cat-2-2.png. A free name such as cat.png is used, even if cat-2.png
	// has the same bytes.
	img := put(t, s, "cat-2.png", []byte("other bytes"), db.PutOptions{}, db.Created)
	if want := "cat-2-2.png"; img.Name != want {
		t.Errorf("Put(%q): got name %q, want %q", "cat-2.png", img.Name, want)
	}
	remove(t, s, "cat.png")
	create(t, s, "cat.png", content(1, 100)) // the bytes of cat-2.png
	wantConsistent(t, s)
}

// testRenameAgain repeats uploads whose response was lost. Each image gets the same
// name as before, and no image gets the name cat-21.png.
func testRenameAgain(t *testing.T, s db.Store) {
	images := fill(t, s, "cat.png", 20)
	for i, img := range images {
		again := put(t, s, "cat.png", content(uint64(i), 100), db.PutOptions{}, db.Unchanged)
		wantImage(t, "Put again", again, img)
	}
	wantUsage(t, s, sum(images))

	// The name of this image is not cat.png with a number. So an upload of its bytes as
	// cat.png is not a repeated upload.
	create(t, s, "dog.png", []byte("dog"))
	img := put(t, s, "cat.png", []byte("dog"), db.PutOptions{}, db.Created)
	if want := "cat-21.png"; img.Name != want {
		t.Errorf("Put(%q): got name %q, want %q", "cat.png", img.Name, want)
	}
}

// testRenameGap: after some images were deleted, a new image may get any free number.
// Bytes that are already stored under a number keep this name.
func testRenameGap(t *testing.T, s db.Store) {
	fill(t, s, "cat.png", 9)
	for i, gap := range []string{"cat-9.png", "cat-3.png", "cat-7.png", "cat-2.png"} {
		remove(t, s, gap)
		data := content(uint64(100+i), 100)
		img := put(t, s, "cat.png", data, db.PutOptions{}, db.Created)
		if !db.IsNumbered("cat.png", img.Name) {
			t.Errorf("Put after Delete(%q): got name %q, want one of Numbered's", gap, img.Name)
		}
		again := put(t, s, "cat.png", data, db.PutOptions{}, db.Unchanged)
		wantImage(t, "Put again", again, img)
	}
	wantConsistent(t, s)
}

// testRenameLong: the name is so long that it must be cut to get a number.
func testRenameLong(t *testing.T, s db.Store) {
	for _, name := range []string{
		strings.Repeat("n", db.MaxNameBytes-4) + ".png",
		strings.Repeat("m", db.MaxNameBytes-6) + ".png", // there is space for -2, but not for -10
		strings.Repeat("猫", db.MaxNameBytes/3),
	} {
		images := fill(t, s, name, 12)
		for i, img := range images {
			again := put(t, s, name, content(uint64(i), 100), db.PutOptions{}, db.Unchanged)
			wantImage(t, "Put again", again, img)
		}
	}
	wantConsistent(t, s)
}

// testRenameMany stores many images under one name. A user who pastes image.png all day
// does this.
func testRenameMany(t *testing.T, s db.Store) {
	const n, workers = 304, 8
	race(workers, func(w int) {
		for i := w; i < n; i += workers {
			_, outcome, err := tryPut(t.Context(), s, "image.png", fmt.Append(nil, i), db.PutOptions{})
			if err != nil || outcome != db.Created {
				t.Errorf("Put number %d: got %s and %v, want Created", i, outcomes[outcome], err)
			}
		}
	})
	got := namesOf(listAll(t, s, db.ListOptions{Limit: 100}))
	wantNames(t, got, numbered("image.png", n))
	wantConsistent(t, s)
}

// wantNames compares names in any order.
func wantNames(t *testing.T, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("names: got %q, want %q", got, want)
	}
}

func testReplace(t *testing.T, s db.Store) {
	o := db.PutOptions{Conflict: db.Replace}
	former := put(t, s, "cat.png", content(1, 2<<20), o, db.Created)
	create(t, s, "dog.png", content(2, 100))
	latter := put(t, s, "cat.png", content(2, 100), o, db.Replaced) // these bytes are already stored
	wantStored(t, s, latter, content(2, 100))
	if latter.Uploaded.Before(former.Uploaded) {
		t.Errorf("Uploaded: got %v, want not before the former image's %v", latter.Uploaded, former.Uploaded)
	}
	wantUsage(t, s, db.Usage{Images: 2, Bytes: 200, Blobs: 1, Stored: 100})
	put(t, s, "cat.png", content(1, 2<<20), o, db.Replaced) // the bytes from before the replacement
	wantConsistent(t, s)
}

func testFail(t *testing.T, s db.Store) {
	o := db.PutOptions{Conflict: db.Fail}
	img := put(t, s, "cat.png", content(1, 100), o, db.Created)
	for i, size := range []int{0, 100, 3 << 20} {
		_, _, err := tryPut(t.Context(), s, "cat.png", content(uint64(2+i), size), o)
		wantError(t, "Put under a taken name", err, db.ErrExists)
	}
	wantStored(t, s, img, content(1, 100))
	wantUsage(t, s, sum([]db.Image{img}))
}

// testUnchanged: the same bytes under the same name are not a conflict. The image and its
// upload time do not change.
func testUnchanged(t *testing.T, s db.Store) {
	for i, size := range []int{0, 100, 3 << 20} {
		name, data := fmt.Sprintf("%d.png", size), content(uint64(i), size)
		img := create(t, s, name, data)
		for _, conflict := range []db.Conflict{db.Rename, db.Replace, db.Fail} {
			again := put(t, s, name, data, db.PutOptions{Conflict: conflict}, db.Unchanged)
			wantImage(t, "Put again", again, img)
			wantStored(t, s, img, data)
		}
	}
	wantConsistent(t, s)
}

// testConflictRace: 32 callers store different bytes under one name.
func testConflictRace(t *testing.T, s db.Store) {
	const n = 32
	for _, c := range []struct {
		name     string
		conflict db.Conflict
		want     map[db.Outcome]int
		refused  int
		names    []string
	}{
		{"rename.png", db.Rename, map[db.Outcome]int{db.Created: n}, 0, numbered("rename.png", n)},
		{"replace.png", db.Replace, map[db.Outcome]int{db.Created: 1, db.Replaced: n - 1}, 0, []string{"replace.png"}},
		{"fail.png", db.Fail, map[db.Outcome]int{db.Created: 1}, n - 1, []string{"fail.png"}},
	} {
		got, errs := raceToPut(t, s, n, c.name, db.PutOptions{Conflict: c.conflict}, func(i int) []byte {
			return fmt.Appendf(nil, "%s %d", c.name, i)
		})
		wantOutcomes(t, c.name, got, c.want)
		if len(errs) != c.refused {
			t.Errorf("%s: got %d errors, want %d", c.name, len(errs), c.refused)
		}
		for _, err := range errs {
			wantError(t, c.name, err, db.ErrExists)
		}
		stem, _, _ := strings.Cut(c.name, ".")
		wantNames(t, namesOf(listAll(t, s, db.ListOptions{Match: stem, Limit: 100})), c.names)
	}
	wantConsistent(t, s)
}

// testSameBytesRace: 32 callers store the same image. One of them creates it, and the
// bytes are stored once.
func testSameBytesRace(t *testing.T, s db.Store) {
	const n = 32
	for i, conflict := range []db.Conflict{db.Rename, db.Replace, db.Fail} {
		name, data := fmt.Sprintf("%d.png", i), content(uint64(i), 100<<10)
		got, errs := raceToPut(t, s, n, name, db.PutOptions{Conflict: conflict}, func(int) []byte { return data })
		wantOutcomes(t, name, got, map[db.Outcome]int{db.Created: 1, db.Unchanged: n - 1})
		for _, err := range errs {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantUsage(t, s, db.Usage{Images: 3, Bytes: 300 << 10, Blobs: 3, Stored: 300 << 10})
	wantConsistent(t, s)
}

// raceToPut starts n callers, and each of them stores data(i) under `name` at the same
// time. raceToPut counts the outcomes and collects the errors.
func raceToPut(t *testing.T, s db.Store, n int, name string, o db.PutOptions, data func(i int) []byte) (map[db.Outcome]int, []error) {
	t.Helper()
	var mu sync.Mutex
	var errs []error
	got := map[db.Outcome]int{}
	race(n, func(i int) {
		img, outcome, err := tryPut(t.Context(), s, name, data(i), o)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			errs = append(errs, err)
			return
		}
		got[outcome]++
		if o.Conflict != db.Rename && img.Name != name {
			t.Errorf("Put(%q): got name %q, want the one asked for", name, img.Name)
		}
	})
	return got, errs
}

func wantOutcomes(t *testing.T, what string, got, want map[db.Outcome]int) {
	t.Helper()
	for outcome, name := range outcomes {
		if got[outcome] != want[outcome] {
			t.Errorf("%s: got %d × %s, want %d", what, got[outcome], name, want[outcome])
		}
	}
}
