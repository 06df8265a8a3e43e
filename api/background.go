package api

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
)

// inBackground runs work on a thread that leaves the cores to others where they
// want them, if the system knows such threads. A panic in work becomes an error.
func inBackground[T any](work func() (T, error)) (result T, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { err = cmp.Or(caught(recover()), err) }()
		// It is never unlocked: a priority once lowered cannot be raised again, so
		// the thread ends with the goroutine.
		runtime.LockOSThread()
		lowerPriority()
		addProcessors(1)
		defer addProcessors(-1)
		result, err = work()
	}()
	<-done
	return result, err
}

// processors guards GOMAXPROCS, which all of the process shares.
var processors sync.Mutex

// addProcessors gives Go n processors more for as long as work is in the
// background. Its scheduler takes a processor from a goroutine that computes only
// after 10 ms, so with a copy being made on each core requests would wait: the 99th
// percentile was 45 ms on two cores. This way as many as before are left for
// requests, and the kernel, which knows priorities, shares the cores out: 5 ms. To
// have them always would cost a tenth of the requests a second.
func addProcessors(n int) {
	processors.Lock()
	defer processors.Unlock()
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
}

// caught makes an error of what recover returned, or nil where that was nil.
func caught(r any) error {
	if r == nil {
		return nil
	}
	return fmt.Errorf("panic: %v\n%s", r, debug.Stack())
}
