//go:build unix

package bolt

import "golang.org/x/sys/unix"

var errNoSpace error = unix.ENOSPC
