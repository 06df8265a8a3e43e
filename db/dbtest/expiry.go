package dbtest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"imageserver/db"
)

// The tests in this file use the real clock. If an image has expired before it is
// stored, it is never found. If an image expires in an hour, it exists until the test
// ends.

// past returns a time before the test, and future a time after the test.
func past() time.Time   { return time.Now().Add(-time.Hour) }
func future() time.Time { return time.Now().Add(time.Hour).Round(0) }

// ending returns the options for an image that expires at this time.
func ending(at time.Time) db.PutOptions { return db.PutOptions{Expires: at} }

// testExpiryKept: the store returns the expiry that was given, to the nanosecond and in
// UTC.
func testExpiryKept(t *testing.T, s db.Store) {
	in := func(d time.Duration) time.Time { return time.Now().Add(d) } // with Go's monotonic clock
	var images []db.Image
	for i, end := range []time.Time{
		{},
		in(time.Hour),
		in(time.Hour).Truncate(time.Hour).Add(2*time.Hour + 1),
		in(time.Hour).In(time.FixedZone("far east", 14*60*60)),
		time.Date(2200, 2, 29, 0, 0, 0, 0, time.UTC),
	} {
		name, data := fmt.Sprintf("%d.png", i), content(uint64(i), 100)
		img := put(t, s, name, data, ending(end), db.Created)
		if !img.Expires.Equal(end) || img.Expires.Location() != time.UTC || img.Expires.IsZero() != end.IsZero() {
			t.Errorf("Expires: got %v, want %v in UTC", img.Expires, end)
		}
		if !img.Deleted.IsZero() || !img.TrashExpires.IsZero() {
			t.Errorf("Put: got Deleted %v and TrashExpires %v, want zero", img.Deleted, img.TrashExpires)
		}
		wantStored(t, s, img, data)
		images = append(images, img)
	}
	slices.SortFunc(images, newestFirst)
	wantImages(t, "List", listAll(t, s, db.ListOptions{Limit: 2}), images)
	wantUsage(t, s, sum(images))
}

// testExpiryInspected: Inspect gets the expiry of the options and may set another
// expiry, because a client may send the expiry after the bytes. Inspect cannot change
// other fields.
func testExpiryInspected(t *testing.T, s db.Store) {
	early, late := future(), future().Add(time.Hour)
	for i, c := range []struct{ given, set time.Time }{{early, late}, {late, early}, {early, time.Time{}}, {time.Time{}, early}} {
		o := db.PutOptions{Expires: c.given, DeleteKeyHash: db.Digest{1}, Inspect: func(_ io.ReaderAt, img *db.Image) error {
			if !img.Expires.Equal(c.given) {
				t.Errorf("Inspect: got Expires %v, want %v", img.Expires, c.given)
			}
			img.Expires, img.DeleteKeyHash = c.set.Local(), db.Digest{2}
			return nil
		}}
		img := put(t, s, fmt.Sprintf("%d.png", i), content(uint64(i), 100), o, db.Created)
		if !img.Expires.Equal(c.set) || img.Expires.Location() != time.UTC || img.DeleteKeyHash != o.DeleteKeyHash {
			t.Errorf("Put: got Expires %v and DeleteKeyHash %s, want %v in UTC and %s", img.Expires, img.DeleteKeyHash, c.set, o.DeleteKeyHash)
		}
		wantStored(t, s, img, content(uint64(i), 100))
	}
}

// testExpired: from the moment at which an image expires, no method returns it. Soon
// after that, the store deletes it.
func testExpired(t *testing.T, s db.Store) {
	lasting := put(t, s, "lasting.png", content(9, 100), ending(future()), db.Created)
	for i, size := range []int{0, 100, 3 << 20} {
		keyHash := db.Digest{byte(i + 1)}
		img := put(t, s, "cat.png", content(uint64(i), size), db.PutOptions{Expires: past(), DeleteKeyHash: keyHash}, db.Created)
		if img.Expires.After(time.Now()) {
			t.Errorf("Expires: got %v, want the one given", img.Expires)
		}
		wantNoTrace(t, s, "cat.png", keyHash)
		wantUsageSoon(t, s, sum([]db.Image{lasting}))
		wantNoTrace(t, s, "cat.png", keyHash)
		wantTrash(t, s)
	}
	wantStored(t, s, lasting, content(9, 100))
	wantUsage(t, s, sum([]db.Image{lasting}))
}

// wantNoTrace fails if any method finds an image with this name or with this delete
// key.
func wantNoTrace(t *testing.T, s db.Store, name string, keyHash db.Digest) {
	t.Helper()
	wantAbsent(t, s, name)
	wantNoDeleteKey(t, s, keyHash)
	wantError(t, "Delete", s.Delete(t.Context(), name, db.DeleteOptions{TrashTTL: time.Hour}), db.ErrNotFound)
	_, _, err := s.Rename(t.Context(), name, "other.png", db.RenameOptions{})
	wantError(t, "Rename", err, db.ErrNotFound)
	_, _, err = s.Restore(t.Context(), name, db.RestoreOptions{})
	wantError(t, "Restore", err, db.ErrNotFound)
}

// testExpiryOnTime watches an image until it expires. The image exists until then.
// After that, no method returns it. During the moment at which it expires, a call may
// or may not return it.
func testExpiryOnTime(t *testing.T, s db.Store) {
	keyHash := db.Digest{1}
	lasting := put(t, s, "lasting.png", content(1, 100), ending(time.Now().Add(20*time.Second)), db.Created)
	img := put(t, s, "cat.png", content(2, 100), db.PutOptions{Expires: time.Now().Add(50 * time.Millisecond), DeleteKeyHash: keyHash}, db.Created)
	asks := map[string]func() error{
		"Stat": func() error { _, err := s.Stat(t.Context(), "cat.png"); return err },
		"Get": func() error {
			_, body, err := s.Get(t.Context(), "cat.png")
			if err == nil {
				body.Close()
			}
			return err
		},
		"List": func() error {
			if slices.ContainsFunc(listAll(t, s, db.ListOptions{Limit: 10}), named("cat.png")) {
				return nil
			}
			return db.ErrNotFound
		},
		"ByDeleteKeyHash": func() error { _, err := s.ByDeleteKeyHash(t.Context(), keyHash); return err },
	}
	for end := img.Expires.Add(30 * time.Millisecond); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for what, ask := range asks {
			before := time.Now()
			err := ask()
			switch after := time.Now(); {
			case after.Before(img.Expires) && err != nil:
				t.Fatalf("%s, %v before it expires: got %v, want the image", what, img.Expires.Sub(after), err)
			case !before.Before(img.Expires) && !errors.Is(err, db.ErrNotFound):
				t.Fatalf("%s, %v after it expired: got %v, want %v", what, before.Sub(img.Expires), err, db.ErrNotFound)
			}
		}
	}
	_, err := s.Stat(t.Context(), "lasting.png")
	if time.Now().Before(lasting.Expires) && err != nil {
		t.Errorf("Stat of the lasting image: %v", err)
	}
}

// testExpirySwept waits for images that expire in another order than the order in which
// they were stored. Meanwhile it calls only Usage, so the store must delete them by
// itself.
func testExpirySwept(t *testing.T, s db.Store) {
	lasting := put(t, s, "lasting.png", content(9, 100), ending(future()), db.Created)
	for i, ms := range []int{60, 30, 90, 10, 61} {
		end := time.Now().Add(time.Duration(ms) * time.Millisecond)
		put(t, s, fmt.Sprintf("%d.png", i), content(uint64(i), 100_000), ending(end), db.Created)
	}
	wantUsageSoon(t, s, sum([]db.Image{lasting}))
	wantConsistent(t, s)
}

// testExpiredName: the name of an expired image is free for every method.
func testExpiredName(t *testing.T, s db.Store) {
	former, latter := content(1, 2<<20), content(2, 100)
	for _, data := range [][]byte{latter, former} { // first other bytes, and then the same bytes
		for _, conflict := range []db.Conflict{db.Rename, db.Replace, db.Fail} {
			put(t, s, "cat.png", former, ending(past()), db.Created)
			img := put(t, s, "cat.png", data, db.PutOptions{Conflict: conflict, Allow: demand(nil), TrashTTL: time.Hour}, db.Created)
			if img.Name != "cat.png" || !img.Expires.IsZero() {
				t.Errorf("Put: got %q until %v, want cat.png that never expires", img.Name, img.Expires)
			}
			wantStored(t, s, img, data)
			wantUsageSoon(t, s, sum([]db.Image{img}))
			wantStored(t, s, img, data)
			remove(t, s, "cat.png")

			put(t, s, "cat.png", former, ending(past()), db.Created)
			create(t, s, "dog.png", data)
			img = rename(t, s, "dog.png", "cat.png", db.RenameOptions{Conflict: conflict, TrashTTL: time.Hour}, db.Created)
			wantStored(t, s, img, data)
			wantUsageSoon(t, s, sum([]db.Image{img}))

			discard(t, s, "cat.png", time.Hour)
			put(t, s, "cat.png", former, ending(past()), db.Created)
			img = restore(t, s, "cat.png", "cat.png", db.Created)
			wantStored(t, s, img, data)
			wantUsageSoon(t, s, sum([]db.Image{img}))
			remove(t, s, "cat.png")
			wantTrash(t, s)
		}
	}
	wantUsageSoon(t, s, db.Usage{})
}

// testExpiredNumber: a name with a number is also free after its image expired. A
// repeated upload does not get the expired image.
func testExpiredNumber(t *testing.T, s db.Store) {
	cat := create(t, s, "cat.png", content(1, 100))
	img := put(t, s, "cat.png", content(2, 100), ending(past()), db.Created)
	if img.Name != "cat-2.png" {
		t.Errorf("Put: got name %q, want cat-2.png", img.Name)
	}
	again := put(t, s, "cat.png", content(2, 100), db.PutOptions{}, db.Created)
	if again.Name != "cat-2.png" {
		t.Errorf("Put again: got name %q, want cat-2.png", again.Name)
	}
	wantStored(t, s, again, content(2, 100))
	wantUsageSoon(t, s, sum([]db.Image{cat, again}))
}

// testExpiryUnchanged: if the same bytes are stored again, the image gets the later one
// of the two expiries, and nothing else changes.
func testExpiryUnchanged(t *testing.T, s db.Store) {
	never, soon, late := time.Time{}, future(), future().Add(time.Hour)
	data := content(1, 2<<20)
	create(t, s, "dog.png", content(2, 100))
	for i, c := range []struct{ first, again, want time.Time }{
		{soon, late, late},
		{late, soon, late},
		{soon, soon, soon},
		{soon, never, never},
		{never, soon, never},
		{never, never, never},
		{soon, past(), soon},
		{never, past(), never},
	} {
		for _, name := range []string{"cat.png", "dog.png"} { // the image dog.png gets the name dog-2.png
			img := put(t, s, name, data, db.PutOptions{Expires: c.first, DeleteKeyHash: db.Digest{7}}, db.Created)
			for range 2 {
				again := put(t, s, name, data, db.PutOptions{Expires: c.again, DeleteKeyHash: db.Digest{8}}, db.Unchanged)
				img.Expires = c.want
				wantImage(t, fmt.Sprintf("%d: Put again", i), again, img)
				wantStored(t, s, again, data)
			}
			wantDeleteKey(t, s, img)
			wantConsistent(t, s)
			remove(t, s, img.Name)
		}
	}
}

// testExpiryExtended: after an image got a later expiry, it does not expire at its
// former time.
func testExpiryExtended(t *testing.T, s db.Store) {
	data := content(1, 100_000)
	for d := 50 * time.Millisecond; ; d *= 2 { // until the second Put comes before the image expires
		first := put(t, s, "cat.png", data, ending(time.Now().Add(d)), db.Created)
		img, outcome, err := tryPut(t.Context(), s, "cat.png", data, ending(future()))
		if err != nil {
			t.Fatal(err)
		}
		if outcome == db.Unchanged {
			put(t, s, "dog.png", content(2, 100), ending(first.Expires.Add(time.Millisecond)), db.Created)
			// When dog.png is deleted, cat.png would be deleted, too, if its
			// later expiry had no effect.
			wantUsageSoon(t, s, sum([]db.Image{img}))
			wantStored(t, s, img, data)
			return
		}
		remove(t, s, "cat.png")
	}
}

// testExpiryShared: bytes are deleted when the last image with these bytes is deleted,
// for whatever reason. Open bodies stay readable.
func testExpiryShared(t *testing.T, s db.Store) {
	data := content(1, large)
	soon := func() db.PutOptions { return ending(time.Now().Add(100 * time.Millisecond)) }
	put(t, s, "cat.png", data, soon(), db.Created)
	lasting := put(t, s, "lasting.png", data, ending(future()), db.Created)
	kept := putVariant(t, s, lasting.SHA256, "w=1", content(2, 1000), ample)
	wantUsageSoon(t, s, withVariants(sum([]db.Image{lasting}), 1, kept.Size))
	wantStored(t, s, lasting, data)
	wantVariant(t, s, lasting.SHA256, "w=1", kept, content(2, 1000))

	put(t, s, "cat.png", data, soon(), db.Created)
	fresh, begun := openBody(t, s, "lasting.png"), openBody(t, s, "lasting.png")
	wantBytes(t, "begun", read(t, begun, 1000), data[:1000])
	remove(t, s, "lasting.png")
	wantUsageSoon(t, s, db.Usage{})
	wantNoVariant(t, s, lasting.SHA256, "w=1")
	create(t, s, "dog.png", content(3, large)) // may use the space of the deleted bytes
	wantRest(t, "body not read before", fresh, data)
	wantRest(t, "body read in part before", begun, data[1000:])
	closeBody(t, fresh)
	closeBody(t, begun)
	wantConsistent(t, s)
}
