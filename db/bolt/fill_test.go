package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/bolttest"
	"imageserver/db/bolt/internal/layout"
)

// TestPagesFull stores images and checks how full the pages of the ordered buckets are.
// bbolt alone leaves them half full.
func TestPagesFull(t *testing.T) {
	t.Parallel()
	bolttest.OneCaller(t)
	now := time.Unix(1e9, 0)
	for _, c := range []struct {
		what     string
		uploaded func(i int) time.Time
		recent   float64 // the part of the pages that must be in use
	}{
		{"new images", func(int) time.Time { return time.Time{} }, 0.8},
		{"older images, the newest first", func(i int) time.Time { return now.AddDate(-1, 0, 0).Add(time.Duration(-i) * time.Second) }, 0.45},
		{"older images, the oldest first", func(i int) time.Time { return now.AddDate(-1, 0, 0).Add(time.Duration(i) * time.Second) }, 0.45},
	} {
		clock := now
		s := newStore(t, Options{NoSync: true, Now: func() time.Time { return clock }})
		for i := range 1500 {
			clock = clock.Add(time.Second)
			o := db.PutOptions{Uploaded: c.uploaded(i)}
			binary.BigEndian.PutUint64(o.DeleteKeyHash[:], uint64(clock.UnixNano()))
			_, _, err := s.Put(ctx, fmt.Sprintf("%d.png", i), bytes.NewReader(fmt.Append(nil, i)), o)
			must(t, err)
		}
		must(t, s.view(func(tx *bbolt.Tx) error {
			for bucket, want := range map[string]float64{
				string(layout.RecentBucket):     c.recent,
				string(layout.DeleteKeysBucket): c.recent,
				string(layout.ChunksBucket):     0.8,
			} {
				stats := tx.Bucket([]byte(bucket)).Stats()
				if got := float64(stats.LeafInuse) / float64(stats.LeafAlloc); got < want {
					t.Errorf("%s: the pages of %q are %.0f %% full, want at least %.0f %%", c.what, bucket, 100*got, 100*want)
				}
			}
			return nil
		}))
	}
}
