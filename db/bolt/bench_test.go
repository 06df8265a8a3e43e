package bolt_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"imageserver/db"
)

var sizes = []struct {
	name string
	n    int
}{{"20kB", 20_000}, {"100kB", 100_000}, {"1MB", 1_000_000}, {"4MB", 4_000_000}}

// randomBytes returns n bytes that no other seed gives.
func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	rand.NewChaCha8(key).Read(b)
	return b
}

// BenchmarkPut stores images of new bytes, from one client and from sixteen,
// each synced before it counts.
func BenchmarkPut(b *testing.B) {
	for _, size := range sizes {
		for _, clients := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/clients=%d", size.name, clients), func(b *testing.B) {
				s := newStore(b)
				var n atomic.Uint64
				b.SetBytes(int64(size.n))
				b.SetParallelism((clients + 1) / 2) // times GOMAXPROCS
				b.RunParallel(func(pb *testing.PB) {
					img := randomBytes(n.Add(1), size.n)
					for pb.Next() {
						k := n.Add(1)
						binary.BigEndian.PutUint64(img, k)
						_, _, err := s.Put(context.Background(), fmt.Sprintf("%d.png", k), bytes.NewReader(img), db.PutOptions{})
						if err != nil {
							b.Fatal(err)
						}
					}
				})
			})
		}
	}
}

// BenchmarkGet reads whole images.
func BenchmarkGet(b *testing.B) {
	for _, size := range sizes {
		b.Run(size.name, func(b *testing.B) {
			s := newStore(b)
			_, _, err := s.Put(context.Background(), "a.png", bytes.NewReader(randomBytes(1, size.n)), db.PutOptions{})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size.n))
			b.ReportAllocs()
			for b.Loop() {
				_, body, err := s.Get(context.Background(), "a.png")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := body.(io.WriterTo).WriteTo(io.Discard); err != nil {
					b.Fatal(err)
				}
				body.Close()
			}
		})
	}
}
