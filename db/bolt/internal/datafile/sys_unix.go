//go:build unix

package datafile

import (
	"errors"
	"io/fs"
	"math"
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

// Locate returns the size of the open file f. It returns fs.ErrNotExist if no file is at
// path, and ErrElsewhere if another file is there. If the system does not say, it returns
// no error. If it does not say the size, the size is math.MaxInt64. Each commit calls
// Locate, so unlike os.Stat it creates almost no objects.
func Locate(f *os.File, path string) (size int64, err error) {
	var ours, there unix.Stat_t
	if err := noInterrupt(func() error { return unix.Fstat(int(f.Fd()), &ours) }); err != nil {
		return math.MaxInt64, nil
	}
	switch err := noInterrupt(func() error { return unix.Stat(path, &there) }); {
	case errors.Is(err, fs.ErrNotExist):
		return ours.Size, fs.ErrNotExist
	case err == nil && (ours.Dev != there.Dev || ours.Ino != there.Ino):
		return ours.Size, ErrElsewhere
	}
	return ours.Size, nil
}

// noInterrupt calls do again as long as a signal interrupts it.
func noInterrupt(do func() error) error {
	for {
		if err := do(); err != unix.EINTR {
			return err
		}
	}
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
