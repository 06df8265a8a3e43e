package dbtest

import (
	"fmt"
	"testing"

	"imageserver/db"
)

// testDedup: equal bytes are stored once, until the last image with these bytes is
// deleted.
func testDedup(t *testing.T, s db.Store) {
	const n = 5
	for i, size := range []int{0, 100, 3 << 20} {
		data := content(uint64(i), size)
		var images []db.Image
		for j := range n {
			images = append(images, create(t, s, fmt.Sprintf("%d.png", j), data))
			wantUsage(t, s, sum(images))
		}
		put(t, s, "0.png", data, db.PutOptions{}, db.Unchanged)
		wantUsage(t, s, sum(images))
		for len(images) > 0 {
			last := images[len(images)-1]
			wantStored(t, s, last, data)
			remove(t, s, images[0].Name)
			images = images[1:]
			wantUsage(t, s, sum(images))
		}

		// A Put that replaces an image also removes the last image with these bytes.
		img := create(t, s, "cat.png", data)
		wantStored(t, s, img, data)
		put(t, s, "cat.png", content(100, 200), db.PutOptions{Conflict: db.Replace}, db.Replaced)
		wantUsage(t, s, db.Usage{Images: 1, Bytes: 200, Blobs: 1, Stored: 200})
		remove(t, s, "cat.png")
	}
	wantUsage(t, s, db.Usage{})
}

// testDedupConcurrent: several callers store and delete the same few contents. Each
// caller uses its own names, and all callers use a shared name. What a caller has just
// stored under its own name must be readable, although other callers delete the same
// bytes. If an engine counts the names of a content outside the transaction, it loses
// bytes here.
func testDedupConcurrent(t *testing.T, s db.Store) {
	const callers, rounds = 8, 9
	contents := [][]byte{content(1, 50), content(2, 70<<10), content(3, 1<<20+5)}
	race(callers, func(i int) {
		own := fmt.Sprintf("own %d.png", i)
		for round := range rounds {
			data := contents[(i+round)%len(contents)]
			img, _, err := tryPut(t.Context(), s, own, data, db.PutOptions{Conflict: db.Replace})
			if err != nil {
				t.Errorf("Put: %v", err)
				return
			}
			if _, _, err := tryPut(t.Context(), s, "shared.png", data, db.PutOptions{Conflict: db.Replace}); err != nil {
				t.Errorf("Put: %v", err)
			}
			got, body, err := s.Get(t.Context(), own)
			if err != nil || got.SHA256 != img.SHA256 {
				t.Errorf("Get: got digest %s and %v, want %s", got.SHA256, err, img.SHA256)
				return
			}
			if round%3 == 0 {
				if err := s.Delete(t.Context(), own, db.DeleteOptions{}); err != nil {
					t.Errorf("Delete: %v", err)
				}
				s.Delete(t.Context(), "shared.png", db.DeleteOptions{}) // another caller may have deleted the image
			}
			wantRest(t, "body", body, data)
			body.Close()
		}
	})
	wantConsistent(t, s)
	for _, img := range listAll(t, s, db.ListOptions{Limit: 100}) {
		remove(t, s, img.Name)
	}
	wantUsage(t, s, db.Usage{})
}
