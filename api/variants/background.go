package variants

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// inBackground runs work on a new thread, and returns its result. On Linux this thread has a
// low priority, so that requests get the cores first. If work panics, inBackground returns an
// error.
func inBackground[T any](work func() (T, error)) (result T, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { err = cmp.Or(caught(recover()), err) }()
		// The goroutine never unlocks its thread, so the thread ends with it. The
		// server is not allowed to raise a lowered priority again.
		runtime.LockOSThread()
		lowerPriority()
		result, err = work()
	}()
	<-done
	return result, err
}

// resizers returns how many variants to make at a time: one for every two of Go's
// processors. The queue allows one more, small variant. The other processors stay free for
// requests. Without them a request could wait 10 ms, because Go takes a processor away
// from a computing goroutine only after that time. main sets GOMAXPROCS to twice the number
// of cores plus one, so there is one variant for each core.
func resizers() int { return max(1, (runtime.GOMAXPROCS(0)-1)/2) }

// caught returns the result of recover as an error, or nil if nothing panicked.
func caught(r any) error {
	if r == nil {
		return nil
	}
	return fmt.Errorf("panic: %v\n%s", r, debug.Stack())
}
