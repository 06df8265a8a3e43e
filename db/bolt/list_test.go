package bolt

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/bolttest"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/order"
)

// orders are all orders of a list.
var orders = []db.ListOptions{
	{Sort: db.ByUploaded}, {Sort: db.ByUploaded, Reverse: true},
	{Sort: db.ByName}, {Sort: db.ByName, Reverse: true},
	{Sort: db.BySize}, {Sort: db.BySize, Reverse: true},
}

// TestListDamaged overwrites one record. The others must be listed.
func TestListDamaged(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	for _, name := range []string{"a.png", "b.png", "c.png"} {
		mustPut(t, s, name, []byte(name))
	}
	err := tamper(s, func(tx *bbolt.Tx) error {
		return tx.Bucket(layout.ImagesBucket).Put([]byte("b.png"), []byte("unreadable"))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range orders {
		o.Limit = 10
		images, next, err := s.List(ctx, o)
		if err != nil || next != "" || len(images) != 2 {
			t.Errorf("List(%+v): %d images, next %q, error %v, want the two sound ones", o, len(images), next, err)
		}
	}
	if _, err := s.Stat(ctx, "b.png"); !errors.Is(err, db.ErrDamaged) {
		t.Errorf("stat of the damaged one: %v, want ErrDamaged", err)
	}
}

// fill adds n images without bytes, and returns them.
func fill(t testing.TB, s *Store, n int) (images []db.Image) {
	t.Helper()
	at := time.Now().UTC()
	for i := range n {
		images = append(images, db.Image{
			Name: fmt.Sprintf("IMG_%06d.jpg", i*7919%n), Size: int64(i * i % 1009), ContentType: "image/jpeg",
			Width: 4000, Height: 3000, Orientation: 1, Uploaded: at.Add(time.Duration(i*104729%n) * time.Second),
		})
	}
	err := tamper(s, func(tx *bbolt.Tx) error {
		for _, img := range images {
			r := layout.Record{Image: img, Blob: 1, ChunkSize: layout.ChunkSize}
			if err := errors.Join(
				tx.Bucket(layout.ImagesBucket).Put([]byte(img.Name), r.Marshal()),
				tx.Bucket(layout.RecentBucket).Put(order.TimeKey(img.Uploaded, img.Name), nil),
				tx.Bucket(layout.SizesBucket).Put(order.AppendSizeKey(nil, img.Size, []byte(img.Name)), nil),
			); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return images
}

// inOrder compares images as o orders them.
func inOrder(o db.ListOptions) func(a, b db.Image) int {
	return func(a, b db.Image) int {
		if o.Reverse {
			a, b = b, a
		}
		names := strings.Compare(a.Name, b.Name)
		switch o.Sort {
		case db.ByName:
			return names
		case db.BySize:
			return cmp.Or(cmp.Compare(b.Size, a.Size), names)
		}
		return cmp.Or(b.Uploaded.Compare(a.Uploaded), names)
	}
}

// TestListSteps lists more images than one transaction reads.
func TestListSteps(t *testing.T) {
	t.Parallel()
	bolttest.OneCaller(t)
	s := newStore(t, Options{})
	images := fill(t, s, 2*scanStep+100)
	for _, o := range orders {
		for _, c := range []struct {
			match string
			limit int
		}{{"", 1000}, {"", scanStep}, {"", 2 * scanStep}, {"IMG_", len(images)}, {"5000", 10}, {"img_0081", 7}, {"none", 10}} {
			o.Match, o.Limit, o.After = c.match, c.limit, ""
			var got, want []string
			for _, img := range slices.SortedFunc(slices.Values(images), inOrder(o)) {
				if strings.Contains(strings.ToLower(img.Name), strings.ToLower(c.match)) {
					want = append(want, img.Name)
				}
			}
			for more := true; more; more = o.After != "" {
				page, next, err := s.List(ctx, o)
				if err != nil || len(page) > o.Limit {
					t.Fatalf("List(%+v): %d images, error %v", o, len(page), err)
				}
				for _, img := range page {
					got = append(got, img.Name)
				}
				o.After = next
			}
			if !slices.Equal(got, want) {
				t.Errorf("List(%+v): %d images, want %d, or not in this order", o, len(got), len(want))
			}
		}
	}
}

// BenchmarkList reads the first page of 100 from among 100,000 images, or with -short from
// among 10,000.
func BenchmarkList(b *testing.B) {
	s := newStore(b, Options{})
	images := 100_000
	if testing.Short() {
		images = 10_000
	}
	fill(b, s, images)
	for _, o := range orders {
		for _, o.Match = range []string{"", "9999"} {
			b.Run(fmt.Sprintf("sort=%d,reverse=%t,match=%s", o.Sort, o.Reverse, o.Match), func(b *testing.B) {
				o.Limit = 100
				b.ReportAllocs()
				for b.Loop() {
					if _, _, err := s.List(ctx, o); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
