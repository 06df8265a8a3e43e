//go:build unix

package listen

import (
	"os"
	"syscall"
)

// lockFolder waits until no other server replaces a socket in the folder. Without
// it, of two servers that start at once, one could take the other's new socket,
// which does not listen yet, for a stale one. Where a folder cannot be locked,
// the server starts without.
func lockFolder(dir string) (unlock func()) {
	d, err := os.Open(dir)
	if err != nil {
		return func() {}
	}
	_ = syscall.Flock(int(d.Fd()), syscall.LOCK_EX)
	return func() { d.Close() }
}
