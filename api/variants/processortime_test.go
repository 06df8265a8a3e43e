package variants

import (
	"runtime"
	"testing"
	"time"
)

// TestProcessorTime: the processor time of a thread counts for this thread, and for no other
// thread.
func TestProcessorTime(t *testing.T) {
	const some = 50 * time.Millisecond
	// compute uses some processor time on a thread of its own.
	compute := func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for end := processorTime() + some; processorTime() < end; {
		}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := processorTime()
	other := make(chan struct{})
	go func() {
		defer close(other)
		compute()
	}()
	<-other
	if got := processorTime() - before; got >= some {
		t.Errorf("%v count for a thread that waited, want less than %v", got, some)
	}
}
