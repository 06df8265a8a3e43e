package api

import "golang.org/x/sys/unix"

// niceness leaves a thread a tenth of what another one gets.
const niceness = 10

// lowerPriority makes the calling thread a background one: on Linux, priorities
// are those of threads (setpriority(2), under BUGS). Without it work goes on as
// well, only with less regard for others.
func lowerPriority() { _ = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness) }
