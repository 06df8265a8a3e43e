package bolt

import (
	"bytes"
	"slices"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/resolve"
)

// bind adds a record and its index entries. No record may have the key of the new
// record. bind does not count the blob.
func bind(tx *txn, r *layout.Record) error {
	r.Count(&tx.usage, 1)
	tx.noteExpiry(r.Expiry())
	key := r.Key()
	tx.added = append(tx.added, recordKey{r.Bucket(), key})
	if err := tx.Bucket(r.Bucket()).Put(key, r.Marshal()); err != nil {
		return err
	}
	for _, ix := range layout.Indexes {
		if k, v := ix.Entry(r); k != nil {
			if err := tx.Bucket(ix.Bucket).Put(k, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// expectNewest prepares the indexes for an image that is newer than all others, so that
// their pages become full; see layout.End. It must not be called for an image with an
// older upload time: if many of those were inserted at the other end, the pages there
// would stay nearly empty.
func (tx *txn) expectNewest() {
	tx.newest++
	for _, ix := range layout.Indexes {
		if ix.New != layout.Anywhere {
			tx.Bucket(ix.Bucket).FillPercent = ix.New.SplitPercent(tx.newest)
		}
	}
}

// unbind removes a record and everything that only this record used. r must be equal to
// the record in the file.
func unbind(tx *txn, r *layout.Record) error {
	if err := tx.removeRecord(r); err != nil {
		return err
	}
	return tx.dropUnused(r)
}

// removeRecord removes a record and its index entries. The blob of the record is not
// deleted.
func (tx *txn) removeRecord(r *layout.Record) error {
	r.Count(&tx.usage, -1)
	key := r.Key()
	tx.added = slices.DeleteFunc(tx.added, func(added recordKey) bool {
		return bytes.Equal(added.key, key) && bytes.Equal(added.bucket, r.Bucket())
	})
	if err := tx.Bucket(r.Bucket()).Delete(key); err != nil {
		return err
	}
	for _, ix := range layout.Indexes {
		if k, _ := ix.Entry(r); k != nil {
			if err := tx.Bucket(ix.Bucket).Delete(k); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropUnused deletes what only r used, after the record r was removed. If no image
// outside the trash has this content any more, it deletes the variants of the content.
// If no record has the content any more, it deletes the blob.
func (tx *txn) dropUnused(r *layout.Record) error {
	if firstWith(tx.Tx, layout.NamesOf(r.SHA256)) == nil {
		if err := tx.dropVariants(r.SHA256); err != nil {
			return err
		}
	}
	if firstWith(tx.Tx, r.SHA256[:]) != nil {
		return nil
	}
	tx.usage.Blobs--
	tx.usage.Stored -= r.Size
	return tx.drop(r.Blob, r.Size)
}

// vacate removes the image with this name, if there is one, so that the name is free.
// See remove.
func (tx *txn) vacate(name string, ttl time.Duration) error {
	r, err := layout.ImageRecord(tx.Tx, name)
	if r == nil || err != nil {
		return err
	}
	return tx.remove(r, ttl)
}

// remove moves an image to the trash for the duration `ttl`, or deletes the image.
func (tx *txn) remove(r *layout.Record, ttl time.Duration) error {
	if resolve.GoesToTrash(&r.Image, tx.now, ttl) {
		return tx.moveToTrash(r, ttl)
	}
	return unbind(tx, r)
}

// extendExpiry makes the image with this name expire at `expires`, if that is later
// than the Expires of the image. It returns the record of the image.
func (tx *txn) extendExpiry(name string, expires time.Time) (*layout.Record, error) {
	r, err := layout.MustRecord(tx.Tx, []byte(name))
	if err != nil || !resolve.Extends(expires, &r.Image) {
		return r, err
	}
	if err := tx.removeRecord(r); err != nil {
		return nil, err
	}
	r.Expires = expires
	return r, bind(tx, r)
}

// sameContent returns a record with the digest `sum`, or nil. If such a record is
// outside the trash, sameContent returns that record. The reason: a damaged record in
// the trash must not prevent that the same bytes are stored again.
func sameContent(tx *bbolt.Tx, sum db.Digest) (*layout.Record, error) {
	k := firstWith(tx, sum[:])
	if k == nil {
		return nil, nil
	}
	if name := firstWith(tx, layout.NamesOf(sum)); name != nil {
		k = name
	}
	_, owner := layout.DigestOwner(k, nil)
	return layout.MustRecord(tx, owner)
}

// firstWith returns the first key in the digests bucket that is equal to `from` or
// comes after it, and that has the same digest. If there is no such key, it returns
// nil.
func firstWith(tx *bbolt.Tx, from []byte) []byte {
	k, _ := tx.Bucket(layout.DigestsBucket).Cursor().Seek(from)
	if !bytes.HasPrefix(k, from[:len(db.Digest{})]) {
		return nil
	}
	return k
}
