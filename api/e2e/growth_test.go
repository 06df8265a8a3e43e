package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// How large the data file may be: growthRatio times what is in it and
// growthFixed bytes.
const (
	growthRatio = 1.5
	growthFixed = 16 << 20
)

// TestGrowth replaces and deletes images of all sizes until many times the
// store has been written: the file must use the room again that they leave.
func TestGrowth(t *testing.T) {
	parallel(t)
	const clients = 4
	path := filepath.Join(t.TempDir(), "images.db")
	s := start(t, path, "--trash", "0")
	full := pick[int64](60e6, 300e6)
	names := make([]string, full/500e3)
	for i := range names {
		names[i] = fmt.Sprintf("%d.png", i)
	}
	var written atomic.Int64
	replace := func(name string) {
		p := pictureBetween(10e3, 3e6) // half a megabyte on average
		if _, err := s.put(name, p.open(), p.size); err != nil {
			t.Error(err)
		}
		written.Add(p.size)
	}
	each(clients, names, replace)
	written.Store(0)
	worst := 0.0
	for round := range pick[int64](3, 10) {
		each(clients, []int{0, 1, 2, 3}, func(c int) {
			for written.Load() < (round+1)*full && !t.Failed() {
				// Each client has names of its own.
				name := names[rand.IntN(len(names)/clients)*clients+c]
				if rand.IntN(3) == 0 {
					if err := s.remove(name); err != nil {
						t.Error(err)
					}
				}
				replace(name)
			}
		})
		live := liveBytes(t, s)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		worst = max(worst, float64(info.Size())/float64(live))
		if float64(info.Size()) > growthRatio*float64(live)+growthFixed {
			t.Errorf("after %d MB the file has %d MB and %d MB of images", written.Load()/1e6, info.Size()/1e6, live/1e6)
		}
	}
	s.stop(t)
	isSound(t, path)
	t.Logf("%d MB written: the file had at most %.2f times the bytes of its images", written.Load()/1e6, worst)
}

// liveBytes adds up the images in the list.
func liveBytes(t *testing.T, s *server) (sum int64) {
	t.Helper()
	images, err := s.list()
	if err != nil {
		t.Fatal(err)
	}
	for _, img := range images {
		sum += img.Size
	}
	return sum
}
