package offline

import (
	"context"
	"path/filepath"
	"testing"

	"imageserver/db/bolt"
	"imageserver/db/bolt/internal/bolttest"
)

var ctx = context.Background()

// These are used so often that they have short names here.
var (
	must      = bolttest.Must
	content   = bolttest.Content
	mustPut   = bolttest.Put
	mustRead  = bolttest.Read
	edit      = bolttest.Edit
	overwrite = bolttest.Overwrite
	pagesOf   = bolttest.Pages
)

// fillStore makes a data file with something of everything the layout has, and
// returns its path and the images.
func fillStore(t testing.TB) (path string, images map[string][]byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "images.db")
	s := openStore(t, path, bolt.Options{})
	images = bolttest.Fill(t, s)
	must(t, s.Close())
	return path, images
}

func openStore(t testing.TB, path string, o bolt.Options) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(path, o)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}
