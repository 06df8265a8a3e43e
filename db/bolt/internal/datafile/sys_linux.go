package datafile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// adviseNormal replaces the MADV_RANDOM that bbolt sets for its memory map. MADV_RANDOM
// turns read-ahead off. But images are read from beginning to end, so read-ahead helps.
func adviseNormal(addr uintptr, size int) {
	if size > 0 {
		unix.Syscall(unix.SYS_MADVISE, addr, uintptr(size), unix.MADV_NORMAL)
	}
}

// Allocate reserves n bytes of disk space for the file from offset `off` on. A later
// write to these bytes cannot fail because of a full disk. If the file system cannot
// reserve space, Allocate returns ok=false.
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
