package api_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"imageserver/api/apitest"
)

// uploadSizes are in bytes.
var uploadSizes = []struct {
	name string
	size int
}{{"20kB", 20_000}, {"100kB", 100_000}, {"1MB", 1_000_000}, {"8MB", 8_000_000}}

// BenchmarkUpload stores new images, from 1, 16 and 64 clients at once. The allocations
// are those of the server alone.
func BenchmarkUpload(b *testing.B) {
	for _, size := range uploadSizes {
		for _, clients := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/clients=%d", size.name, clients), func(b *testing.B) {
				all := newUploaders(b, newFullServer(b), clients, size.size)
				b.SetBytes(int64(size.size))
				b.ReportAllocs()
				b.ResetTimer()
				var clients sync.WaitGroup
				for i, u := range all {
					clients.Go(func() {
						for range (b.N + i) / len(all) { // together b.N
							if err := u.upload(); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				clients.Wait()
			})
		}
	}
}

func newUploaders(b *testing.B, s *apitest.Server, clients, size int) (all []*uploader) {
	for i := range clients {
		all = append(all, newUploader(b, s, i, size))
	}
	return all
}

// BenchmarkUploadDisk stores an image, and appends the same bytes to a plain file and
// syncs it, by turns. It reports the median time of each and their ratio: how much longer
// an upload takes than the disk needs.
func BenchmarkUploadDisk(b *testing.B) {
	for _, size := range uploadSizes {
		b.Run(size.name, func(b *testing.B) {
			u := newUploader(b, newFullServer(b), 0, size.size)
			file, err := os.Create(filepath.Join(b.TempDir(), "plain"))
			if err != nil {
				b.Fatal(err)
			}
			defer file.Close()
			var upload, plain []time.Duration
			for b.Loop() {
				began := time.Now()
				if err := u.upload(); err != nil {
					b.Fatal(err)
				}
				uploaded := time.Now()
				if _, err := file.Write(u.request[:size.size]); err != nil {
					b.Fatal(err)
				}
				if err := file.Sync(); err != nil {
					b.Fatal(err)
				}
				upload, plain = append(upload, uploaded.Sub(began)), append(plain, time.Since(uploaded))
			}
			b.ReportMetric(float64(median(upload).Microseconds()), "µs/upload")
			b.ReportMetric(float64(median(plain).Microseconds()), "µs/plain")
			b.ReportMetric(float64(median(upload))/float64(median(plain)), "ratio")
		})
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
