package dbtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"imageserver/db"
)

// Each want function compares something with what the test expects. If they differ, it
// fails t.

// wantRest reads body to its end. The bytes must be `want`. It reads in parts, because
// under the race detector a large slice needs more time than the store.
func wantRest(t *testing.T, what string, body io.Reader, want []byte) {
	t.Helper()
	n, p := 0, make([]byte, min(len(want)+1, 64<<10))
	for {
		got, err := body.Read(p)
		if !bytes.Equal(p[:got], want[n:min(n+got, len(want))]) {
			t.Errorf("%s: got other bytes or more of them, want the %d stored (between %d and %d)", what, len(want), n, n+got)
			return
		}
		switch n += got; {
		case err == io.EOF && n == len(want):
			return
		case err != nil:
			t.Errorf("%s: got error %v after %d bytes, want EOF after %d", what, err, n, len(want))
			return
		}
	}
}

// wantBytes compares contents. Its message does not contain the contents, because they
// may be long.
func wantBytes(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	t.Errorf("%s: got %d bytes, want %d, different from byte %d on", what, len(got), len(want), i)
}

// wantImage compares two images field by field.
func wantImage(t *testing.T, what string, got, want db.Image) {
	t.Helper()
	if plain(got) != plain(want) {
		t.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

// plain returns `img` with its times in a form that == can compare.
func plain(img db.Image) db.Image {
	for _, at := range []*time.Time{&img.Uploaded, &img.Expires, &img.Deleted, &img.TrashExpires} {
		*at = at.Round(0).UTC()
	}
	return img
}

// wantImages compares pages or lists.
func wantImages(t *testing.T, what string, got, want []db.Image) {
	t.Helper()
	if !slices.Equal(namesOf(got), namesOf(want)) {
		t.Errorf("%s: got %q, want %q", what, namesOf(got), namesOf(want))
		return
	}
	for i := range got {
		wantImage(t, what+": "+got[i].Name, got[i], want[i])
	}
}

// wantStored fails unless Stat and Get return `img` and the bytes `data`.
func wantStored(t *testing.T, s db.Store, img db.Image, data []byte) {
	t.Helper()
	stat, err := s.Stat(t.Context(), img.Name)
	if err != nil {
		t.Errorf("Stat(%q): %v", img.Name, err)
		return
	}
	wantImage(t, fmt.Sprintf("Stat(%q)", img.Name), stat, img)
	got, body, err := s.Get(t.Context(), img.Name)
	if err != nil {
		t.Errorf("Get(%q): %v", img.Name, err)
		return
	}
	defer body.Close()
	wantImage(t, fmt.Sprintf("Get(%q)", img.Name), got, img)
	wantRest(t, fmt.Sprintf("Get(%q)", img.Name), body, data)
}

// wantAbsent fails if an image has the name.
func wantAbsent(t *testing.T, s db.Store, name string) {
	t.Helper()
	_, err := s.Stat(t.Context(), name)
	wantError(t, fmt.Sprintf("Stat(%q)", name), err, db.ErrNotFound)
	_, body, err := s.Get(t.Context(), name)
	wantError(t, fmt.Sprintf("Get(%q)", name), err, db.ErrNotFound)
	if err == nil {
		body.Close()
	}
	for _, img := range listAll(t, s, db.ListOptions{Limit: 100}) {
		if img.Name == name {
			t.Errorf("List: got %q, want it absent", name)
		}
	}
}

// wantError fails unless err wraps `want`.
func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

// wantUsage compares the Usage of the store with `want`.
func wantUsage(t *testing.T, s db.Store, want db.Usage) {
	t.Helper()
	got, err := s.Usage(t.Context())
	if err != nil {
		t.Fatalf("Usage: %v", err)
	}
	if got != want {
		t.Errorf("Usage: got %+v, want %+v", got, want)
	}
}

// wantUsageSoon does the same as wantUsage, for a store that may not yet have deleted
// expired images. It calls only Usage: a store must delete them without other calls.
func wantUsageSoon(t *testing.T, s db.Store, want db.Usage) {
	t.Helper()
	for end := time.Now().Add(patience()); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if got, err := s.Usage(t.Context()); err != nil || got == want {
			break
		}
	}
	wantUsage(t, s, want)
}

// patience is how long the tests wait for a store to delete expired images. It is many
// times as long as a busy machine needs. The environment variable DBTEST_PATIENCE, a
// duration, changes it.
func patience() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("DBTEST_PATIENCE")); err == nil {
		return d
	}
	return 30 * time.Second
}

// wantTrash fails unless exactly these images are in the trash. The order of the images
// does not matter.
func wantTrash(t *testing.T, s db.Store, want ...db.Image) {
	t.Helper()
	want = slices.SortedFunc(slices.Values(want), lastDeletedFirst)
	wantImages(t, "List of the trash", listAll(t, s, db.ListOptions{Limit: 100, Trash: true}), want)
}

// wantConsistent fails unless every listed image is stored, the lists are in order, and
// Usage is the sum of the listed images, without variants.
func wantConsistent(t *testing.T, s db.Store) {
	t.Helper()
	images := listAll(t, s, db.ListOptions{Limit: 100})
	if !slices.IsSortedFunc(images, newestFirst) {
		t.Errorf("List: got %q, want the newest first", namesOf(images))
	}
	for _, img := range images {
		got, err := verify(t.Context(), s, img.Name)
		if err != nil {
			t.Errorf("Get(%q), which is listed: %v", img.Name, err)
			continue
		}
		wantImage(t, fmt.Sprintf("Get(%q)", img.Name), got, img)
	}
	trash := listAll(t, s, db.ListOptions{Limit: 100, Trash: true})
	if !slices.IsSortedFunc(trash, lastDeletedFirst) {
		t.Errorf("List of the trash: got %q, want the last deleted first", namesOf(trash))
	}
	wantUsage(t, s, sumWith(images, trash))
}
