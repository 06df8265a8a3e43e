package layout

import (
	"encoding/binary"
	"fmt"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
)

const (
	usageSize  = 8 * 8 // eight big-endian numbers
	usageSize1 = 4 * 8 // in format 1, without variants
	usageSize2 = 6 * 8 // in format 2, without the trash
)

var errCounts = fmt.Errorf("%w: no counts", db.ErrDamaged)

// ReadUsage returns the counts in the meta bucket. If they are missing or too short, it
// returns an error that wraps db.ErrDamaged.
func ReadUsage(tx *bbolt.Tx) (db.Usage, error) {
	return ParseUsage(tx.Bucket(MetaBucket).Get(UsageKey))
}

// ParseUsage returns the counts in a value of UsageKey. If the value is too short, it returns
// an error that wraps db.ErrDamaged.
func ParseUsage(v []byte) (db.Usage, error) {
	if len(v) < usageSize {
		return db.Usage{}, errCounts
	}
	n := func(i int) int64 { return int64(binary.BigEndian.Uint64(v[8*i:])) }
	return db.Usage{
		Images: n(0), Bytes: n(1), Blobs: n(2), Stored: n(3),
		Variants: n(4), VariantBytes: n(5), Trash: n(6), TrashBytes: n(7),
	}, nil
}

// WriteUsage writes the counts to the meta bucket.
func WriteUsage(tx *bbolt.Tx, u db.Usage) error {
	v := make([]byte, 0, usageSize)
	for _, n := range []int64{u.Images, u.Bytes, u.Blobs, u.Stored, u.Variants, u.VariantBytes, u.Trash, u.TrashBytes} {
		v = binary.BigEndian.AppendUint64(v, uint64(n))
	}
	return tx.Bucket(MetaBucket).Put(UsageKey, v)
}
