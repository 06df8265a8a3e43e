package variants

import "golang.org/x/sys/unix"

// niceness is the priority of a background thread. It gets a tenth of the
// processor time that a thread with the default priority gets.
const niceness = 10

// lowerPriority makes the calling thread a background thread. On Linux a priority
// belongs to a thread (setpriority(2), section BUGS). If the call fails, the work
// continues at the default priority.
func lowerPriority() { _ = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness) }
