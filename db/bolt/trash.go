package bolt

import (
	"bytes"
	"context"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/resolve"
)

// moveToTrash moves an image to the trash for the duration `ttl`.
func (tx *txn) moveToTrash(r *layout.Record, ttl time.Duration) error {
	trashed := *r
	trashed.Image = resolve.Trashed(&r.Image, tx.now, tx.lastDeletion(r.Name), ttl)
	if err := tx.removeRecord(r); err != nil {
		return err
	}
	if err := bind(tx, &trashed); err != nil {
		return err
	}
	return tx.dropUnused(r)
}

// lastDeletion returns the latest time of deletion of the images with this name in the
// trash. If there are no such images, it returns zero.
func (tx *txn) lastDeletion(name string) time.Time {
	prefix := layout.TrashPrefix(name)
	k, _ := tx.Bucket(layout.TrashBucket).Cursor().Seek(prefix)
	if !bytes.HasPrefix(k, prefix) {
		return time.Time{}
	}
	return layout.TrashTime(k)
}

// Restore moves an image from the trash back to its name; see db.Trash.
func (s *Store) Restore(_ context.Context, name string, o db.RestoreOptions) (db.Image, db.Outcome, error) {
	name, err := db.CheckName(name)
	if err != nil {
		return db.Image{}, 0, err
	}
	var m move
	err = s.submit(&change{
		check: func(tx *txn) (todo bool, err error) {
			m.moved = nil // check may run more than once
			if m.from, err = tx.trashed(name, o.Deleted); err != nil {
				return false, err
			}
			m.to, err = resolve.Restore(tx, m.from.ImageOrNil(), name, o)
			return true, err
		},
		apply: m.apply,
	})
	return m.result(err)
}

// trashed returns the image in the trash with this name that was deleted at the time
// `deleted`. If `deleted` is zero, it returns the image that was deleted last. It returns nil
// if there is no such image, or if the image has expired in the trash.
func (tx *txn) trashed(name string, deleted time.Time) (*layout.Record, error) {
	if deleted.IsZero() {
		return tx.newestTrashed(name)
	}
	r, err := trashedAt(tx.Tx, name, db.Stamp(deleted))
	if err != nil || r == nil || r.Expired(tx.now) {
		return nil, err
	}
	return r, nil
}

// newestTrashed returns the image with this name that was deleted last and has not
// expired in the trash. If there is no such image, it returns nil.
func (tx *txn) newestTrashed(name string) (*layout.Record, error) {
	prefix := layout.TrashPrefix(name)
	c := tx.Bucket(layout.TrashBucket).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if r, err := layout.ParseRecord(layout.TrashBucket, k, v); err != nil || !r.Expired(tx.now) {
			return r, err
		}
	}
	return nil, nil
}

// EmptyTrash deletes all images in the trash; see db.Trash.
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
				gone = 0 // apply may run more than once
				return tx.several(func() (more bool, err error) {
					r, err := tx.purgeOldest()
					if r != nil && r.InTrash() && !r.Expired(tx.now) {
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

// purgeOldest deletes the image that has been in the trash longest, and returns its
// record. If the trash is empty, it returns nil. If the record cannot be read, the
// image can be neither shown nor restored. Then purgeOldest deletes only the entry of
// the image in the index, so that the next call continues with the next image.
func (tx *txn) purgeOldest() (*layout.Record, error) {
	// If this transaction has emptied all pages of the bucket, the method Last of bbolt
	// v1.5.0 never returns. The method First returns.
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
