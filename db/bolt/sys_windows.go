package bolt

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

func isMapError(error) bool { return false }

// isFull reports whether err says that the disk or the user's quota is full.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// syncDir does nothing: NTFS journals the names of files by itself, and a
// folder cannot be opened for syncing.
func syncDir(string) error { return nil }

// mapHead returns none: there a file that is mapped cannot be cut.
func mapHead(*os.File, int) *head { return nil }

func (*head) unmap() {}

// unlock does nothing: closing the file lets its lock go.
func unlock(*os.File) {}
