package bolt

import (
	"context"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/resolve"
)

// Delete deletes an image; see db.Images.
func (s *Store) Delete(_ context.Context, name string, o db.DeleteOptions) error {
	name, err := db.CheckName(name)
	if err != nil {
		return err
	}
	var old *layout.Record
	return s.submit(&change{
		check: func(tx *txn) (todo bool, err error) {
			if old, err = tx.live(name); err != nil {
				return false, err
			}
			return true, resolve.Existing(old.ImageOrNil(), name, o.Allow)
		},
		apply: func(tx *txn) error { return tx.remove(old, o.TrashTTL) },
	})
}
