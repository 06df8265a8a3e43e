package worker

import (
	"math"

	"golang.org/x/sys/unix"
)

// keepDescriptors lets no process inherit a file that this program has open. Go opens all its
// files so; the others are those with which the program was started. Linux can do it since
// version 5.11.
func keepDescriptors() {
	_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
}
