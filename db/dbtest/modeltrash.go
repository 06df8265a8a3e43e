package dbtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"imageserver/db"
)

// trashModel has the images that must be in the trash, the most recently deleted first.
type trashModel []stored

func (m trashModel) images() (images []db.Image) {
	for _, e := range m {
		images = append(images, e.img)
	}
	return slices.SortedFunc(slices.Values(images), lastDeletedFirst)
}

// add adds an image to the model after the image was moved to the trash for the
// duration `ttl`. The model has the image as the store returns it from the trash.
func (m *trashModel) add(t *testing.T, s db.Store, e stored, ttl time.Duration) {
	t.Helper()
	if ttl < time.Second {
		return // the image has expired in the trash by now
	}
	trashed := lastTrashed(t, s, e.img.Name)
	wantImage(t, "in the trash", untrashed(trashed), e.img)
	*m = slices.Insert(*m, 0, stored{trashed, e.data})
}

// The upload times, expiries, trash TTLs and delete keys of the model. Nothing expires
// during the test.
var (
	uploads   = []time.Time{{}, {}, time.Unix(0, 1).UTC(), hourly.Add(-time.Hour)}
	hourly    = time.Now().Truncate(time.Hour).UTC()
	expiries  = []time.Time{{}, hourly.Add(-time.Hour), hourly.Add(2 * time.Hour), hourly.Add(3 * time.Hour)}
	keyHashes = []db.Digest{{}, {1}, {2}, {31: 3}}
)

// randomTTL returns how long a deleted image stays in the trash.
func randomTTL(rnd *rand.Rand) time.Duration {
	return []time.Duration{0, 1, time.Hour, time.Hour}[rnd.IntN(4)]
}

func putOptions(rnd *rand.Rand, conflict db.Conflict) db.PutOptions {
	return db.PutOptions{
		Conflict:      conflict,
		Uploaded:      uploads[rnd.IntN(len(uploads))],
		Expires:       expiries[rnd.IntN(len(expiries))],
		DeleteKeyHash: keyHashes[rnd.IntN(len(keyHashes))],
		TrashTTL:      randomTTL(rnd),
	}
}

func (m model) testRename(t *testing.T, s db.Store, from, to string, conflict db.Conflict, ttl time.Duration, trash *trashModel) {
	t.Helper()
	img, outcome, err := s.Rename(t.Context(), from, to, db.RenameOptions{Conflict: conflict, TrashTTL: ttl})
	what := fmt.Sprintf("Rename(%q, %q, conflict %d)", from, to, conflict)
	e, held := m[from]
	switch {
	case !held:
		wantError(t, what, err, db.ErrNotFound)
	case m.refuses(to, e.img.SHA256, conflict):
		wantError(t, what, err, db.ErrExists)
	case err != nil:
		t.Errorf("%s: %v", what, err)
	case img.Name == from:
		wantImage(t, what, img, e.img)
	default:
		m.wantMoved(t, what, to, conflict, img, outcome, e)
		if outcome == db.Replaced {
			trash.add(t, s, m[to], ttl)
		}
		delete(m, from)
		wantMissing(t, s, from)
		m.set(t, s, stored{img, e.data})
		return
	}
	m.testGet(t, s, from)
	m.testGet(t, s, to)
}

// testRestore restores the image with this name that was deleted last, or any image in
// the trash by its name and time. It also tries a time of an image with another name.
func (m model) testRestore(t *testing.T, s db.Store, rnd *rand.Rand, name string, trash *trashModel) {
	t.Helper()
	var o db.RestoreOptions
	if len(*trash) > 0 && rnd.IntN(2) == 0 {
		one := (*trash)[rnd.IntN(len(*trash))].img
		if o.Deleted = one.Deleted; rnd.IntN(4) > 0 {
			name = one.Name
		}
	}
	img, outcome, err := s.Restore(t.Context(), name, o)
	what := fmt.Sprintf("Restore(%q, deleted %v)", name, o.Deleted)
	i := slices.IndexFunc(*trash, func(e stored) bool {
		return e.img.Name == name && (o.Deleted.IsZero() || e.img.Deleted.Equal(o.Deleted))
	})
	switch {
	case i < 0:
		wantError(t, what, err, db.ErrNotFound)
	case err != nil:
		t.Errorf("%s: %v", what, err)
	default:
		e := (*trash)[i]
		e.img = untrashed(e.img)
		m.wantMoved(t, what, name, db.Rename, img, outcome, e)
		*trash = slices.Delete(*trash, i, i+1)
		m.set(t, s, stored{img, e.data})
	}
}

// wantMoved fails unless `img` is a correct result of a call that moves e to `name`.
func (m model) wantMoved(t *testing.T, what, name string, conflict db.Conflict, img db.Image, outcome db.Outcome, e stored) {
	t.Helper()
	if !m.allows(answer{img.Name, outcome}, name, e.img.SHA256, conflict) {
		t.Errorf("%s of digest %s: got %q %s, with this in the store:\n%+v", what, e.img.SHA256, img.Name, outcomes[outcome], m.images())
		return
	}
	want := e.img
	want.Name = img.Name
	if outcome == db.Unchanged {
		want = m[img.Name].img
		want.Expires = db.LaterExpiry(want.Expires, e.img.Expires)
	}
	wantImage(t, what, img, want)
}

// testDeleteKey looks for an image by its delete key. If several images have the delete key,
// the store may return any of them.
func (m model) testDeleteKey(t *testing.T, s db.Store, keyHash db.Digest) {
	t.Helper()
	has := func(img db.Image) bool { return img.DeleteKeyHash == keyHash && keyHash != db.Digest{} }
	img, err := s.ByDeleteKeyHash(t.Context(), keyHash)
	switch {
	case !slices.ContainsFunc(m.images(), has):
		wantError(t, "ByDeleteKeyHash", err, db.ErrNotFound)
	case err != nil || !has(m[img.Name].img):
		t.Errorf("ByDeleteKeyHash(%s): got %q and %v, want one that has it", keyHash, img.Name, err)
	default:
		wantImage(t, "ByDeleteKeyHash", img, m[img.Name].img)
	}
}
