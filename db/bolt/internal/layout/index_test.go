package layout

import (
	"bytes"
	"slices"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/page"
	"imageserver/db/chunk"
)

// TestIndexes makes records of every kind. Each index must lead from the entry of
// a record back to the record, and each record must be in some index.
func TestIndexes(t *testing.T) {
	t.Parallel()
	image := Record{Image: db.Image{Name: "a.png", SHA256: db.Digest{1}, Uploaded: time.Unix(1, 0), Expires: time.Unix(2, 0), DeleteKeyHash: db.Digest{2}}, Blob: 3, ChunkSize: ChunkSize}
	trashed := image
	trashed.Image = image.Trashed(time.Unix(4, 5), time.Hour)
	copied := Record{Blob: 6, ChunkSize: ChunkSize, VariantKey: VariantKey(db.Digest{1}, "w=1")}
	used := map[string]bool{}
	for _, r := range []Record{image, trashed, copied} {
		if got, err := ParseRecord(r.Bucket(), r.Key(), r.Marshal()); err != nil || !bytes.Equal(got.Key(), r.Key()) {
			t.Errorf("the record under %q is read as %+v, error %v", r.Key(), got, err)
		}
		listed := false
		for _, ix := range Indexes {
			k, v := ix.Entry(&r)
			if k == nil {
				continue
			}
			listed, used[string(ix.Bucket)] = true, true
			if bucket, owner := ix.Owner(k, v); !bytes.Equal(bucket, r.Bucket()) || !bytes.Equal(owner, r.Key()) {
				t.Errorf("the entry %q of %s leads to %q in %s, want %q in %s", k, ix.Bucket, owner, bucket, r.Key(), r.Bucket())
			}
			for n := range len(k) {
				ix.Owner(k[:n], v[:min(n, len(v))]) // of a damaged entry: must not panic
			}
		}
		if !listed {
			t.Errorf("the record under %q is in no index", r.Key())
		}
	}
	for _, ix := range Indexes {
		if !used[string(ix.Bucket)] {
			t.Errorf("no record of this test is in %s: add one", ix.Bucket)
		}
	}
}

// TestRecordElsewhere: a record under a key that is not its own is unreadable, and
// a bucket that has no records is a mistake of the program.
func TestRecordElsewhere(t *testing.T) {
	t.Parallel()
	r := Record{Image: db.Image{Name: "a.png"}, Blob: 3, ChunkSize: ChunkSize}
	trashed := r
	trashed.Deleted = time.Unix(4, 5)
	for _, under := range []struct{ bucket, key, value []byte }{
		{ImagesBucket, trashed.Key(), trashed.Marshal()},
		{TrashBucket, r.Key(), r.Marshal()},
		{TrashBucket, TrashKey("a.png", time.Unix(4, 6)), trashed.Marshal()},
		{VariantsBucket, []byte("short"), r.Marshal()},
	} {
		if got, err := ParseRecord(under.bucket, under.key, under.value); err == nil {
			t.Errorf("under %q in %s: read as %+v", under.key, under.bucket, got)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a bucket without records was read")
		}
	}()
	ParseRecord(RecentBucket, r.Key(), r.Marshal())
}

// TestBuckets finds in a new file the buckets that the layout names, and no others.
func TestBuckets(t *testing.T) {
	t.Parallel()
	bdb := newFile(t)
	if err := Upgrade(bdb); err != nil {
		t.Fatal(err)
	}
	var got, want []string
	err := bdb.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, _ *bbolt.Bucket) error { got = append(got, string(name)); return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Buckets() {
		want = append(want, string(name))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("a new file has the buckets %q, want %q", got, want)
	}
}

// TestChunkFitsPage: package page must accept the page that a chunk fills, with any
// page size.
func TestChunkFitsPage(t *testing.T) {
	t.Parallel()
	const systemPage = 64 << 10 // the largest of any system
	if longest := ChunkSize + chunk.ChecksumSize + len(ChunkValueKey) + page.HeaderSize + page.ElementSize + systemPage; longest > page.MaxPageBytes {
		t.Errorf("a chunk fills a page of up to %d bytes, and package page reads at most %d", longest, page.MaxPageBytes)
	}
}
