package e2e_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// mountTmpfs mounts a file system in memory, of a size such as 24m.
func mountTmpfs(t testing.TB, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	mount(t, dir, "-t", "tmpfs", "-o", "size="+size, "imageserver-e2e")
	return dir
}

// newDisk makes a file with an empty ext4 in it, to be mounted with -o loop.
func newDisk(t testing.TB, size int64) (path string) {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "disk")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", f.Name()).CombinedOutput(); err != nil {
		unavailable(t, "mkfs.ext4: %v %s", err, out)
	}
	return f.Name()
}

// mount mounts a file system on dir. It is unmounted when the test ends, and a
// loop device goes with its mount.
func mount(t testing.TB, dir string, args ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		unavailable(t, "mounting a file system needs root")
	}
	if out, err := exec.Command("mount", append(args, dir)...).CombinedOutput(); err != nil {
		unavailable(t, "mount: %v %s", err, out)
	}
	t.Cleanup(func() { unmount(t, dir) })
}

// unmount unmounts dir, if it is mounted. A process that was killed may hold
// it for a moment more.
func unmount(t testing.TB, dir string) {
	t.Helper()
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		switch err = unix.Unmount(dir, 0); err {
		case nil, unix.EINVAL: // EINVAL: nothing is mounted there
			return
		}
	}
	t.Errorf("unmount %s: %v", dir, err)
	unix.Unmount(dir, unix.MNT_DETACH)
}
