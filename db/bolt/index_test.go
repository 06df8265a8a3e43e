package bolt

import (
	"bytes"
	"slices"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
)

// TestIndexes makes records of every kind. Each index must lead from the entry of
// a record back to the record, and each record must be in some index.
func TestIndexes(t *testing.T) {
	t.Parallel()
	image := record{Image: db.Image{Name: "a.png", SHA256: db.Digest{1}, Uploaded: time.Unix(1, 0), Expires: time.Unix(2, 0), DeleteHash: db.Digest{2}}, blob: 3, chunkSize: chunkSize}
	trashed := image
	trashed.Image = image.Trashed(time.Unix(4, 5), time.Hour)
	copied := record{blob: 6, chunkSize: chunkSize, copyKey: copyKey(db.Digest{1}, "w=1")}
	used := map[string]bool{}
	for _, r := range []record{image, trashed, copied} {
		if got, err := parseRecord(r.bucket(), r.key(), r.marshal()); err != nil || !bytes.Equal(got.key(), r.key()) {
			t.Errorf("the record under %q is read as %+v, error %v", r.key(), got, err)
		}
		listed := false
		for _, ix := range indexes {
			k, v := ix.entry(&r)
			if k == nil {
				continue
			}
			listed, used[string(ix.bucket)] = true, true
			if bucket, owner := ix.owner(k, v); !bytes.Equal(bucket, r.bucket()) || !bytes.Equal(owner, r.key()) {
				t.Errorf("the entry %q of %s leads to %q in %s, want %q in %s", k, ix.bucket, owner, bucket, r.key(), r.bucket())
			}
			for n := range len(k) {
				ix.owner(k[:n], v[:min(n, len(v))]) // of a damaged entry: must not panic
			}
		}
		if !listed {
			t.Errorf("the record under %q is in no index", r.key())
		}
	}
	for _, ix := range indexes {
		if !used[string(ix.bucket)] {
			t.Errorf("no record of this test is in %s: add one", ix.bucket)
		}
	}
}

// TestRecordElsewhere: a record under a key that is not its own is unreadable, and
// a bucket that has no records is a mistake of the program.
func TestRecordElsewhere(t *testing.T) {
	t.Parallel()
	r := record{Image: db.Image{Name: "a.png"}, blob: 3, chunkSize: chunkSize}
	trashed := r
	trashed.Deleted = time.Unix(4, 5)
	for _, under := range []struct{ bucket, key, value []byte }{
		{imagesBucket, trashed.key(), trashed.marshal()},
		{trashBucket, r.key(), r.marshal()},
		{trashBucket, trashKey("a.png", time.Unix(4, 6)), trashed.marshal()},
		{copiesBucket, []byte("short"), r.marshal()},
	} {
		if got, err := parseRecord(under.bucket, under.key, under.value); err == nil {
			t.Errorf("under %q in %s: read as %+v", under.key, under.bucket, got)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a bucket without records was read")
		}
	}()
	parseRecord(recentBucket, r.key(), r.marshal())
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
	for _, name := range allBuckets() {
		want = append(want, string(name))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("a new file has the buckets %q, want %q", got, want)
	}
}
