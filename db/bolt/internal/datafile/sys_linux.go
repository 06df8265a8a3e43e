package datafile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// adviseNormal takes back the MADV_RANDOM that bbolt gives to its map: it
// turns read-ahead off, and images are read from their beginning to their end.
func adviseNormal(addr uintptr, size int) {
	if size > 0 {
		unix.Syscall(unix.SYS_MADVISE, addr, uintptr(size), unix.MADV_NORMAL)
	}
}

// Allocate gives the file real disk space from off on, so that writing there
// cannot fail for want of it. It reports ok=false where the file system has
// no such call.
func Allocate(f *os.File, off, n int64) (ok bool, err error) {
	for {
		err = unix.Fallocate(int(f.Fd()), 0, off, n)
		if err != unix.EINTR {
			break
		}
	}
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return false, nil
	}
	return true, err
}
