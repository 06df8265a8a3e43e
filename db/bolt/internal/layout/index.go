package layout

import (
	"bytes"
	"slices"

	"imageserver/db"
)

// Index is a bucket whose entries follow from the records. It is kept up to
// date, checked, repaired and compacted by what is said here.
//
// To add an index, add its bucket and a row to indexes, and a format that
// creates and fills the bucket (see upgrades).
type Index struct {
	Bucket []byte
	// entry returns the entry that a record has in the index. A nil key means
	// none.
	Entry func(r *Record) (key, value []byte)
	// owner returns the bucket and the key of the record that an entry belongs
	// to. For a damaged entry that is some key, perhaps an empty one.
	Owner func(key, value []byte) (bucket, owner []byte)
	// recall sets in a record that was lost what an entry says about it. It is
	// nil if an entry says nothing, or if repairing finds it by itself.
	Recall func(r *Record, key []byte)
	// rising means that new keys are higher than all others. Compacting fills
	// the pages of such a bucket, because nothing is inserted between its keys.
	Rising bool
}

// Indexes are all of them. The order of List comes from the first.
var Indexes = []Index{
	{
		Bucket: RecentBucket,
		Entry: func(r *Record) (key, _ []byte) {
			if r.IsImage() {
				key = RecentKey(r.Uploaded, r.Name)
			}
			return key, nil
		},
		Owner: func(k, _ []byte) (bucket, owner []byte) { return ImagesBucket, RecentName(k) },
	},
	{
		Bucket: DigestsBucket,
		Entry: func(r *Record) (key, _ []byte) {
			switch {
			case r.IsImage():
				key = DigestKey(r.SHA256, r.Name)
			case r.InTrash():
				key = trashedDigestKey(r.SHA256, r.Key())
			}
			return key, nil
		},
		Owner: DigestOwner,
	},
	{
		Bucket: TokensBucket,
		Entry: func(r *Record) (key, _ []byte) {
			if r.IsImage() && r.DeleteHash != (db.Digest{}) {
				key = DigestKey(r.DeleteHash, r.Name)
			}
			return key, nil
		},
		Owner: func(k, _ []byte) (bucket, owner []byte) {
			return ImagesBucket, k[min(len(db.Digest{}), len(k)):]
		},
		Recall: func(r *Record, k []byte) { copy(r.DeleteHash[:], k) },
	},
	{
		Bucket: DeletedBucket,
		Entry: func(r *Record) (key, _ []byte) {
			if r.InTrash() {
				key = RecentKey(r.Deleted, r.Name)
			}
			return key, nil
		},
		Owner: func(k, _ []byte) (bucket, owner []byte) { return TrashBucket, TrashKeyOf(k) },
	},
	{
		Bucket: DueBucket,
		Entry: func(r *Record) (key, _ []byte) {
			if end := r.End(); !end.IsZero() {
				key = DueKey(end, r.Key())
			}
			return key, nil
		},
		Owner: func(k, _ []byte) (bucket, owner []byte) {
			owner = k[min(TimeSize, len(k)):]
			return bucketOf(owner), owner
		},
		Recall: func(r *Record, k []byte) { r.Expires = DueTime(k) },
	},
	{
		Bucket: MadeBucket,
		Entry: func(r *Record) (key, value []byte) {
			if r.IsCopy() {
				return IDKey(r.Blob), r.CopyKey
			}
			return nil, nil
		},
		Owner:  func(_, v []byte) (bucket, owner []byte) { return CopiesBucket, v },
		Rising: true,
	},
}

// RecordBuckets are the buckets whose values are records.
var RecordBuckets = [][]byte{ImagesBucket, TrashBucket, CopiesBucket}

// Buckets returns the names of the buckets that a file of this format has.
func Buckets() [][]byte {
	all := slices.Concat([][]byte{MetaBucket}, RecordBuckets, [][]byte{OrphansBucket, ChunksBucket})
	for _, ix := range Indexes {
		all = append(all, ix.Bucket)
	}
	return all
}

// IsBucket reports whether the layout has a bucket of that name.
func IsBucket(name []byte) bool {
	return slices.ContainsFunc(Buckets(), func(b []byte) bool { return bytes.Equal(b, name) })
}

// FillPercent returns how full the pages of a bucket are made when the file is
// compacted. A page with some room need not be split at the next insertion.
func FillPercent(bucket []byte) float64 {
	rising := bytes.Equal(bucket, ChunksBucket) || bytes.Equal(bucket, OrphansBucket)
	for _, ix := range Indexes {
		rising = rising || ix.Rising && bytes.Equal(ix.Bucket, bucket)
	}
	if rising {
		return 1
	}
	return 0.8
}
