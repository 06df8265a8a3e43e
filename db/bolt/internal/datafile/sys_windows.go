package datafile

import (
	"errors"
	"io/fs"
	"math"
	"os"

	"golang.org/x/sys/windows"
)

func isMapError(error) bool { return false }

// IsFull reports whether err says that the disk or the user's quota is full.
func IsFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// SyncDir does nothing, because NTFS itself makes the names of files durable. And
// Windows cannot open a folder to sync it.
func SyncDir(string) error { return nil }

// MapHead returns nil, because Windows does not let a program cut a file that is
// mapped.
func MapHead(*os.File, int) *Head { return nil }

func (*Head) Unmap() {}

// lock takes the lock that bbolt also takes before it writes. This is a lock of one
// byte far behind the end of the file. If another process has this lock, it returns
// false.
func lock(f *os.File) (ok bool, err error) {
	const flags = windows.LOCKFILE_FAIL_IMMEDIATELY | windows.LOCKFILE_EXCLUSIVE_LOCK
	err = windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, lockedByte())
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

func lockedByte() *windows.Overlapped {
	return &windows.Overlapped{Offset: 1<<32 - 1, OffsetHigh: 1<<32 - 1}
}

// Unlock releases the lock now. If the file were only closed, Windows would release it
// a little later.
func Unlock(f *os.File) {
	_ = windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, lockedByte())
}

// Locate returns the size of the open file f. It returns fs.ErrNotExist if no file is at
// path, and ErrElsewhere if another file is there. If the system does not say, it returns
// no error. If it does not say the size, the size is math.MaxInt64.
func Locate(f *os.File, path string) (size int64, err error) {
	ours, err := f.Stat()
	if err != nil {
		return math.MaxInt64, nil
	}
	there, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ours.Size(), fs.ErrNotExist
	case err == nil && !os.SameFile(ours, there):
		return ours.Size(), ErrElsewhere
	}
	return ours.Size(), nil
}

// KeepOwner does nothing: a new file inherits the permissions of its folder.
func KeepOwner(*os.File, os.FileInfo) error { return nil }
