package settings

import (
	"math"
	"runtime/debug"
	"testing"
)

// TestLimitMemory checks that the reserve leaves the limit for all other memory unchanged. If
// the reserve used up a small GOMEMLIMIT, Go would collect garbage all the time.
func TestLimitMemory(t *testing.T) { // not parallel: the limit belongs to the process
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	for _, c := range []struct {
		gomemlimit, gogc string
		set, limit       int64 // what Go has read from GOMEMLIMIT, and what must remain
	}{
		{"", "", before, 3<<20 + otherMemory},
		{"", "100", before, 3<<20 + otherMemory},
		{"40MiB", "", 40 << 20, 40 << 20},
		{"40MiB", "100", 40 << 20, 40 << 20},
	} {
		t.Setenv("GOMEMLIMIT", c.gomemlimit)
		t.Setenv("GOGC", c.gogc)
		debug.SetMemoryLimit(c.set)
		s := &Server{UploadMemory: 1 << 20, ResizeMemory: 2 << 20}
		reserve := s.LimitMemory()
		if got := debug.SetMemoryLimit(-1) - int64(len(reserve)); got != c.limit || (len(reserve) > 0) != (c.gogc == "") {
			t.Errorf("%+v: the limit for all other memory is %d, and the reserve has %d bytes", c, got, len(reserve))
		}
	}
	t.Setenv("GOMEMLIMIT", "off")
	debug.SetMemoryLimit(math.MaxInt64)
	if new(Server).LimitMemory(); debug.SetMemoryLimit(-1) != math.MaxInt64 {
		t.Error("GOMEMLIMIT=off does not switch the limit off")
	}
}
