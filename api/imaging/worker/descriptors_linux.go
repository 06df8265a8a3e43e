package worker

import (
	"math"

	"golang.org/x/sys/unix"
)

// keepDescriptors prevents that a process inherits a file that this program has open. Go opens
// its files in a way that no process inherits them, but this program can have inherited files
// itself. Before Linux 5.11, keepDescriptors does nothing.
func keepDescriptors() {
	_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
}
