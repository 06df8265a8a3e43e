package layout

import (
	"encoding/binary"

	bbolt "go.etcd.io/bbolt"
)

// OrphanSize returns the size in a value of the orphans bucket, in bytes. It returns 0
// if the value has no size.
func OrphanSize(v []byte) int64 {
	if len(v) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(v))
}

// OrphanBytes returns the sum of the sizes in the orphans bucket. The sequence of the
// bucket is this sum. Earlier versions of this program delete orphans and do not change
// the sequence. So the sequence of an empty bucket means nothing.
func OrphanBytes(orphans *bbolt.Bucket) int64 {
	if k, _ := orphans.Cursor().First(); k == nil {
		return 0
	}
	return int64(orphans.Sequence())
}
