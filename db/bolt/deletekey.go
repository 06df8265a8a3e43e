package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// ByDeleteKeyHash returns the image whose DeleteKeyHash is `hash`; see db.DeleteKeys.
// The index is written with the fewest pages if later images have higher hashes. Then
// the new keys of the index are in the same few pages.
func (s *Store) ByDeleteKeyHash(_ context.Context, hash db.Digest) (img db.Image, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(layout.DeleteKeysBucket).Cursor()
		for k, _ := c.Seek(hash[:]); bytes.HasPrefix(k, hash[:]); k, _ = c.Next() {
			r, err := s.findImage(tx, string(k[len(hash):]))
			if err == nil {
				img = r.Image
			}
			if !errors.Is(err, db.ErrNotFound) { // an expired image is not found
				return err
			}
		}
		return fmt.Errorf("%w: no image has this delete key", db.ErrNotFound)
	})
	return img, err
}
