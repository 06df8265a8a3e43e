//go:build unix

package variants

import (
	"time"

	"golang.org/x/sys/unix"
)

// processorTime returns the processor time that the calling thread has used
// (POSIX clock_gettime). Time in which the thread waits for a core does not count.
func processorTime() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		panic(err) // every system named in the README has this clock
	}
	return time.Duration(now.Nano())
}
