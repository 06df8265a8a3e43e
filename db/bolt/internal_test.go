package bolt

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db/bolt/internal/bolttest"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/bolt/offline"
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
	s := openStore(t, path, Options{})
	images = bolttest.Fill(t, s)
	must(t, s.Close())
	return path, images
}

func newStore(t testing.TB, o Options) *Store {
	t.Helper()
	return openStore(t, filepath.Join(t.TempDir(), "images.db"), o)
}

// checkFile checks a file, and returns what was found, a line each.
func checkFile(t testing.TB, path string) (*offline.Report, string) {
	t.Helper()
	var found strings.Builder
	r, err := offline.Check(ctx, path, offline.Watch{Found: func(p offline.Problem) { fmt.Fprintln(&found, p) }})
	must(t, err)
	return r, found.String()
}

func openStore(t testing.TB, path string, o Options) *Store {
	t.Helper()
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// tamper changes the file without the store noticing it.
func tamper(s *Store, fn func(tx *bbolt.Tx) error) error {
	err := s.db.Update(fn)
	if err == nil {
		s.lastTx.Add(1)
	}
	return err
}

// recordOf returns the record under name.
func recordOf(t testing.TB, s *Store, name string) (r *layout.Record) {
	t.Helper()
	err := s.view(func(tx *bbolt.Tx) (err error) { r, err = s.findImage(tx, name); return err })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// count returns how many keys a bucket holds.
func count(t testing.TB, s *Store, bucket []byte) (n int) {
	t.Helper()
	err := s.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucket).ForEach(func(_, _ []byte) error { n++; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// chunkCount returns the number of chunks of a blob.
func chunkCount(size int64, chunkSize int) int {
	return int((size + int64(chunkSize) - 1) / int64(chunkSize))
}

// reclaimAll deletes all orphans that are not pinned.
func reclaimAll(t testing.TB, s *Store) {
	t.Helper()
	for more := true; more; {
		var ids []uint64
		err := s.submit(&change{
			check: func(tx *txn) (bool, error) {
				ids = s.deletable(tx)
				more = len(ids) > 0
				return more, nil
			},
			apply: func(tx *txn) error {
				tx.room = math.MaxInt64
				return s.reclaimSome(tx, ids)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// wantChunks deletes the orphans, waits until they are deleted, and counts the chunks.
func wantChunks(t testing.TB, s *Store, want int) {
	t.Helper()
	for range 500 {
		reclaimAll(t, s)
		if count(t, s, layout.OrphansBucket) == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if got := count(t, s, layout.OrphansBucket); got != 0 {
		t.Errorf("%d orphans, want them swept", got)
	}
	if got := count(t, s, layout.ChunksBucket); got != want {
		t.Errorf("%d chunks in the file, want %d", got, want)
	}
}
