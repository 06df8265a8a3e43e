package bolt

import (
	"context"
	"fmt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// Delete deletes an image; see db.Store.
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
			return true, admit(old, name, o.Allow)
		},
		apply: func(tx *txn) error { return tx.remove(old, o.TrashTTL) },
	})
}

// admit asks allow, if it is not nil, about the image of r, which may be nil. Then it
// returns db.ErrNotFound if r is nil.
func admit(r *layout.Record, name string, allow db.Precondition) error {
	if allow != nil {
		if err := allow(r.ImageOrNil()); err != nil {
			return err
		}
	}
	if r == nil {
		return fmt.Errorf("%w: %q", db.ErrNotFound, name)
	}
	return nil
}
