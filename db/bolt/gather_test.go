package bolt

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestGather checks for how long the committer waits for more changes. Time is that of a
// bubble: it passes only while everything waits.
func TestGather(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what    string
		last    int           // callers of the last commit, which took 8 ms
		queued  int           // changes that are queued at the beginning
		later   time.Duration // after each of these times, one more change arrives
		arrive  int
		changes int // that the group must get
		waited  time.Duration
	}{
		{"alone", 1, 1, 100 * time.Microsecond, 5, 1, 0},
		{"alone, after a start", 0, 1, 100 * time.Microsecond, 5, 1, 0},
		{"all come back", 5, 1, 100 * time.Microsecond, 10, 5, 400 * time.Microsecond},
		{"some come back", 16, 1, 300 * time.Microsecond, 10, 4, time.Millisecond},
		{"none comes back", 16, 1, time.Second, 1, 1, time.Millisecond},
		{"more than before", 2, 3, time.Second, 1, 3, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := new(Store)
			s.queue = make(chan *change, 100)
			s.last.callers, s.last.took = c.last, 8*time.Millisecond
			for range c.queued {
				s.queue <- &change{bytes: 1}
			}
			var arrivals sync.WaitGroup
			arrivals.Go(func() {
				for range c.arrive {
					time.Sleep(c.later)
					s.queue <- &change{bytes: 1}
				}
			})
			began := time.Now()
			group := s.gather([]*change{<-s.queue})
			if waited := time.Since(began); len(group) != c.changes || waited != c.waited {
				t.Errorf("%s: got %d changes after %v, want %d after %v", c.what, len(group), waited, c.changes, c.waited)
			}
			arrivals.Wait()
		})
	}
}

// TestGatherEnds checks that gather waits no longer when the group is large or the store
// closes, and never longer than maxPatience.
func TestGatherEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := new(Store)
		s.queue = make(chan *change, 100)
		s.last.callers, s.last.took = 16, time.Minute
		gather := func() (n int, waited time.Duration) {
			began := time.Now()
			n = len(s.gather([]*change{{bytes: groupBytes / 2}}))
			return n, time.Since(began)
		}
		if n, waited := gather(); n != 1 || waited != maxPatience {
			t.Errorf("after a slow commit: %d changes after %v, want 1 after %v", n, waited, maxPatience)
		}
		s.queue <- &change{bytes: groupBytes / 2}
		if n, waited := gather(); n != 2 || waited != 0 {
			t.Errorf("a large group: %d changes after %v, want 2 at once", n, waited)
		}
		close(s.queue)
		if n, waited := gather(); n != 1 || waited != 0 {
			t.Errorf("a store that closes: %d changes after %v, want 1 at once", n, waited)
		}
	})
}
