package e2e_test

import (
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestWriteAmplification compares what the kernel writes for the server with
// what 16 clients upload. Names without an order cost a page more an image.
func TestWriteAmplification(t *testing.T) {
	ordered := func(n int64) string { return fmt.Sprintf("photo-%09d.png", n) }
	random := func(int64) string { return rand.Text() + ".png" }
	slack := pick(0.1, 0) // a short run weighs the growth of the trees more
	for _, c := range []struct {
		name  string
		size  int64
		names func(n int64) string
		most  float64
	}{
		{"20 kB", 20e3, ordered, 10}, // nothing is promised
		{"100 kB", 100e3, ordered, 1.2},
		{"100 kB, random names", 100e3, random, 1.3},
		{"1 MB", 1e6, ordered, 1.05},
		{"4 MB", 4e6, ordered, 1.05},
	} {
		t.Run(c.name, func(t *testing.T) {
			parallel(t)
			onDisk(t, t.TempDir())
			s := startNew(t)
			u := &uploader{s: s, size: c.size, names: c.names}
			warm := pick(min(20e6, 200*c.size), 100e6)
			u.upload(t, func() bool { return u.sent.Load() < warm })

			warm = u.sent.Load()
			before, began := s.written(t), time.Now()
			long := pick(2*time.Second, 30*time.Second)
			most := pick[int64](300e6, 6e9) // of disk space
			u.upload(t, func() bool { return u.sent.Load() < most && time.Since(began) < long })

			took, sent := time.Since(began).Seconds(), u.sent.Load()-warm
			ratio := float64(s.written(t)-before) / float64(sent)
			t.Logf("%.3f times, %d MB in %.1f s, %.0f uploads/s", ratio, sent/1e6, took, float64(sent/c.size)/took)
			if ratio > c.most+slack {
				t.Errorf("%.3f bytes are written for a byte uploaded, want at most %.2f", ratio, c.most+slack)
			}
			if ratio < 1 {
				t.Errorf("%.3f bytes are written for a byte uploaded, which cannot be", ratio)
			}
		})
	}
}

// uploader is 16 clients that upload new images of one size.
type uploader struct {
	s     *server
	size  int64
	names func(n int64) string
	count atomic.Int64 // of images
	sent  atomic.Int64 // bytes
}

// upload goes on for as long as more says so.
func (u *uploader) upload(t *testing.T, more func() bool) {
	t.Helper()
	var clients sync.WaitGroup
	for range 16 {
		clients.Go(func() {
			for more() && !t.Failed() {
				p := newPicture(u.size)
				if _, err := u.s.put(u.names(u.count.Add(1)), p.open(), p.size); err != nil {
					t.Error(err)
				}
				u.sent.Add(u.size)
			}
		})
	}
	clients.Wait()
}
