package dbtest

import (
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"imageserver/db"
)

// sizes are numbers of bytes near the lengths at which an engine may divide bytes.
// These lengths are 0, a page, a chunk, the buffers of an upload, and several times
// these buffers.
var sizes = []int{
	0, 1, 100,
	4<<10 - 1, 4 << 10, 4<<10 + 1,
	128<<10 - 64, 128 << 10, 128<<10 + 64,
	1<<20 - 1, 1 << 20, 1<<20 + 1,
	5<<20 + 7,
	20 << 20,
}

func testSizes(t *testing.T, s db.Store) {
	rotated := func(_ io.ReaderAt, img *db.Image) error {
		img.ContentType, img.Width, img.Height, img.Orientation = "image/png", 640, 480, 6
		return nil
	}
	var images []db.Image
	for i, size := range sizes {
		name, data := fmt.Sprintf("%d.png", size), content(uint64(i), size)
		img := put(t, s, name, data, db.PutOptions{Inspect: rotated}, db.Created)
		wantImage(t, "Put", img, db.Image{
			Name: name, Size: int64(size), SHA256: img.SHA256, // put has checked this digest
			ContentType: "image/png", Width: 640, Height: 480, Orientation: 6,
			Uploaded: img.Uploaded,
		})
		wantStored(t, s, img, data)
		images = append(images, img)
	}
	wantUsage(t, s, sum(images))
	wantConsistent(t, s)
}

// testUploaded: the upload time is the time of the Put. An engine may keep only whole
// seconds, as HTTP does.
func testUploaded(t *testing.T, s db.Store) {
	before := time.Now().Truncate(time.Second)
	img := create(t, s, "cat.png", content(1, 100))
	after := time.Now()
	if img.Uploaded.Before(before) || img.Uploaded.After(after) {
		t.Errorf("Uploaded: got %v, want %v to %v", img.Uploaded, before, after)
	}
	stat, err := s.Stat(t.Context(), "cat.png")
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []db.Image{img, stat} {
		if got.Uploaded.Location() != time.UTC {
			t.Errorf("Uploaded: got location %v, want UTC", got.Uploaded.Location())
		}
	}
}

// testUploadedBefore: if the caller gives an upload time, the store keeps it in
// nanoseconds and in UTC. This time decides the position in the list. A time in the
// future is not kept.
func testUploadedBefore(t *testing.T, s db.Store) {
	past := time.Now().Add(-time.Hour) // with Go's monotonic clock
	var images []db.Image
	for i, given := range []time.Time{
		past.Truncate(time.Hour).Add(1),
		past,
		past.Add(-time.Minute).In(time.FixedZone("far east", 14*60*60)),
		time.Date(1961, 4, 12, 6, 7, 0, 1, time.UTC),
		time.Unix(0, 0),
	} {
		name, data := fmt.Sprintf("%d.png", i), content(uint64(i), 100)
		img := put(t, s, name, data, db.PutOptions{Uploaded: given}, db.Created)
		if !img.Uploaded.Equal(given) || img.Uploaded.Location() != time.UTC {
			t.Errorf("Uploaded: got %v, want %v in UTC", img.Uploaded, given)
		}
		wantStored(t, s, img, data)
		images = append(images, img)
	}
	ahead := put(t, s, "ahead.png", content(9, 100), db.PutOptions{Uploaded: time.Now().Add(time.Hour)}, db.Created)
	if ahead.Uploaded.After(time.Now()) {
		t.Errorf("Uploaded: got %v, want no time that has not come yet", ahead.Uploaded)
	}
	put(t, s, "1.png", content(1, 100), db.PutOptions{Uploaded: time.Unix(7, 0)}, db.Unchanged)
	images[0] = put(t, s, "0.png", content(8, 100), db.PutOptions{Uploaded: time.Unix(7, 0), Conflict: db.Replace}, db.Replaced)
	if !images[0].Uploaded.Equal(time.Unix(7, 0)) {
		t.Errorf("Uploaded after Replace: got %v, want the one given", images[0].Uploaded)
	}
	images = append(images, ahead)
	slices.SortFunc(images, newestFirst)
	for _, limit := range []int{1, 2, 100} {
		wantImages(t, "List", listAll(t, s, db.ListOptions{Limit: limit}), images)
	}
	wantConsistent(t, s)
}

// testEmptyStore calls the methods of a store that is empty.
func testEmptyStore(t *testing.T, s db.Store) {
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("Ready: got %v, want nil", err)
	}
	wantUsage(t, s, db.Usage{})
	wantAbsent(t, s, "cat.png")
	for _, match := range []string{"", "cat"} {
		if got := listAll(t, s, db.ListOptions{Match: match, Limit: 10}); len(got) != 0 {
			t.Errorf("List(match %q): got %q, want nothing", match, namesOf(got))
		}
	}
}
