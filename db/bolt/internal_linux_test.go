package bolt

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestGiveWayOnDisk fills small disks.
func TestGiveWayOnDisk(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]func(*testing.T, *Store, int64){"variants": testGiveWay, "trash": testTrashGivesWay} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			test(t, openStore(t, filepath.Join(mountSmall(t), "images.db"), Options{}), 24<<20)
		})
	}
}

// mountSmall returns a folder with room for 24 MiB.
func mountSmall(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("imageserver-test", dir, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("mounting a file system needs root: %v", err)
	}
	t.Cleanup(func() { // after the store is closed
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}
