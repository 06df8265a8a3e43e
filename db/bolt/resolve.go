package bolt

import (
	"bytes"
	"iter"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/resolve"
)

var _ resolve.Names = (*txn)(nil)

// Find returns the image that has the name; see resolve.Names.
func (tx *txn) Find(name string) (*db.Image, error) {
	r, err := tx.live(name)
	return r.ImageOrNil(), err
}

// WithContent yields names of images with the digest sum; see resolve.Names.
func (tx *txn) WithContent(sum db.Digest, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		first := layout.DigestKey(sum, prefix)
		c := tx.Bucket(layout.DigestsBucket).Cursor()
		for k, _ := c.Seek(first); bytes.HasPrefix(k, first); k, _ = c.Next() {
			if !yield(string(k[len(sum):]), nil) {
				return
			}
		}
	}
}

// live returns the record under name, or nil if there is none or it has expired.
func (tx *txn) live(name string) (*layout.Record, error) {
	r, err := layout.ImageRecord(tx.Tx, name)
	if err != nil || r == nil || r.Expired(tx.now) {
		return nil, err
	}
	return r, nil
}
