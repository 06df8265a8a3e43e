package dbtest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"imageserver/db"
)

// testCopyTrash copies the trash of a store into the same store, after it was emptied.
// All fields stay the same. A second copy changes nothing.
func testCopyTrash(t *testing.T, s db.Store) {
	copier, ok := s.(db.TrashCopier)
	if !ok {
		t.Skip("the store is not a db.TrashCopier")
	}
	var trash []db.Image
	contents := map[string][]byte{}
	for i, size := range []int{0, 100, 2<<20 + 1} {
		name := fmt.Sprintf("%d.png", i)
		contents[name] = content(uint64(i), size)
		put(t, s, name, contents[name], db.PutOptions{Inspect: describe, Expires: future(), DeleteKeyHash: db.Digest{byte(i + 1)}}, db.Created)
		trash = append(trash, discard(t, s, name, time.Minute))
	}
	contents["cat.png"] = contents["1.png"]
	for range 2 { // two images with one name, and with the content of another
		create(t, s, "cat.png", contents["cat.png"])
		trash = append(trash, discard(t, s, "cat.png", time.Hour))
	}
	for _, img := range trash {
		got, body, err := copier.GetTrashed(t.Context(), img.Name, img.Deleted)
		if err != nil {
			t.Fatalf("GetTrashed(%q): %v", img.Name, err)
		}
		wantImage(t, "GetTrashed", got, img)
		wantRest(t, "GetTrashed", body, contents[img.Name])
		closeBody(t, body)
	}
	_, _, err := copier.GetTrashed(t.Context(), "cat.png", trash[0].Deleted.Add(-time.Hour))
	wantError(t, "GetTrashed at another time", err, db.ErrNotFound)
	create(t, s, "live.png", content(9, 100))
	_, _, err = copier.GetTrashed(t.Context(), "live.png", time.Unix(0, 0))
	wantError(t, "GetTrashed of an image that is not in the trash", err, db.ErrNotFound)
	remove(t, s, "live.png")
	emptyTrash(t, s, len(trash))
	wantUsage(t, s, db.Usage{})

	for _, want := range []db.Outcome{db.Created, db.Unchanged} {
		for _, img := range trash {
			outcome, err := copier.PutTrashed(t.Context(), img, bytes.NewReader(contents[img.Name]))
			if err != nil || outcome != want {
				t.Errorf("PutTrashed(%q): got %s and %v, want %s", img.Name, outcomes[outcome], err, outcomes[want])
			}
		}
		wantTrash(t, s, trash...)
		wantUsage(t, s, sumWith(nil, trash))
	}
	_, err = copier.PutTrashed(t.Context(), trash[0], bytes.NewReader([]byte("other bytes")))
	wantError(t, "PutTrashed of other bytes", err, db.ErrExists)
	broken := errors.New("broken")
	_, err = copier.PutTrashed(t.Context(), db.Image{Name: "new.png", Deleted: time.Now(), TrashExpires: future()}, failing{broken})
	wantError(t, "PutTrashed of a body that fails", err, broken)
	wantTrash(t, s, trash...)
	restored := restore(t, s, "cat.png", "cat.png", db.Created)
	wantImage(t, "Restore", restored, untrashed(trash[4]))
	wantStored(t, s, restored, contents["cat.png"])
}

// failing is a reader that returns an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
