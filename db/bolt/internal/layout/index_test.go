package layout

import (
	"bytes"
	"fmt"
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
	wantBuckets(t, bdb, NewestFormat())
}

// TestBucketsOfFormats: an upgrade creates the buckets that the table of indexes names for
// its format.
func TestBucketsOfFormats(t *testing.T) {
	t.Parallel()
	for format := OldestChecked; format <= NewestFormat(); format++ {
		bdb := newFile(t)
		if err := upgrade(bdb, upgrades[:format]); err != nil {
			t.Fatal(err)
		}
		wantBuckets(t, bdb, format)
	}
}

// TestFillIndex fills each index of a file anew. It must get the entries that it had.
func TestFillIndex(t *testing.T) {
	t.Parallel()
	bdb := newFile(t)
	if err := Upgrade(bdb); err != nil {
		t.Fatal(err)
	}
	entries := func(tx *bbolt.Tx, bucket []byte) (all []string) {
		_ = tx.Bucket(bucket).ForEach(func(k, v []byte) error { all = append(all, string(k)+"="+string(v)); return nil })
		return all
	}
	err := bdb.Update(func(tx *bbolt.Tx) error {
		for i := range 20 {
			r := Record{
				Image: db.Image{Name: fmt.Sprint(i*7%20, ".png"), Size: 1, SHA256: db.Digest{byte(i)}, Uploaded: time.Unix(int64(i), 0), Expires: time.Unix(1e9, 0), DeleteKeyHash: db.Digest{9, byte(i)}},
				Blob:  uint64(i + 1), ChunkSize: ChunkSize,
			}
			if err := tx.Bucket(ImagesBucket).Put([]byte(r.Name), r.Marshal()); err != nil {
				return err
			}
			for _, ix := range Indexes {
				if key, value := ix.Entry(&r); key != nil {
					if err := tx.Bucket(ix.Bucket).Put(key, value); err != nil {
						return err
					}
				}
			}
		}
		for _, ix := range Indexes {
			want := entries(tx, ix.Bucket)
			if err := tx.DeleteBucket(ix.Bucket); err != nil {
				return err
			}
			if err := createBuckets(tx, ix.Bucket); err != nil {
				return err
			}
			if err := fillIndex(tx, ix); err != nil {
				return err
			}
			if got := entries(tx, ix.Bucket); !slices.Equal(got, want) {
				t.Errorf("%s: got %d entries, want the %d that it had", ix.Bucket, len(got), len(want))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// wantBuckets fails unless a file has exactly the buckets of a format.
func wantBuckets(t *testing.T, bdb *bbolt.DB, format int) {
	t.Helper()
	var got, want []string
	err := bdb.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, _ *bbolt.Bucket) error { got = append(got, string(name)); return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Buckets(format) {
		want = append(want, string(name))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("a file of format %d has the buckets %q, want %q", format, got, want)
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
