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

// damagedTwin returns the blob of the images whose digest is `sum` if this blob is
// damaged. Otherwise it returns 0. Equal bytes are stored once, so a new image may get
// a blob that was written long ago. So the bytes of this blob must be readable.
func (s *Store) damagedTwin(sum db.Digest) (blob uint64, err error) {
	var twin *layout.Record
	s.pins.lookup.RLock()
	err = s.view(func(tx *bbolt.Tx) (err error) {
		if twin, err = sameContent(tx, sum); twin != nil && s.pins.pin(twin.Blob) != nil {
			twin = nil // a commit is deleting the blob
		}
		return err
	})
	s.pins.lookup.RUnlock()
	if twin == nil || err != nil {
		return 0, err
	}
	b := s.openBlob(&found{record: twin})
	defer b.Close()
	h := sha256.New()
	_, err = b.WriteTo(h)
	if err == nil && !bytes.Equal(h.Sum(nil), sum[:]) {
		err = fmt.Errorf("%w: it has another SHA-256", db.ErrDamaged)
	}
	if errors.Is(err, db.ErrDamaged) {
		s.log.Warn("damaged image found; its bytes are replaced by the same bytes, which are being uploaded", "image", twin.Name, "err", err)
		return twin.Blob, nil
	}
	return 0, err
}

// replaceDamaged returns a record with the digest `sum`, or nil. If the blob of this
// record is `damaged`, replaceDamaged first replaces the blob.
func (u *upload) replaceDamaged(tx *txn, sum db.Digest, damaged uint64) (*layout.Record, error) {
	twin, err := sameContent(tx.Tx, sum)
	if err != nil || twin == nil || twin.Blob != damaged {
		return twin, err
	}
	if err := u.replaceBlob(tx, twin); err != nil {
		return nil, err
	}
	return sameContent(tx.Tx, sum)
}

// replaceBlob gives the blob of the upload to all images with this content, also to
// images in the trash. Then it deletes the damaged blob.
func (u *upload) replaceBlob(tx *txn, damaged *layout.Record) error {
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
	return u.adopt(tx) // the bytes are equal, so the counts do not change
}
