package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"imageserver/db"
	"imageserver/db/bolt"
	"imageserver/db/pg"
	"imageserver/db/pg/pgtest"
)

// TestMigrateKilled moves a data file with thousands of images to a database. The first
// run is killed in the middle. Then the data file changes, and the second run copies the
// rest. Both runs leave the data file as it is, byte by byte.
func TestMigrateKilled(t *testing.T) {
	parallel(t)
	target := pgtest.URL(t, "pool_max_conns=4")
	path := filepath.Join(t.TempDir(), "images.db")
	const many = 3000
	fillForMigration(t, path, many)
	to, err := pg.Open(t.Context(), target, pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()

	before := digestOf(t, path)
	cmd := command(t, "migrate", path, target)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	copied := eventually(func() bool { u, err := to.Usage(t.Context()); return err == nil && u.Images >= many/20 })
	cmd.Process.Kill()
	if err := cmd.Wait(); err == nil || !copied {
		t.Fatalf("the first run was not killed in the middle: %v, copied %v", err, copied)
	}
	if digestOf(t, path) != before {
		t.Error("the first run changed the data file")
	}

	changeForMigration(t, path)
	before = digestOf(t, path)
	out, err := command(t, "migrate", path, target).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("Both stores have the same images.")) || bytes.Contains(out, []byte(" 0 already there")) {
		t.Errorf("the second run: %v: %s", err, out)
	}
	if digestOf(t, path) != before {
		t.Error("the second run changed the data file")
	}
	from, err := bolt.Open(path, bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	wantSameImages(t, from, to)
}

// fillForMigration makes a data file with images of all kinds. Some have expired when it
// returns, and are still in the file.
func fillForMigration(t *testing.T, path string, many int) {
	t.Helper()
	past := time.Now().Add(-time.Hour)
	s, err := bolt.Open(path, bolt.Options{NoSync: true, Now: func() time.Time { return past }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range many {
		o := db.PutOptions{Uploaded: past.Add(-time.Duration(many-i) * time.Second).Round(0)}
		if i%3 == 0 {
			o.DeleteKeyHash = sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		}
		if i%10 == 0 {
			o.Expires = past.Add([]time.Duration{30 * time.Minute, 24 * time.Hour}[i/10%2])
		}
		name := fmt.Sprintf("%d.png", i)
		if _, _, err := s.Put(t.Context(), name, strings.NewReader(fmt.Sprintf("image %d", i/2)), o); err != nil { // each content twice
			t.Fatal(err)
		}
		if i%9 == 0 {
			if err := s.Delete(t.Context(), name, db.DeleteOptions{TrashTTL: 24 * time.Hour}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// changeForMigration is what a server does between two runs of migrate.
func changeForMigration(t *testing.T, path string) {
	t.Helper()
	s, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, name := range []string{"1.png", "new.png"} { // the first run has copied 1.png
		if _, _, err := s.Put(t.Context(), name, strings.NewReader("second "+name), db.PutOptions{Conflict: db.Replace, TrashTTL: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
}

func digestOf(t *testing.T, path string) [32]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(data)
}

// wantSameImages compares the lists of two stores, and the bytes of the images in one of
// them with their digests.
func wantSameImages(t *testing.T, a, b db.Store) {
	t.Helper()
	for _, trash := range []bool{false, true} {
		list := func(s db.Store) []db.Image {
			all, _, err := s.List(t.Context(), db.ListOptions{Sort: db.ByName, Limit: 1e5, Trash: trash})
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		images := list(b)
		if want := list(a); len(want) < 100 || !slices.Equal(images, want) {
			t.Errorf("trash %v: got %d images, want the same %d as in the other store", trash, len(images), len(want))
		}
		if trash {
			continue
		}
		for _, img := range images {
			_, body, err := b.Get(t.Context(), img.Name)
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(body)
			body.Close()
			if err != nil || sha256.Sum256(data) != img.SHA256 {
				t.Errorf("%s: got other bytes, %v", img.Name, err)
			}
		}
	}
}
