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
	m := move{trash: o.Trash}
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
				m.to = resolution{name: from, record: m.from, outcome: db.Unchanged} // of several with the bytes, this one
			}
			return m.to.name != from, err
		},
		apply: m.apply,
	})
	return m.result(err)
}

// move gives what stands under one key, a name or that of an image in the
// trash, the name that was found for it.
type move struct {
	from  *layout.Record
	to    resolution
	trash time.Duration // for what stands under the name
}

// apply moves the record, or where the name holds the same bytes drops it.
// The new one is bound before the old one is taken out: its content, and the
// copies made of it, are never without a name.
func (m *move) apply(tx *txn) (err error) {
	if m.to.outcome == db.Unchanged {
		if m.to.record, err = tx.prolong(m.to.name, m.from.Expires); err != nil {
			return err
		}
		return unbind(tx, m.from)
	}
	moved := *m.from
	moved.Name, moved.Deleted, moved.KeptUntil = m.to.name, time.Time{}, time.Time{}
	m.to.record = &moved
	if err := tx.vacate(m.to.name, m.trash); err != nil {
		return err
	}
	if err := bind(tx, &moved); err != nil {
		return err
	}
	return unbind(tx, m.from)
}

// answer is what the caller gets, unless err says that it was not done.
func (m *move) result(err error) (db.Image, db.Outcome, error) {
	if err != nil {
		return db.Image{}, 0, err
	}
	return m.to.record.Image, m.to.outcome, nil
}
