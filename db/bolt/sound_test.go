package bolt

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/order"
)

// wantSound reads the whole file. Every index must have exactly the entries of the
// records, every chunk must belong to a blob or an orphan, and the counts must be right.
func wantSound(t testing.TB, s *Store) {
	t.Helper()
	err := s.view(func(tx *bbolt.Tx) error {
		want, usage := wanted{}, db.Usage{}
		blobs := map[uint64]int{} // chunks of each
		contents := map[db.Digest]bool{}
		enter := func(r *layout.Record) {
			blobs[r.Blob] = chunkCount(r.Size, r.ChunkSize)
			if !contents[r.SHA256] {
				contents[r.SHA256] = true
				usage.Blobs++
				usage.Stored += r.Size
			}
		}
		for k, v := range each(tx, layout.ImagesBucket) {
			r, err := layout.ParseRecord(layout.ImagesBucket, []byte(k), []byte(v))
			if err != nil {
				return err
			}
			enter(r)
			usage.Images++
			usage.Bytes += r.Size
			want.add(layout.RecentBucket, order.TimeKey(r.Uploaded, k), nil)
			want.add(layout.DigestsBucket, append(r.SHA256[:], k...), nil)
			want.add(layout.SizesBucket, order.AppendSizeKey(nil, r.Size, []byte(k)), nil)
			if !r.Expires.IsZero() {
				want.add(layout.ExpiryBucket, layout.ExpiryKey(r.Expires, []byte(k)), nil)
			}
			if r.DeleteKeyHash != (db.Digest{}) {
				want.add(layout.DeleteKeysBucket, append(r.DeleteKeyHash[:], k...), nil)
			}
		}
		for k, v := range each(tx, layout.TrashBucket) {
			r, err := layout.ParseRecord(layout.TrashBucket, []byte(k), []byte(v))
			if err != nil {
				return err
			}
			enter(r)
			usage.Trash++
			usage.TrashBytes += r.Size
			if want := string(layout.TrashKey(r.Name, r.Deleted)); k != want {
				t.Errorf("key %q in the trash, want %q", k, want)
			}
			want.add(layout.DeletedBucket, order.TimeKey(r.Deleted, r.Name), nil)
			want.add(layout.DigestsBucket, append(append(r.SHA256[:], 0), k...), nil)
			want.add(layout.ExpiryBucket, layout.ExpiryKey(r.TrashExpires, []byte(k)), nil)
		}
		for k, v := range each(tx, layout.VariantsBucket) {
			r, err := layout.ParseRecord(layout.VariantsBucket, []byte(k), []byte(v))
			if err != nil {
				return err
			}
			blobs[r.Blob] = chunkCount(r.Size, r.ChunkSize)
			usage.Variants++
			usage.VariantBytes += r.Size
			want.add(layout.MadeBucket, layout.IDKey(r.Blob), []byte(k))
		}
		for _, ix := range layout.Indexes {
			bucket := ix.Bucket
			got := wanted{}
			for k, v := range each(tx, bucket) {
				got.add(bucket, []byte(k), []byte(v))
			}
			if diff := cmp.Diff(got[string(bucket)], want[string(bucket)]); diff != "" {
				t.Errorf("%s (-got +want):\n%s", bucket, diff)
			}
		}
		if got, err := layout.ReadUsage(tx); err != nil || got != usage {
			t.Errorf("usage %+v, error %v, want %+v", got, err, usage)
		}
		wantBlobs(t, tx, blobs)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// wanted has the entries that buckets should have.
type wanted map[string]map[string]string

func (x wanted) add(bucket, k, v []byte) {
	if x[string(bucket)] == nil {
		x[string(bucket)] = map[string]string{}
	}
	x[string(bucket)][string(k)] = string(v)
}

// each returns the entries of a bucket. A nested bucket has an empty value.
func each(tx *bbolt.Tx, bucket []byte) func(yield func(k, v string) bool) {
	return func(yield func(k, v string) bool) {
		c := tx.Bucket(bucket).Cursor()
		for k, v := c.First(); k != nil && yield(string(k), string(v)); k, v = c.Next() {
		}
	}
}

// wantBlobs fails unless the file has all chunks of the blobs, and others only of orphans.
func wantBlobs(t testing.TB, tx *bbolt.Tx, blobs map[uint64]int) {
	t.Helper()
	got := map[uint64]int{}
	for k := range each(tx, layout.ChunksBucket) {
		got[binary.BigEndian.Uint64([]byte(k))]++
	}
	for k := range each(tx, layout.OrphansBucket) {
		delete(got, binary.BigEndian.Uint64([]byte(k)))
	}
	maps.DeleteFunc(blobs, func(_ uint64, chunks int) bool { return chunks == 0 })
	if diff := cmp.Diff(got, blobs); diff != "" {
		t.Errorf("chunks of each blob (-got +want):\n%s", diff)
	}
}

// TestSound makes random changes while the clock moves, and checks the whole file from
// time to time.
func TestSound(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	c := newClock()
	s := newStore(t, Options{Now: c.now, NoSync: true})
	name := func() string { return fmt.Sprintf("%d.png", rnd.IntN(4)) }
	conflict := func() db.Conflict { return []db.Conflict{db.Rename, db.Replace, db.Fail}[rnd.IntN(3)] }
	soon := func() time.Duration { return time.Duration(rnd.IntN(100)) * time.Second }
	for i := range 3000 {
		switch rnd.IntN(9) {
		case 0, 1, 2:
			o := db.PutOptions{Conflict: conflict(), TrashTTL: soon(), DeleteKeyHash: db.Digest{byte(rnd.IntN(3))}}
			if rnd.IntN(2) == 0 {
				o.Expires = c.now().Add(soon())
			}
			s.Put(ctx, name(), bytes.NewReader(content(byte(rnd.IntN(3)), 100)), o)
		case 3:
			s.Delete(ctx, name(), db.DeleteOptions{TrashTTL: soon()})
		case 4:
			s.Rename(ctx, name(), name(), db.RenameOptions{Conflict: conflict(), TrashTTL: soon()})
		case 5:
			s.Restore(ctx, name(), db.RestoreOptions{})
		case 6:
			source := db.Digest(sha256.Sum256(content(byte(rnd.IntN(3)), 100)))
			putVariant(s, source, "w=1", content(9, 10), ample)
		case 7:
			c.move(soon() - 10*time.Second) // back at times
			if rnd.IntN(5) == 0 {
				s.sweep.wake()
			}
		case 8:
			if rnd.IntN(20) == 0 {
				s.EmptyTrash(ctx)
			}
		}
		if i%50 == 0 {
			wantSound(t, s)
		}
	}
	wantSound(t, s)
	c.move(1000 * time.Second)
	s.sweep.wake()
	wantSoon(t, func() bool { return count(t, s, layout.ExpiryBucket) == 0 })
	wantSound(t, s)
}
