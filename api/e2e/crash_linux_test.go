package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestDiskCutOff takes the disk away in the middle of uploads, like a power
// cut: everything that was not synced is gone. What was acknowledged is there
// after the next start. A server that does not sync must lose some of it, or
// this test would prove nothing.
func TestDiskCutOff(t *testing.T) {
	rounds := pick(2, 5)
	t.Run("program", func(t *testing.T) {
		parallel(t)
		lost := cutOffDisk(t, 1, func(path string) *exec.Cmd { return serve(t, path) })
		report(t, lost)
	})
	t.Run("synced", func(t *testing.T) {
		parallel(t)
		lost := cutOffDisk(t, rounds, func(path string) *exec.Cmd { return serveChild(t, path, false) })
		report(t, lost)
	})
	t.Run("not synced", func(t *testing.T) {
		parallel(t)
		lost := cutOffDisk(t, rounds, func(path string) *exec.Cmd { return serveChild(t, path, true) })
		if len(lost) == 0 {
			t.Error("nothing was lost without syncing, so the disk was not cut off")
		}
		t.Logf("without syncing %d images differ, as they must", len(lost))
	})
}

// cutOffDisk cuts the disk off from servers that run starts, until one has
// lost something, and returns what.
func cutOffDisk(t *testing.T, rounds int, run func(path string) *exec.Cmd) (lost []string) {
	const clients = 16
	disk, dir := newDisk(t, 1<<30), t.TempDir()
	path := filepath.Join(dir, "images.db")
	m := newModel()
	acks := 0
	mount(t, dir, "-o", "loop", disk)
	s := launch(t, run(path))
	for round := range rounds {
		l := m.begin(s, fmt.Sprint(round), clients, 64<<20)
		time.Sleep(time.Second) // the kernel writes of itself only after five
		shutdown(t, dir)
		l.done.Wait() // each client gets an error
		for _, err := range l.end() {
			if code := refusal(err); code/100 == 4 || code == http.StatusInsufficientStorage {
				t.Errorf("on a disk that failed: %v", err)
			}
		}
		acks += int(l.acks.Load())
		s.failed(t)
		s.kill()
		unmount(t, dir)
		mount(t, dir, "-o", "loop", disk) // which replays the journal
		var err error
		if s, err = tryLaunch(t, run(path)); err != nil {
			return []string{err.Error()}
		}
		s.check(t)
		if lost = m.compare(s); len(lost) > 0 {
			return lost
		}
	}
	s.kill()
	isSound(t, path)
	t.Logf("%d requests acknowledged, %d images in the end", acks, len(m.stored()))
	if acks == 0 {
		t.Error("the disk was cut off before there was anything on it")
	}
	return nil
}

// shutdown cuts off the file system mounted on dir, without writing to its
// disk what it has not yet written (EXT4_IOC_SHUTDOWN in Linux's
// fs/ext4/ext4.h).
func shutdown(t *testing.T, dir string) {
	t.Helper()
	const (
		goingDown  = 0x8004587d // _IOR('X', 125, __u32)
		noLogFlush = 2
	)
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), goingDown, noLogFlush); err != nil {
		unavailable(t, "EXT4_IOC_SHUTDOWN: %v", err)
	}
}
