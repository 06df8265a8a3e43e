package datafile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// adviseNormal undoes the MADV_RANDOM that bbolt sets for its map. That turns
// read-ahead off, but images are read from beginning to end.
func adviseNormal(addr uintptr, size int) {
	if size > 0 {
		unix.Syscall(unix.SYS_MADVISE, addr, uintptr(size), unix.MADV_NORMAL)
	}
}

// Allocate reserves n bytes of disk space for the file from off on, so that writing
// there cannot fail on a full disk. It returns ok=false if the file system cannot do
// that.
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
