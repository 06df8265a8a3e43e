package bolt_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"imageserver/db"
	"imageserver/db/bolt"
	"imageserver/db/dbtest"
)

// newStore opens a store in a fresh file.
func newStore(t testing.TB) *bolt.Store {
	t.Helper()
	return openStore(t, filepath.Join(t.TempDir(), "images.db"))
}

// openStore opens the store at path and closes it when the test ends.
func openStore(t testing.TB, path string) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T) db.Store { return newStore(t) })
}

func TestReopen(t *testing.T) {
	t.Parallel()
	dbtest.RunReopen(t, func(t *testing.T) func() db.Store {
		path := filepath.Join(t.TempDir(), "images.db")
		return func() db.Store { return openStore(t, path) }
	})
}

func TestBackup(t *testing.T) {
	t.Parallel()
	dbtest.RunBackup(t, func(t *testing.T) db.Store { return newStore(t) }, func(t *testing.T, copy io.Reader) db.Store {
		path := filepath.Join(t.TempDir(), "images.db")
		f, err := os.Create(path)
		if err == nil {
			_, err = io.Copy(f, copy)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		return openStore(t, path)
	})
}
