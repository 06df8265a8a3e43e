package e2e_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// gauges is what a server uses at a moment.
type gauges struct {
	memory     int64 // bytes of its own; see server.memory
	goroutines int64
	files      int64 // open file descriptors, connections too
}

// gauges reads them, from /metrics but for the memory.
func (s *server) gauges(t testing.TB) gauges {
	t.Helper()
	resp, err := s.open("/metrics")
	if err != nil {
		t.Error(err)
		return gauges{}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	metric := func(name string) int64 {
		_, rest, _ := strings.Cut(string(body), "\n"+name+" ")
		var v float64
		if _, err := fmt.Sscan(rest, &v); err != nil {
			t.Errorf("/metrics has no %s: %v", name, err)
		}
		return int64(v)
	}
	return gauges{s.memory(t), metric("go_goroutines"), metric("process_open_fds")}
}

// usage is what a server used in the first and in the last third of some time,
// on average, and at most in all of it.
type usage struct{ first, last, most gauges }

// What the last third may have more than the first: the memory of a heap
// between two runs of the garbage collector, and the clients that happen to be
// there.
const (
	usageGrowth     = 1.25
	memorySpare     = 24 << 20
	goroutinesSpare = 16
)

// watchUsage looks at what a server uses, for a while.
func watchUsage(t testing.TB, s *server, long time.Duration) (u usage) {
	t.Helper()
	var all []gauges
	end := time.Now().Add(long)
	for tick := time.NewTicker(100 * time.Millisecond); time.Now().Before(end) && !t.Failed(); <-tick.C {
		g := s.gauges(t)
		all = append(all, g)
		u.most = gauges{max(u.most.memory, g.memory), max(u.most.goroutines, g.goroutines), max(u.most.files, g.files)}
	}
	third := len(all) / 3
	if third == 0 {
		t.Fatal("the server was hardly looked at")
	}
	u.first, u.last = mean(all[:third]), mean(all[len(all)-third:])
	return u
}

func mean(all []gauges) (m gauges) {
	for _, g := range all {
		m.memory += g.memory
		m.goroutines += g.goroutines
		m.files += g.files
	}
	n := int64(len(all))
	return gauges{m.memory / n, m.goroutines / n, m.files / n}
}

// grown returns what became more.
func (u usage) grown() (all []string) {
	for _, g := range []struct {
		what        string
		first, last int64
		spare       float64
	}{
		{"bytes of memory", u.first.memory, u.last.memory, memorySpare},
		{"goroutines", u.first.goroutines, u.last.goroutines, goroutinesSpare},
	} {
		if limit := usageGrowth*float64(g.first) + g.spare; float64(g.last) > limit {
			all = append(all, fmt.Sprintf("%d %s in the last third and %d in the first, want at most %.0f", g.last, g.what, g.first, limit))
		}
	}
	return all
}

func (u usage) String() string {
	return fmt.Sprintf("first third, last third, most: memory %d, %d, %d MiB; goroutines %d, %d, %d; files %d, %d, %d",
		u.first.memory>>20, u.last.memory>>20, u.most.memory>>20,
		u.first.goroutines, u.last.goroutines, u.most.goroutines, u.first.files, u.last.files, u.most.files)
}
