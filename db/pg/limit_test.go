package pg_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"imageserver/db"
	"imageserver/db/pg"
	"imageserver/db/pg/pgtest"
)

// TestMaxSizeTogether: uploads at the same time, to two servers, do not exceed MaxSize
// together. The database is slow, so many transactions have read the counters before the
// first of them commits. Later uploads fill the store up to the last image that fits.
func TestMaxSizeTogether(t *testing.T) {
	t.Parallel()
	const size, most, clients, each = 100, 40_000, 16, 35
	proxy := pgtest.NewProxy(t, pgtest.Shared(t).Addr)
	target := pgtest.URLAt(proxy.Addr, "pool_max_conns=16&schema="+schemaOf(t, pgtest.URL(t, "")))
	stores := []*pg.Store{
		openWith(t, target, pg.Options{MaxSize: most, Poll: time.Hour}),
		openWith(t, target, pg.Options{MaxSize: most, Poll: time.Hour}),
	}
	proxy.Delay(5 * time.Millisecond)
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			s := stores[c%len(stores)]
			for i := range each {
				name := fmt.Sprintf("%d-%d", c, i)
				data := bytes.Repeat([]byte{byte(c), byte(i)}, size/2)
				img, _, err := s.Put(t.Context(), name, bytes.NewReader(data), db.PutOptions{})
				if errors.Is(err, db.ErrFull) {
					return
				}
				if err == nil && i%4 == 0 {
					_, err = s.PutVariant(t.Context(), img.SHA256, "k", bytes.NewReader(data), db.VariantOptions{Budget: most})
				}
				if err != nil && !errors.Is(err, db.ErrFull) {
					t.Errorf("%s: %v", name, err)
				}
				if u, err := s.Usage(t.Context()); err != nil || u.Stored+u.VariantBytes > most {
					t.Errorf("after %s: got %d bytes and %v, want at most %d bytes", name, u.Stored+u.VariantBytes, err, most)
					return
				}
			}
		})
	}
	all.Wait()
	proxy.Delay(0)
	for i := 0; ; i++ {
		_, _, err := stores[0].Put(t.Context(), "last", bytes.NewReader(fmt.Appendf(nil, "%0*d", size, i)), db.PutOptions{})
		if errors.Is(err, db.ErrFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if u, err := stores[0].Usage(t.Context()); err != nil || u.Stored != most {
		t.Errorf("Usage: got %+v and %v, want %d bytes of images", u, err, most)
	}
}
