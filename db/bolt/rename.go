package bolt

import (
	"cmp"
	"context"
	"time"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/resolve"
)

// Rename changes the name of an image from `from` to `to`; see db.Images.
func (s *Store) Rename(_ context.Context, from, to string, o db.RenameOptions) (db.Image, db.Outcome, error) {
	from, errFrom := db.CheckName(from)
	to, errTo := db.CheckName(to)
	if err := cmp.Or(errFrom, errTo); err != nil {
		return db.Image{}, 0, err
	}
	m := move{trashTTL: o.TrashTTL}
	err := s.submit(&change{
		check: func(tx *txn) (todo bool, err error) {
			m.moved = nil // check may run more than once
			if m.from, err = tx.live(from); err != nil {
				return false, err
			}
			m.to, err = resolve.Rename(tx, m.from.ImageOrNil(), from, to, o)
			return m.to.Name != from, err
		},
		apply: m.apply,
	})
	return m.result(err)
}

// move changes the name of an image. The image may be in the trash.
type move struct {
	from     *layout.Record
	to       resolve.Resolution
	trashTTL time.Duration  // how long the image that had the new name stays in the trash
	moved    *layout.Record // the record after the change; nil if nothing changed
}

// apply writes the record under the new name. If another image with the new name has
// the same bytes, apply only removes the record m.from. It adds the new record before
// it removes the old record. So some record uses the blob and its variants all the
// time, and they are not deleted.
func (m *move) apply(tx *txn) (err error) {
	if m.to.Outcome == db.Unchanged {
		if m.moved, err = tx.extendExpiry(m.to.Name, m.from.Expires); err != nil {
			return err
		}
		return unbind(tx, m.from)
	}
	moved := *m.from
	moved.Image = m.to.Moved(m.from.Image)
	m.moved = &moved
	if err := tx.vacate(m.to.Name, m.trashTTL); err != nil {
		return err
	}
	if err := bind(tx, &moved); err != nil {
		return err
	}
	return unbind(tx, m.from)
}

// result returns what Rename or Restore returns to its caller.
func (m *move) result(err error) (db.Image, db.Outcome, error) {
	switch {
	case err != nil:
		return db.Image{}, 0, err
	case m.moved == nil:
		return *m.to.Current, m.to.Outcome, nil
	}
	return m.moved.Image, m.to.Outcome, nil
}
