package bolt

import (
	"cmp"
	"context"
	"time"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/resolve"
)

// Rename gives an image another name; see db.Images.
func (s *Store) Rename(_ context.Context, from, to string, o db.RenameOptions) (db.Image, db.Outcome, error) {
	from, errFrom := db.CheckName(from)
	to, errTo := db.CheckName(to)
	if err := cmp.Or(errFrom, errTo); err != nil {
		return db.Image{}, 0, err
	}
	m := move{trashTTL: o.TrashTTL}
	err := s.submit(&change{
		check: func(tx *txn) (todo bool, err error) {
			m.moved = nil // this may run more than once
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

// move gives an image, perhaps one in the trash, another name.
type move struct {
	from     *layout.Record
	to       resolve.Resolution
	trashTTL time.Duration  // how long the image that had the name stays in the trash
	moved    *layout.Record // nil if nothing changed
}

// apply moves the record. If an image with the new name has the same bytes, it removes
// the record. The new record is added before the old one is removed, so that the blob
// and its variants are in use all the time.
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

// result returns what the caller gets, or err.
func (m *move) result(err error) (db.Image, db.Outcome, error) {
	switch {
	case err != nil:
		return db.Image{}, 0, err
	case m.moved == nil:
		return *m.to.Current, m.to.Outcome, nil
	}
	return m.moved.Image, m.to.Outcome, nil
}
