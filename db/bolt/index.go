package bolt

import (
	"bytes"
	"slices"

	"imageserver/db"
)

// index is a bucket whose entries follow from the records. It is kept up to
// date, checked, repaired and compacted by what is said here.
//
// To add an index, add its bucket and a row to indexes, and a format that
// creates and fills the bucket (see upgrades).
type index struct {
	bucket []byte
	// entry returns the entry that a record has in the index. A nil key means
	// none.
	entry func(r *record) (key, value []byte)
	// owner returns the bucket and the key of the record that an entry belongs
	// to. For a damaged entry that is some key, perhaps an empty one.
	owner func(key, value []byte) (bucket, owner []byte)
	// recall sets in a record that was lost what an entry says about it. It is
	// nil if an entry says nothing, or if repairing finds it by itself.
	recall func(r *record, key []byte)
	// rising means that new keys are higher than all others. Compacting fills
	// the pages of such a bucket, because nothing is inserted between its keys.
	rising bool
}

// indexes are all of them. The order of List comes from the first.
var indexes = []index{
	{
		bucket: recentBucket,
		entry: func(r *record) (key, _ []byte) {
			if r.isImage() {
				key = recentKey(r.Uploaded, r.Name)
			}
			return key, nil
		},
		owner: func(k, _ []byte) (bucket, owner []byte) { return imagesBucket, recentName(k) },
	},
	{
		bucket: digestsBucket,
		entry: func(r *record) (key, _ []byte) {
			switch {
			case r.isImage():
				key = digestKey(r.SHA256, r.Name)
			case r.inTrash():
				key = trashedDigestKey(r.SHA256, r.key())
			}
			return key, nil
		},
		owner: digestOwner,
	},
	{
		bucket: tokensBucket,
		entry: func(r *record) (key, _ []byte) {
			if r.isImage() && r.DeleteHash != (db.Digest{}) {
				key = digestKey(r.DeleteHash, r.Name)
			}
			return key, nil
		},
		owner: func(k, _ []byte) (bucket, owner []byte) {
			return imagesBucket, k[min(len(db.Digest{}), len(k)):]
		},
		recall: func(r *record, k []byte) { copy(r.DeleteHash[:], k) },
	},
	{
		bucket: deletedBucket,
		entry: func(r *record) (key, _ []byte) {
			if r.inTrash() {
				key = recentKey(r.Deleted, r.Name)
			}
			return key, nil
		},
		owner: func(k, _ []byte) (bucket, owner []byte) { return trashBucket, trashKeyOf(k) },
	},
	{
		bucket: dueBucket,
		entry: func(r *record) (key, _ []byte) {
			if end := r.End(); !end.IsZero() {
				key = dueKey(end, r.key())
			}
			return key, nil
		},
		owner: func(k, _ []byte) (bucket, owner []byte) {
			owner = k[min(timeSize, len(k)):]
			return bucketOf(owner), owner
		},
		recall: func(r *record, k []byte) { r.Expires = dueTime(k) },
	},
	{
		bucket: madeBucket,
		entry: func(r *record) (key, value []byte) {
			if r.isCopy() {
				return idKey(r.blob), r.copyKey
			}
			return nil, nil
		},
		owner:  func(_, v []byte) (bucket, owner []byte) { return copiesBucket, v },
		rising: true,
	},
}

// recordBuckets are the buckets whose values are records.
var recordBuckets = [][]byte{imagesBucket, trashBucket, copiesBucket}

// allBuckets returns the names of the buckets that a file of this format has.
func allBuckets() [][]byte {
	all := slices.Concat([][]byte{metaBucket}, recordBuckets, [][]byte{orphansBucket, chunksBucket})
	for _, ix := range indexes {
		all = append(all, ix.bucket)
	}
	return all
}

// isOurs reports whether the layout has a bucket of that name.
func isOurs(name []byte) bool {
	return slices.ContainsFunc(allBuckets(), func(b []byte) bool { return bytes.Equal(b, name) })
}

// fillPercent returns how full the pages of a bucket are made when the file is
// compacted. A page with some room need not be split at the next insertion.
func fillPercent(bucket []byte) float64 {
	rising := bytes.Equal(bucket, chunksBucket) || bytes.Equal(bucket, orphansBucket)
	for _, ix := range indexes {
		rising = rising || ix.rising && bytes.Equal(ix.bucket, bucket)
	}
	if rising {
		return 1
	}
	return 0.8
}
