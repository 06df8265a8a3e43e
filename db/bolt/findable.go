package bolt

import (
	"bytes"
	"fmt"
	"slices"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// recordKey is where a record is in the file.
type recordKey struct{ bucket, key []byte }

// chunkRange is the chunks of a blob with the numbers from first to before end.
type chunkRange struct {
	blob       uint64
	first, end int
}

// findable returns an error if a record or a chunk that the committed transaction wrote
// cannot be found. This happens if a key in a branch of the file is damaged: bbolt writes
// a changed page to another place and looks in the branch for the first key of the page.
// If it does not find this key, the branch still leads to the old page, too. Indexes are
// not checked, because check --repair rebuilds them.
func (s *Store) findable(tx *txn) error {
	if len(tx.added) == 0 && len(tx.chunks) == 0 {
		return nil
	}
	return s.view(func(after *bbolt.Tx) error {
		for _, r := range tx.added {
			if after.Bucket(r.bucket).Get(r.key) == nil {
				return errLost("a record")
			}
		}
		all := after.Bucket(layout.ChunksBucket).Cursor()
		for _, c := range tx.chunks {
			if slices.Contains(tx.doom, c.blob) {
				continue // the same transaction deleted the blob
			}
			for n := c.first; n < c.end; n++ {
				want := layout.ChunkKey(c.blob, n)
				if k, _ := all.Seek(want[:]); !bytes.Equal(k, want[:]) {
					return errLost("a chunk")
				}
			}
		}
		return nil
	})
}

func errLost(what string) error {
	return fmt.Errorf("%w: %s was written and cannot be found", db.ErrDamaged, what)
}
