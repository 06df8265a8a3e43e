//go:build unix

package listen

import (
	"os"
	"syscall"
)

// lockFolder waits until no other server creates a socket in the folder. Other servers then
// wait until unlock. If two servers started at once without this lock, one server could
// remove the new socket of the other, on which nothing listens yet. If the folder cannot be
// locked, the server starts without the lock.
func lockFolder(dir string) (unlock func()) {
	d, err := os.Open(dir)
	if err != nil {
		return func() {}
	}
	_ = syscall.Flock(int(d.Fd()), syscall.LOCK_EX)
	return func() { d.Close() }
}
