package bolt

import (
	"cmp"
	"context"
	"time"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// Rename gives an image another name; see db.Store.
func (s *Store) Rename(_ context.Context, from, to string, o db.RenameOptions) (db.Image, db.Outcome, error) {
	from, errFrom := db.CheckName(from)
	to, errTo := db.CheckName(to)
	if err := cmp.Or(errFrom, errTo); err != nil {
		return db.Image{}, 0, err
	}
	m := move{trash: o.TrashTTL}
	err := s.submit(&change{
		check: func(tx *txn) (todo bool, err error) {
			if m.from, err = tx.live(from); err != nil {
				return false, err
			}
			if err := admit(m.from, from, o.Allow); err != nil {
				return false, err
			}
			m.to, err = tx.resolve(to, m.from.SHA256, o.Conflict, nil)
			if m.to.outcome == db.Unchanged && m.to.name != to && db.IsNumbered(to, from) {
				m.to = resolution{name: from, record: m.from, outcome: db.Unchanged} // of several images with these bytes, this one
			}
			return m.to.name != from, err
		},
		apply: m.apply,
	})
	return m.result(err)
}

// move gives an image, perhaps one in the trash, another name.
type move struct {
	from  *layout.Record
	to    resolution
	trash time.Duration // how long the image that had the name stays in the trash
}

// apply moves the record. If an image with the new name has the same bytes, it removes
// the record. The new record is added before the old one is removed, so that the blob
// and its resized copies are in use all the time.
func (m *move) apply(tx *txn) (err error) {
	if m.to.outcome == db.Unchanged {
		if m.to.record, err = tx.extendExpiry(m.to.name, m.from.Expires); err != nil {
			return err
		}
		return unbind(tx, m.from)
	}
	moved := *m.from
	moved.Name, moved.Deleted, moved.TrashExpires = m.to.name, time.Time{}, time.Time{}
	m.to.record = &moved
	if err := tx.vacate(m.to.name, m.trash); err != nil {
		return err
	}
	if err := bind(tx, &moved); err != nil {
		return err
	}
	return unbind(tx, m.from)
}

// result returns what the caller gets, or err.
func (m *move) result(err error) (db.Image, db.Outcome, error) {
	if err != nil {
		return db.Image{}, 0, err
	}
	return m.to.record.Image, m.to.outcome, nil
}
