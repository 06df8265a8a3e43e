package bolt

import (
	"bytes"
	"iter"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/resolve"
)

var _ resolve.Names = (*txn)(nil)

// Find returns the image with this name; see resolve.Names.
func (tx *txn) Find(name string) (*db.Image, error) {
	r, err := tx.live(name)
	return r.ImageOrNil(), err
}

// WithContent yields names of images whose digest is `digest`; see resolve.Names.
func (tx *txn) WithContent(digest db.Digest, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		first := layout.DigestKey(digest, prefix)
		c := tx.Bucket(layout.DigestsBucket).Cursor()
		for k, _ := c.Seek(first); bytes.HasPrefix(k, first); k, _ = c.Next() {
			if !yield(string(k[len(digest):]), nil) {
				return
			}
		}
	}
}

// live returns the record of the image with this name. If there is no such image, or if
// it has expired, live returns nil.
func (tx *txn) live(name string) (*layout.Record, error) {
	r, err := layout.ImageRecord(tx.Tx, name)
	if err != nil || r == nil || r.Expired(tx.now) {
		return nil, err
	}
	return r, nil
}
