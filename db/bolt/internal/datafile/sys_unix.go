//go:build unix

package datafile

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// isMapError reports whether a memory map was too large for the system. If address
// space is limited, the error is ENOMEM. If the address space is small, the error is
// EINVAL.
func isMapError(err error) bool {
	return errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOVERFLOW)
}

// IsFull reports whether err says that the disk or the user's quota is full.
func IsFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// SyncDir makes the names of the files in `dir` durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return Plain(err)
	}
	defer d.Close()
	return d.Sync()
}

// MapHead maps the first n bytes of the file.
func MapHead(f *os.File, n int) *Head {
	b, err := unix.Mmap(int(f.Fd()), 0, n, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil
	}
	return &Head{b}
}

func (h *Head) Unmap() {
	if h != nil {
		_ = unix.Munmap(h.bytes)
	}
}

// lock takes the lock of a file that bbolt also takes before it writes. If another
// process has this lock, it returns false.
func lock(f *os.File) (ok bool, err error) {
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// KeepOwner sets the owner, the group and the permissions of f to those in `info`.
func KeepOwner(f *os.File, info os.FileInfo) error {
	want, ok := info.Sys().(*syscall.Stat_t)
	if ok && (int(want.Uid) != os.Geteuid() || int(want.Gid) != os.Getegid()) {
		if err := f.Chown(int(want.Uid), int(want.Gid)); err != nil {
			return Plain(err)
		}
	}
	return f.Chmod(info.Mode().Perm())
}

// Unlock releases the lock. This is also necessary if bbolt has opened the file and
// could not close it. Its memory map would keep the lock until the process ends.
func Unlock(f *os.File) { _ = unix.Flock(int(f.Fd()), unix.LOCK_UN) }
