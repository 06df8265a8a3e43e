package offline

import (
	"bytes"
	"cmp"
	"encoding/binary"

	"imageserver/db/bolt/internal/datafile"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/bolt/internal/page"
)

// spareBlobs are the ids of blobs that no record uses. They are in the list of orphans,
// and the server would delete them when it needs their space.
type spareBlobs map[uint64]bool

// findSpare returns the orphans of a file. A damaged file may list the blob of an image
// as an orphan. So findSpare leaves out the blobs of all records. If it cannot read a
// record, it returns nothing.
func findSpare(f *page.File) (spareBlobs, error) {
	var damage error
	w := page.NewWalker(f, func(err error) { damage = cmp.Or(damage, err) }, func(int64) {})
	buckets := map[string]page.Bucket{}
	w.Bucket(f.Meta.Root, func(k, _ []byte, nested *page.Bucket) {
		if nested != nil {
			b := *nested
			b.Inline = bytes.Clone(b.Inline)
			buckets[string(k)] = b
		}
	})
	spare := spareBlobs{}
	visit := func(bucket []byte, fn func(k, v []byte)) {
		if b, ok := buckets[string(bucket)]; ok && damage == nil {
			w.Bucket(b, func(k, v []byte, _ *page.Bucket) { fn(k, v) })
		}
	}
	visit(layout.OrphansBucket, func(k, _ []byte) {
		if len(k) == 8 {
			spare[binary.BigEndian.Uint64(k)] = true
		}
	})
	if len(spare) == 0 {
		return nil, nil
	}
	unreadable := false
	for _, bucket := range layout.RecordBuckets {
		visit(bucket, func(k, v []byte) {
			r, err := layout.ParseRecord(bucket, k, v)
			if err != nil {
				unreadable = true
				return
			}
			delete(spare, r.Blob)
		})
	}
	if damage != nil {
		return nil, datafile.Damaged(damage)
	}
	if unreadable {
		return nil, nil
	}
	return spare, nil
}

// has reports whether the entry k in the bucket at `path` belongs to a spare blob.
func (s spareBlobs) has(path [][]byte, k []byte) bool {
	if len(path) == 0 || len(k) < 8 {
		return false
	}
	switch {
	case bytes.Equal(path[0], layout.OrphansBucket):
		return s[binary.BigEndian.Uint64(k)]
	case bytes.Equal(path[0], layout.ChunksBucket) && len(path) == 1:
		return s[binary.BigEndian.Uint64(k)]
	}
	return false
}
