package bolt

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// damagedTwin returns the blob that should hold the bytes with digest sum and
// no longer does, or 0. Equal bytes are kept once, so an upload is answered
// with a blob written long ago: it must be one that can be read.
func (s *Store) damagedTwin(sum db.Digest) (blob uint64, err error) {
	var twin *layout.Record
	s.pins.lookup.RLock()
	err = s.view(func(tx *bbolt.Tx) (err error) {
		if twin, err = sameContent(tx, sum); twin != nil && s.pins.pin(twin.Blob) != nil {
			twin = nil // it is just being deleted
		}
		return err
	})
	s.pins.lookup.RUnlock()
	if twin == nil || err != nil {
		return 0, err
	}
	b := s.openBlob(twin)
	defer b.Close()
	h := sha256.New()
	_, err = b.WriteTo(h)
	if err == nil && !bytes.Equal(h.Sum(nil), sum[:]) {
		err = fmt.Errorf("%w: its SHA-256 is another one", db.ErrDamaged)
	}
	if errors.Is(err, db.ErrDamaged) {
		s.log.Warn("damaged image found; the same bytes are being uploaded and take its place", "image", twin.Name, "err", err)
		return twin.Blob, nil
	}
	return 0, err
}

// mend returns a record that has the content, or nil, after healing its blob
// where that is the damaged one.
func (u *upload) mend(tx *txn, sum db.Digest, damaged uint64) (*layout.Record, error) {
	twin, err := sameContent(tx.Tx, sum)
	if err != nil || twin == nil || twin.Blob != damaged {
		return twin, err
	}
	if err := u.heal(tx, twin); err != nil {
		return nil, err
	}
	return sameContent(tx.Tx, sum)
}

// heal puts the upload's chunks in the place of a damaged blob's, for all that
// have the content, in the trash too.
func (u *upload) heal(tx *txn, damaged *layout.Record) error {
	prefix := damaged.SHA256[:]
	c := tx.Bucket(layout.DigestsBucket).Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		_, owner := layout.DigestOwner(k, nil)
		r, err := layout.MustRecord(tx.Tx, owner)
		if err != nil {
			return err
		}
		r.Blob, r.ChunkSize = u.id, layout.ChunkSize
		if err := tx.Bucket(r.Bucket()).Put(r.Key(), r.Marshal()); err != nil {
			return err
		}
	}
	if err := tx.drop(damaged.Blob); err != nil {
		return err
	}
	return u.adopt(tx) // equal bytes: the counts stay
}
