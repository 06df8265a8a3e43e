package layout

import (
	"bytes"
	"slices"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/order"
)

// Index is a bucket whose entries can be computed from the records. The engine keeps
// the index up to date. The commands `check`, `check --repair` and `compact` also use it.
// All of them use only the functions here.
//
// To add an index, give its bucket a name in layout.go. Add a row to the table Indexes,
// and set its field Since. Then add an entry to the list `upgrades`, with a function that
// creates the bucket and calls fillIndex. Indexes is the only list of the indexes.
type Index struct {
	Bucket []byte
	// Entry returns the entry that a record has in the index. If the key is nil, the
	// record has no entry.
	Entry func(r *Record) (key, value []byte)
	// Owner returns the bucket and the key of the record to which an entry belongs. For
	// a damaged entry, `owner` may be any key, or empty. But `bucket` is always one of
	// RecordBuckets.
	Owner func(key, value []byte) (bucket, owner []byte)
	// Recall restores fields of a lost record: it copies them from an entry.
	// Recall is nil if an entry has no such fields. It is also nil for the indexes from
	// which Repair reads the name and the digest itself (see offline/lost.go).
	Recall func(r *Record, key []byte)
	// Since is the first format that has the index. The upgrade to it creates the
	// index. 0 means that all formats from OldestChecked on have the index.
	Since int
	// Rising means that a new key is always higher than all keys in the index.
	// Compacting fills the pages of such a bucket completely, because nothing will be
	// inserted between its keys.
	Rising bool
	// New is the end of the bucket at which the key of a new image is inserted; see
	// SplitPercent.
	New End
}

// End is an end of a bucket.
type End int

const (
	Anywhere End = iota
	First        // before all other keys
	Last         // after all other keys
)

// SplitPercent returns the FillPercent with which bbolt splits the pages of a bucket: how
// full the first of the two pages is afterwards. `added` is how many keys the transaction
// adds there.
//
// If all keys are added at one end, only the page at this end changes. So the other page
// is left as full as possible. This halves the size of the bucket. It also makes uploads
// cheaper, because bbolt copies all keys of a page that changes, and the page at the end
// is nearly empty after each split.
func (e End) SplitPercent(added int) float64 {
	switch e {
	case First:
		// bbolt splits until the last page is not too full. With a smaller first page,
		// that could take several splits, because each key may need 1.5 % of a page.
		return min(0.1+0.015*float64(added), 1)
	case Last:
		return 1
	}
	return bbolt.DefaultFillPercent
}

// Indexes is the table of all indexes.
var Indexes = []Index{
	{
		Bucket: RecentBucket,
		New:    First,
		Entry: func(r *Record) (key, _ []byte) {
			if r.IsImage() {
				key = order.TimeKey(r.Uploaded, r.Name)
			}
			return key, nil
		},
		Owner: func(k, _ []byte) (bucket, owner []byte) { return ImagesBucket, order.KeyName(k) },
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
		Bucket: DeleteKeysBucket,
		New:    Last, // a hash of a delete key begins with the time
		Entry: func(r *Record) (key, _ []byte) {
			if r.IsImage() && r.DeleteKeyHash != (db.Digest{}) {
				key = DigestKey(r.DeleteKeyHash, r.Name)
			}
			return key, nil
		},
		Owner: func(k, _ []byte) (bucket, owner []byte) {
			return ImagesBucket, k[min(len(db.Digest{}), len(k)):]
		},
		Recall: func(r *Record, k []byte) { copy(r.DeleteKeyHash[:], k) },
	},
	{
		Bucket: DeletedBucket,
		Entry: func(r *Record) (key, _ []byte) {
			if r.InTrash() {
				key = order.TimeKey(r.Deleted, r.Name)
			}
			return key, nil
		},
		Owner: func(k, _ []byte) (bucket, owner []byte) { return TrashBucket, TrashKeyOf(k) },
	},
	{
		Bucket: ExpiryBucket,
		Entry: func(r *Record) (key, _ []byte) {
			if end := r.Expiry(); !end.IsZero() {
				key = ExpiryKey(end, r.Key())
			}
			return key, nil
		},
		Owner: func(k, _ []byte) (bucket, owner []byte) {
			owner = k[min(order.NumberSize, len(k)):]
			return bucketOf(owner), owner
		},
		Recall: func(r *Record, k []byte) { r.Expires = ExpiryTime(k) },
	},
	{
		Bucket: SizesBucket,
		Entry: func(r *Record) (key, _ []byte) {
			if r.IsImage() {
				key = order.AppendSizeKey(nil, r.Size, []byte(r.Name))
			}
			return key, nil
		},
		Owner: func(k, _ []byte) (bucket, owner []byte) { return ImagesBucket, order.KeyName(k) },
		Since: 5,
	},
	{
		Bucket: MadeBucket,
		Entry: func(r *Record) (key, value []byte) {
			if r.IsVariant() {
				return IDKey(r.Blob), r.VariantKey
			}
			return nil, nil
		},
		Owner:  func(_, v []byte) (bucket, owner []byte) { return VariantsBucket, v },
		Rising: true,
	},
}

// RecordBuckets are the buckets whose values are records.
var RecordBuckets = [][]byte{ImagesBucket, TrashBucket, VariantsBucket}

// Buckets returns the names of the buckets that a file of this format has. The format
// must be OldestChecked or later.
func Buckets(format int) [][]byte {
	all := slices.Concat([][]byte{MetaBucket}, RecordBuckets, [][]byte{OrphansBucket, ChunksBucket})
	for _, ix := range Indexes {
		if ix.Since <= format {
			all = append(all, ix.Bucket)
		}
	}
	return all
}

// IsBucket reports whether the layout has a bucket with this name.
func IsBucket(name []byte) bool {
	return slices.ContainsFunc(Buckets(NewestFormat()), func(b []byte) bool { return bytes.Equal(b, name) })
}

// FillPercent returns how full compacting makes the pages of a bucket. If a page has
// some free space, the next insertion need not split the page.
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
