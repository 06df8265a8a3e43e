package api

import (
	"time"

	"golang.org/x/sys/unix"
)

// niceness leaves a thread a tenth of what another one gets.
const niceness = 10

// lowerPriority makes the calling thread a background one: on Linux, priorities
// are those of threads (setpriority(2), under BUGS). Without it work goes on as
// well, only with less regard for others.
func lowerPriority() { _ = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness) }

// processorTime returns the processor time that the calling thread has used
// (clock_gettime(2)).
func processorTime() time.Duration {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now) != nil {
		return 0
	}
	return time.Duration(now.Nano())
}
