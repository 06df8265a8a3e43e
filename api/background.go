package api

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
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
		result, err = work()
	}()
	<-done
	return result, err
}

// caught makes an error of what recover returned, or nil where that was nil.
func caught(r any) error {
	if r == nil {
		return nil
	}
	return fmt.Errorf("panic: %v\n%s", r, debug.Stack())
}
