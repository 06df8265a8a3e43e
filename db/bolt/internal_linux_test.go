package bolt

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCopiesGiveWayOnDisk fills a small disk.
func TestCopiesGiveWayOnDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mount("imageserver-test", dir, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("mounting a file system needs root: %v", err)
	}
	t.Cleanup(func() { // after the store is closed
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	testGiveWay(t, openStore(t, filepath.Join(dir, "images.db"), Options{}), 24<<20)
}
