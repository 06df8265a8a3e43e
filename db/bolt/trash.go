package bolt

import (
	"bytes"
	"context"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// discard puts an image in the trash.
func (tx *txn) moveToTrash(r *layout.Record, rest time.Duration) error {
	trashed := *r
	trashed.Image = r.Trashed(tx.now, rest)
	trashed.Deleted, trashed.KeptUntil = tx.deletion(r.Name), layout.Stamp(trashed.KeptUntil)
	if err := tx.removeRecord(r); err != nil {
		return err
	}
	if err := bind(tx, &trashed); err != nil {
		return err
	}
	return tx.dropUnused(r)
}

// deletion returns the time at which name is deleted now: later than every
// other one of that name in the trash, though the clock may have been put back
// or two deletes be in one commit.
func (tx *txn) deletion(name string) time.Time {
	prefix := layout.TrashPrefix(name)
	k, _ := tx.Bucket(layout.TrashBucket).Cursor().Seek(prefix)
	if !bytes.HasPrefix(k, prefix) {
		return tx.now
	}
	if last := layout.TrashTime(k); !last.Before(tx.now) {
		return last.Add(1)
	}
	return tx.now
}

// Restore brings an image back; see db.Store.
func (s *Store) Restore(_ context.Context, name string, o db.RestoreOptions) (db.Image, db.Outcome, error) {
	name, err := db.CheckName(name)
	if err != nil {
		return db.Image{}, 0, err
	}
	var m move
	err = s.submit(&change{
		check: func(tx *txn) (todo bool, err error) {
			if m.from, err = tx.newestTrashed(name); err != nil {
				return false, err
			}
			if err := admit(m.from, name, o.Allow); err != nil {
				return false, err
			}
			m.to, err = tx.resolve(name, m.from.SHA256, db.Rename, nil)
			return true, err
		},
		apply: m.apply,
	})
	return m.result(err)
}

// newestTrashed returns the image called name that was deleted last and still
// rests in the trash, or nil.
func (tx *txn) newestTrashed(name string) (*layout.Record, error) {
	prefix := layout.TrashPrefix(name)
	c := tx.Bucket(layout.TrashBucket).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if r, err := layout.ParseRecord(layout.TrashBucket, k, v); err != nil || !r.Ended(tx.now) {
			return r, err
		}
	}
	return nil, nil
}

// EmptyTrash deletes all that rests in the trash; see db.Store.
func (s *Store) EmptyTrash(ctx context.Context) (n int, err error) {
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		gone := 0
		err := s.submit(&change{
			check: func(tx *txn) (bool, error) {
				more = !isEmpty(tx.Tx, layout.DeletedBucket)
				return more, nil
			},
			apply: func(tx *txn) error {
				gone = 0 // in case this runs again
				return tx.several(func() (more bool, err error) {
					r, err := tx.purgeOldest()
					if r != nil && r.InTrash() && !r.Ended(tx.now) {
						gone++
					}
					return r != nil, err
				})
			},
		})
		if err != nil {
			return n, err
		}
		n += gone
	}
	return n, nil
}

// purgeOldest deletes the image that has been in the trash longest, and returns
// its record, or nil where the trash is empty. One that is unreadable, which
// can be neither shown nor restored, loses its place: it must not keep the
// others.
func (tx *txn) purgeOldest() (*layout.Record, error) {
	// Where all pages of a bucket were emptied in this transaction, Last of
	// bbolt v1.5.0 never returns. First does.
	if isEmpty(tx.Tx, layout.DeletedBucket) {
		return nil, nil
	}
	k, _ := tx.Bucket(layout.DeletedBucket).Cursor().Last()
	r, err := layout.RecordAt(tx.Tx, layout.TrashBucket, layout.TrashKeyOf(k))
	if r == nil || err != nil {
		return &layout.Record{}, tx.deleteKey(layout.DeletedBucket, k)
	}
	return r, unbind(tx, r)
}

// isEmpty reports whether a bucket has no keys.
func isEmpty(tx *bbolt.Tx, bucket []byte) bool {
	k, _ := tx.Bucket(bucket).Cursor().First()
	return k == nil
}
