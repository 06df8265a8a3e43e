package bolt

import (
	"bytes"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// bind enters a record, whose key must be free. Its blob is counted elsewhere.
func bind(tx *txn, r *layout.Record) error {
	r.Count(&tx.usage, 1)
	tx.noteExpiry(r.End())
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

// unbind takes a record out, as it is in the file, and with it what nobody
// else has of its content.
func unbind(tx *txn, r *layout.Record) error {
	if err := tx.removeRecord(r); err != nil {
		return err
	}
	return tx.dropUnused(r)
}

// takeOut is unbind for a record whose content stays.
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

// letGo drops what nobody has any more of the content of r, which was taken
// out: the copies with the last name, the blob with the last record.
func (tx *txn) dropUnused(r *layout.Record) error {
	if firstWith(tx.Tx, layout.NamesOf(r.SHA256)) == nil {
		if err := tx.dropCopies(r.SHA256); err != nil {
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

// vacate makes room for a record under name: what stands there goes to the
// trash for rest, or is deleted where that is 0 or it has expired.
func (tx *txn) vacate(name string, rest time.Duration) error {
	r, err := layout.ImageRecord(tx.Tx, name)
	if r == nil || err != nil {
		return err
	}
	return tx.remove(r, rest)
}

// remove takes an image from its name, to the trash for rest, or for good.
func (tx *txn) remove(r *layout.Record, rest time.Duration) error {
	if rest <= 0 || r.Ended(tx.now) {
		return unbind(tx, r)
	}
	return tx.moveToTrash(r, rest)
}

// prolong gives the image under name the later of its own end and another, and
// returns its record.
func (tx *txn) prolong(name string, end time.Time) (*layout.Record, error) {
	r, err := layout.MustRecord(tx.Tx, []byte(name))
	if err != nil || !outlives(end, r) {
		return r, err
	}
	if err := tx.removeRecord(r); err != nil {
		return nil, err
	}
	r.Expires = end
	return r, bind(tx, r)
}

// outlives reports whether end is later than that of r.
func outlives(end time.Time, r *layout.Record) bool {
	return !db.LaterEnd(end, r.Expires).Equal(r.Expires)
}

// sameContent returns a record whose blob has the digest sum, or nil: that of
// an image where there is one, since a damaged one in the trash must not keep
// its bytes from being stored again.
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

// firstWith returns the first key in the digests bucket from the one given on
// that has its digest, or nil.
func firstWith(tx *bbolt.Tx, from []byte) []byte {
	k, _ := tx.Bucket(layout.DigestsBucket).Cursor().Seek(from)
	if !bytes.HasPrefix(k, from[:len(db.Digest{})]) {
		return nil
	}
	return k
}
