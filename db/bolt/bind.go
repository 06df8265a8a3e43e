package bolt

import (
	"bytes"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/resolve"
)

// bind adds a record, whose key must be free, with its index entries. Its blob is
// counted elsewhere.
func bind(tx *txn, r *layout.Record) error {
	r.Count(&tx.usage, 1)
	tx.noteExpiry(r.Expiry())
	if err := tx.Bucket(r.Bucket()).Put(r.Key(), r.Marshal()); err != nil {
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

// unbind removes a record, which must be as the file has it, and everything that only
// this record used.
func unbind(tx *txn, r *layout.Record) error {
	if err := tx.removeRecord(r); err != nil {
		return err
	}
	return tx.dropUnused(r)
}

// removeRecord removes a record and its index entries. Its blob stays.
func (tx *txn) removeRecord(r *layout.Record) error {
	r.Count(&tx.usage, -1)
	if err := tx.Bucket(r.Bucket()).Delete(r.Key()); err != nil {
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

// dropUnused deletes what only r used, whose record was removed: the variants if
// no image has this content any more, and the blob if no record has it.
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
	return tx.drop(r.Blob)
}

// vacate removes the image under name, if there is one; see remove.
func (tx *txn) vacate(name string, ttl time.Duration) error {
	r, err := layout.ImageRecord(tx.Tx, name)
	if r == nil || err != nil {
		return err
	}
	return tx.remove(r, ttl)
}

// remove moves an image to the trash for the time ttl, or deletes it.
func (tx *txn) remove(r *layout.Record, ttl time.Duration) error {
	if resolve.GoesToTrash(&r.Image, tx.now, ttl) {
		return tx.moveToTrash(r, ttl)
	}
	return unbind(tx, r)
}

// extendExpiry makes the image under name expire at the time given if that is later, and
// returns its record.
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

// sameContent returns a record with the digest sum, or nil. It prefers an image to one
// in the trash: a damaged record in the trash must not keep the bytes from being
// stored again.
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

// firstWith returns the first key in the digests bucket that is not before from and
// has the same digest, or nil.
func firstWith(tx *bbolt.Tx, from []byte) []byte {
	k, _ := tx.Bucket(layout.DigestsBucket).Cursor().Seek(from)
	if !bytes.HasPrefix(k, from[:len(db.Digest{})]) {
		return nil
	}
	return k
}
