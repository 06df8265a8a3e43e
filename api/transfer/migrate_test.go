package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imageserver/api/transfer"
	"imageserver/db"
	"imageserver/db/bolt"
)

func newMigrant(t *testing.T) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(filepath.Join(t.TempDir(), "images.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// fillMigrant stores images of all kinds, and some in the trash.
func fillMigrant(t *testing.T, s db.Store) {
	t.Helper()
	for i := range 30 {
		o := db.PutOptions{Uploaded: time.Unix(int64(1000+i), 5), DeleteKeyHash: db.Digest{byte(i)}, Inspect: func(_ io.ReaderAt, img *db.Image) error {
			img.ContentType, img.Width, img.Height, img.Orientation = "image/png", i, 2, i%9
			return nil
		}}
		if i%3 == 0 {
			o.Expires = time.Now().Add(time.Hour).Round(0)
		}
		name := fmt.Sprintf("%d.png", i)
		put(t, s, name, bytes.Repeat([]byte{byte(i / 2)}, 1+i*10_000), o)
		if i%5 == 0 {
			if err := s.Delete(t.Context(), name, db.DeleteOptions{TrashTTL: time.Hour}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func put(t *testing.T, s db.Images, name string, data []byte, o db.PutOptions) {
	t.Helper()
	if _, _, err := s.Put(t.Context(), name, bytes.NewReader(data), o); err != nil {
		t.Fatal(err)
	}
}

// migrate runs Migrate and returns what it says.
func migrate(t *testing.T, from, to transfer.Migrant) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := transfer.Migrate(t.Context(), from, to, transfer.Output{Out: &out, Progress: io.Discard})
	return out.String(), err
}

// TestMigrate copies a store. A second run copies only what has changed meanwhile. Images
// that only the second store has are reported, and never deleted or replaced.
func TestMigrate(t *testing.T) {
	t.Parallel()
	from, to := newMigrant(t), newMigrant(t)
	fillMigrant(t, from)
	said, err := migrate(t, from, to)
	if err != nil || !strings.Contains(said, "30 copied, 0 already there.") || !strings.Contains(said, "Both stores have the same images.") {
		t.Errorf("Migrate: got %v and %q", err, said)
	}
	before, _ := from.Usage(t.Context())
	if after, _ := to.Usage(t.Context()); before != after {
		t.Errorf("Usage: got %+v, want %+v", after, before)
	}

	put(t, from, "1.png", []byte("replaced"), db.PutOptions{Conflict: db.Replace})
	put(t, from, "new.png", []byte("new"), db.PutOptions{})
	said, err = migrate(t, from, to)
	if err != nil || !strings.Contains(said, "2 copied, 29 already there.") {
		t.Errorf("Migrate again: got %v and %q", err, said)
	}

	if err := from.Delete(t.Context(), "2.png", db.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	put(t, from, "old.png", []byte("in the first store"), db.PutOptions{Uploaded: time.Unix(1, 0)})
	put(t, to, "old.png", []byte("in the second store"), db.PutOptions{})
	said, err = migrate(t, from, to)
	if err == nil || !strings.Contains(err.Error(), "differ in 2 images") || !strings.Contains(said, "2.png: only in the second store") || !strings.Contains(said, "1 failed") {
		t.Errorf("Migrate to a store that differs: got %v and %q", err, said)
	}
	if img, err := to.Stat(t.Context(), "old.png"); err != nil || img.Size != int64(len("in the second store")) {
		t.Errorf("an image of the second store: got %+v and %v, want it unchanged", img, err)
	}
}

// TestMigratePlaceholders: placeholders are copied. A store that has got one meanwhile does
// not differ from the other store.
func TestMigratePlaceholders(t *testing.T) {
	t.Parallel()
	from, to := newMigrant(t), newMigrant(t)
	for name, p := range map[string]string{"cat.png": "red", "dog.png": ""} {
		put(t, from, name, []byte(name), db.PutOptions{Inspect: func(_ io.ReaderAt, img *db.Image) error {
			img.Placeholder = p
			return nil
		}})
	}
	if said, err := migrate(t, from, to); err != nil {
		t.Errorf("Migrate: got %v and %q", err, said)
	}
	cat, err := to.Stat(t.Context(), "cat.png")
	if err != nil || cat.Placeholder != "red" {
		t.Errorf("got %+v and %v, want the placeholder red", cat, err)
	}
	dog, err := to.Stat(t.Context(), "dog.png")
	if err == nil {
		_, err = to.PutVariant(t.Context(), dog.SHA256, "w=1", strings.NewReader("small"), db.VariantOptions{Budget: 1000, Placeholder: "blue"})
	}
	if err != nil {
		t.Fatal(err)
	}
	if said, err := migrate(t, from, to); err != nil || !strings.Contains(said, "0 copied, 2 already there.") {
		t.Errorf("Migrate to a store with another placeholder: got %v and %q", err, said)
	}
}

// TestMigrateDamaged: an image whose bytes are damaged is reported, and the others are
// copied.
func TestMigrateDamaged(t *testing.T) {
	t.Parallel()
	from, to := newMigrant(t), newMigrant(t)
	fillMigrant(t, from)
	said, err := migrate(t, damaged{from, "7.png"}, to)
	if err == nil || !strings.Contains(said, "29 copied") || !strings.Contains(said, "7.png: missing in the second store") {
		t.Errorf("Migrate: got %v and %q", err, said)
	}
}

// damaged is a store in which one image is damaged.
type damaged struct {
	transfer.Migrant
	name string
}

func (d damaged) Get(ctx context.Context, name string) (db.Image, db.Body, error) {
	if name == d.name {
		return db.Image{}, nil, errors.Join(db.ErrDamaged)
	}
	return d.Migrant.Get(ctx, name)
}
