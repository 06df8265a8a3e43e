package worker

import "golang.org/x/sys/unix"

// niceness is the priority of the processes, as in package variants.
const niceness = 10

// lowerPriority lowers the priority of the calling thread, see package variants.
func lowerPriority() { _ = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness) }
