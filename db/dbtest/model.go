package dbtest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"imageserver/db"
)

// model has the images that the store must have.
type model map[string]stored

type stored struct {
	img  db.Image
	data []byte
}

func (m model) images() (images []db.Image) {
	for _, e := range m {
		images = append(images, e.img)
	}
	slices.SortFunc(images, newestFirst)
	return images
}

// answer is the result of a Put: the name and the outcome.
type answer struct {
	name    string
	outcome db.Outcome
}

// refuses reports whether a Put with these arguments must return ErrExists.
func (m model) refuses(name string, digest db.Digest, conflict db.Conflict) bool {
	e, taken := m[name]
	return conflict == db.Fail && taken && e.img.SHA256 != digest
}

// allows reports whether got is a correct result of a Put.
func (m model) allows(got answer, name string, digest db.Digest, conflict db.Conflict) bool {
	e, taken := m[name]
	switch {
	case !taken:
		return got == answer{name, db.Created}
	case e.img.SHA256 == digest:
		return got == answer{name, db.Unchanged}
	case conflict == db.Replace:
		return got == answer{name, db.Replaced}
	}
	return db.IsNumbered(name, got.name) && m.allowsNumber(got, name, digest)
}

// allowsNumber does the same as allows if the name has other bytes. Then the image gets
// a name with a number. If an image under such a name already has the bytes, the Put
// may repeat a Put whose response was lost, and nothing changes. Otherwise the image
// gets the next number. If images were deleted, the image may get any free number.
func (m model) allowsNumber(got answer, name string, digest db.Digest) bool {
	numbers, sent := 0, false
	for held, e := range m {
		if db.IsNumbered(name, held) {
			numbers++
			sent = sent || e.img.SHA256 == digest
		}
	}
	e, taken := m[got.name]
	if sent || taken {
		return got.outcome == db.Unchanged && taken && e.img.SHA256 == digest
	}
	for _, n := range numbered(name, numbers+1) {
		if _, taken := m[n]; !taken {
			return got.outcome == db.Created // a lower number is free because its image was deleted
		}
	}
	return got == answer{db.Numbered(name, numbers+2), db.Created}
}

// testModel makes 900 random calls to the store and to a model of the store, and
// compares both. To repeat a run, set DBTEST_SEED.
func testModel(t *testing.T, s db.Store) {
	seed := uint64(time.Now().UnixNano())
	if v, err := strconv.ParseUint(os.Getenv("DBTEST_SEED"), 10, 64); err == nil {
		seed = v
	}
	t.Logf("to repeat: DBTEST_SEED=%d", seed)
	m, rnd := model{}, rand.New(rand.NewPCG(seed, 0))
	var contents [][]byte
	for i, size := range []int{0, 1, 100, 5000, 40_000, 130_000, 1<<20 + 1} {
		contents = append(contents, content(uint64(i), size))
	}
	wanted := []string{"cat.png", "cat-2.png", "dög.jpg", "x"}
	var variants variantModel
	var trash trashModel

	for op := 0; op < 900 && !t.Failed(); op++ {
		name := wanted[rnd.IntN(len(wanted))]
		if held := slices.Sorted(maps.Keys(m)); len(held) > 0 && rnd.IntN(2) == 0 {
			name = held[rnd.IntN(len(held))]
		}
		switch n := rnd.IntN(190); {
		case n < 45:
			data := contents[rnd.IntN(len(contents))]
			conflict := []db.Conflict{db.Rename, db.Replace, db.Fail}[rnd.IntN(3)]
			m.testPut(t, s, name, data, putOptions(rnd, conflict), &trash)
		case n < 70:
			m.testDelete(t, s, name, randomTTL(rnd), &trash)
		case n < 90:
			m.testGet(t, s, name)
		case n < 100:
			m.testList(t, s, orders[rnd.IntN(len(orders))], 1+rnd.IntN(10))
		case n < 140:
			source := db.Digest(sha256.Sum256(contents[rnd.IntN(len(contents))]))
			variants.test(t, s, rnd, source, contents[rnd.IntN(len(contents))], m.holds(source))
		case n < 155:
			conflict := []db.Conflict{db.Rename, db.Replace, db.Fail}[rnd.IntN(3)]
			m.testRename(t, s, name, wanted[rnd.IntN(len(wanted))], conflict, randomTTL(rnd), &trash)
		case n < 170:
			m.testRestore(t, s, rnd, wanted[rnd.IntN(len(wanted))], &trash)
		case n < 180:
			m.testDeleteKey(t, s, keyHashes[rnd.IntN(len(keyHashes))])
		case n < 189:
			wantImages(t, "List of the trash", listAll(t, s, db.ListOptions{Limit: 1 + rnd.IntN(10), Trash: true}), trash.images())
		default:
			emptyTrash(t, s, len(trash))
			trash = nil
		}
		variants.keep(m.holds)
		wantUsageSoon(t, s, withVariants(sumWith(m.images(), trash.images()), len(variants), variants.bytes()))
		if t.Failed() {
			t.Logf("at operation %d, on %q", op, name)
		}
	}
	wantImages(t, "List", listAll(t, s, db.ListOptions{Limit: 7}), m.images())
	wantImages(t, "List of the trash", listAll(t, s, db.ListOptions{Limit: 7, Trash: true}), trash.images())
	for _, name := range slices.Sorted(maps.Keys(m)) {
		m.testDelete(t, s, name, 0, &trash)
	}
	emptyTrash(t, s, len(trash))
	wantUsageSoon(t, s, db.Usage{})
}

// holds reports whether an image outside the trash has this content.
func (m model) holds(digest db.Digest) bool {
	for _, e := range m {
		if e.img.SHA256 == digest {
			return true
		}
	}
	return false
}

func (m model) testPut(t *testing.T, s db.Store, name string, data []byte, o db.PutOptions, trash *trashModel) {
	t.Helper()
	digest := db.Digest(sha256.Sum256(data))
	img, outcome, err := tryPut(t.Context(), s, name, data, o)
	what := fmt.Sprintf("Put(%q, %+v)", name, o)
	switch {
	case m.refuses(name, digest, o.Conflict):
		wantError(t, what, err, db.ErrExists)
		return
	case err != nil:
		t.Errorf("%s: %v", what, err)
		return
	case !m.allows(answer{img.Name, outcome}, name, digest, o.Conflict):
		t.Errorf("%s of digest %s: got %q %s, with this in the store:\n%+v", what, digest, img.Name, outcomes[outcome], m.images())
		return
	}
	want := img
	want.Expires, want.DeleteKeyHash = o.Expires, o.DeleteKeyHash
	if !o.Uploaded.IsZero() {
		want.Uploaded = o.Uploaded
	}
	switch outcome {
	case db.Unchanged:
		want = m[img.Name].img
		want.Expires = db.LaterExpiry(want.Expires, o.Expires)
	case db.Replaced:
		trash.add(t, s, m[name], o.TrashTTL)
	}
	wantImage(t, what, img, want)
	m.set(t, s, stored{img, data})
}

// set adds the image that a call returned to the model, unless the image has expired.
func (m model) set(t *testing.T, s db.Store, e stored) {
	t.Helper()
	delete(m, e.img.Name)
	if !e.img.Expired(time.Now()) {
		m[e.img.Name] = e
	}
	m.testGet(t, s, e.img.Name)
}

func (m model) testDelete(t *testing.T, s db.Store, name string, ttl time.Duration, trash *trashModel) {
	t.Helper()
	err := s.Delete(t.Context(), name, db.DeleteOptions{TrashTTL: ttl})
	e, held := m[name]
	switch {
	case !held:
		wantError(t, fmt.Sprintf("Delete(%q)", name), err, db.ErrNotFound)
	case err != nil:
		t.Errorf("Delete(%q): %v", name, err)
	default:
		trash.add(t, s, e, ttl)
	}
	delete(m, name)
	wantMissing(t, s, name)
}

func (m model) testList(t *testing.T, s db.Store, o db.ListOptions, limit int) {
	t.Helper()
	o.Limit = limit
	wantImages(t, fmt.Sprintf("List(%+v)", o), listAll(t, s, o), slices.SortedFunc(slices.Values(m.images()), inOrder(o)))
}

func (m model) testGet(t *testing.T, s db.Store, name string) {
	t.Helper()
	if e, held := m[name]; held {
		wantStored(t, s, e.img, e.data)
	} else {
		wantMissing(t, s, name)
	}
}

// wantMissing does the same as wantAbsent, but does not list the images.
func wantMissing(t *testing.T, s db.Store, name string) {
	t.Helper()
	if _, err := s.Stat(t.Context(), name); !errors.Is(err, db.ErrNotFound) {
		t.Errorf("Stat(%q): got error %v, want %v", name, err, db.ErrNotFound)
	}
}
