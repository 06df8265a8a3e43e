package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDiskCutOff takes the disk away from the server in the middle of uploads,
// replacements and deletes, like a power cut: everything that was not synced is
// gone. After the next start what was acknowledged is there, what was deleted or
// replaced does not come back, and the check finds the file sound before that.
// A server that does not sync must lose some of it, or this test would prove
// nothing; the one beside it differs in the syncing alone.
func TestDiskCutOff(t *testing.T) {
	t.Run("program", func(t *testing.T) {
		parallel(t)
		report(t, cutOffDisk(t, pick(2, 30), func(path string) *exec.Cmd { return serve(t, path, "--trash", "10s") }))
	})
	t.Run("synced", func(t *testing.T) {
		parallel(t)
		report(t, cutOffDisk(t, pick(1, 5), func(path string) *exec.Cmd { return serveChild(t, path) }))
	})
	t.Run("not synced", func(t *testing.T) {
		parallel(t)
		lost := cutOffDisk(t, pick(2, 5), func(path string) *exec.Cmd { return serveChild(t, path, noSyncVar) })
		for _, kind := range []string{isLost, isBack, isOther} {
			n := strings.Count(strings.Join(lost, "\n"), kind)
			if t.Logf("without syncing: %d times %q", n, kind); n == 0 {
				t.Errorf("without syncing nothing %s, so that would not be seen: %.2000q", kind, lost)
			}
		}
	})
}

// cutOffDisk cuts the disk off from servers that run starts, until one has
// lost something, and returns what. The disk has images on it before.
func cutOffDisk(t *testing.T, rounds int, run func(path string) *exec.Cmd) (lost []string) {
	const clients = 16
	disk, dir := newDisk(t, 4<<30), t.TempDir() // a file with holes
	path := filepath.Join(dir, "images.db")
	m := newModel()
	var acks, replaced, deleted, open int64
	mount(t, dir, "-o", "loop", disk)
	s := start(t, path)
	for i := range 10 * clients {
		if err := m.upload(s, fmt.Sprintf("before-%d.png", i), newPicture(20e3)); err != nil {
			t.Fatal(err)
		}
	}
	s.stop(t)
	s = launch(t, run(path))
	for round := range rounds {
		l := m.begin(s, fmt.Sprint(round), clients, 32<<20)
		// Some of each kind, and not for long: what is not synced the kernel writes after
		// five seconds.
		enough := 100 + rand.Int64N(200)
		if !eventually(func() bool { return l.acks.Load() >= enough && l.replaced.Load() >= 5 && l.deleted.Load() >= 5 }) {
			t.Errorf("%d requests were acknowledged, %d of them replaced and %d deleted an image", l.acks.Load(), l.replaced.Load(), l.deleted.Load())
		}
		shutdown(t, dir)
		l.done.Wait() // each client gets an error
		for _, err := range l.end() {
			if code := refusal(err); code/100 == 4 || code == http.StatusInsufficientStorage {
				t.Errorf("on a disk that failed: %v", err)
			}
		}
		acks, replaced, deleted = acks+l.acks.Load(), replaced+l.replaced.Load(), deleted+l.deleted.Load()
		open += int64(m.undecided())
		s.failed(t)
		s.kill()
		unmount(t, dir)
		mount(t, dir, "-o", "loop", disk) // which replays the journal
		if code, findings := execute(t, "check", "--db", path); code != 0 {
			return []string{"imageserver check: " + findings}
		}
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
	t.Logf("%d requests acknowledged, of them %d that replaced and %d that deleted, %d cut off, %d images in the end",
		acks, replaced, deleted, open, len(m.stored()))
	if replaced == 0 || deleted == 0 || open == 0 {
		t.Error("the disk was cut off while nothing was replaced or deleted")
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
