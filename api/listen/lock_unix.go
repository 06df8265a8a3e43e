//go:build unix

package listen

import (
	"os"
	"syscall"
)

// lockFolder waits until no other server creates a socket in the folder, and keeps others
// waiting until unlock. Without this lock, if two servers start at once, one could remove
// the other's new socket, because nothing listens on it yet. If the folder cannot be
// locked, the server starts without the lock.
func lockFolder(dir string) (unlock func()) {
	d, err := os.Open(dir)
	if err != nil {
		return func() {}
	}
	_ = syscall.Flock(int(d.Fd()), syscall.LOCK_EX)
	return func() { d.Close() }
}
