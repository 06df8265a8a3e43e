package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// growthRatio is how large the data file may be, compared with the most that was in it. The file
// does not become smaller when images are deleted.
const growthRatio = 1.5

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
	content := sizes{of: map[string]int64{}}
	replace := func(name string) {
		p := pictureBetween(10e3, 3e6) // half a megabyte on average
		if _, err := s.put(name, p.open(), p.size); err != nil {
			t.Error(err)
		}
		written.Add(p.size)
		content.set(name, p.size)
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
					content.set(name, 0)
				}
				replace(name)
			}
		})
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		worst = max(worst, float64(info.Size())/float64(content.most))
	}
	if worst > growthRatio {
		t.Errorf("the file had %.2f times the bytes that were in it, want at most %.2f", worst, growthRatio)
	}
	s.stop(t)
	isSound(t, path)
	t.Logf("%d MB written: the file had at most %.2f times the bytes that were in it", written.Load()/1e6, worst)
}

// sizes has the sizes of the images in a store. It is safe for concurrent use.
type sizes struct {
	mu   sync.Mutex
	of   map[string]int64 // by name, in bytes
	sum  int64
	most int64 // the largest sum so far
}

func (s *sizes) set(name string, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum += size - s.of[name]
	s.of[name] = size
	s.most = max(s.most, s.sum)
}
