package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// memory returns the bytes that the server holds in memory of its own, which
// the pages of the data file are not.
func (s *server) memory(t testing.TB) (bytes int64) {
	t.Helper()
	return 1024 * s.procField(t, "status", "RssAnon:")
}

// written returns the bytes that the kernel wrote to disks for the server.
func (s *server) written(t testing.TB) (bytes int64) {
	t.Helper()
	return s.procField(t, "io", "write_bytes:")
}

// procField reads a number from a file of the server's in /proc.
func (s *server) procField(t testing.TB, file, field string) (n int64) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.cmd.Process.Pid, file))
	if err != nil {
		t.Error(err)
		return 0
	}
	_, value, _ := strings.Cut(string(b), field)
	if _, err := fmt.Sscan(value, &n); err != nil {
		t.Errorf("%s of the server has no %s: %v", file, field, err)
	}
	return n
}

// settle waits until the server does nothing: its threads wait, and none of them only for a
// processor.
func (s *server) settle(t testing.TB) {
	t.Helper()
	quiet := 0 // looks in a row
	if !eventually(func() bool {
		if quiet++; s.busy(t) {
			quiet = 0
		}
		return quiet == 10
	}) {
		t.Error("the server does not become quiet")
	}
}

// busy reports whether a thread of the server runs, could run or waits for a disk.
func (s *server) busy(t testing.TB) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.cmd.Process.Pid))
	if err != nil || len(threads) == 0 {
		t.Errorf("the threads of the server: %d, %v", len(threads), err)
	}
	for _, name := range threads {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		_, state, _ := strings.Cut(string(b), ") ") // after the name
		if strings.HasPrefix(state, "R") || strings.HasPrefix(state, "D") {
			return true
		}
	}
	return false
}

// watchMemory looks at the server's memory until the function it returns is
// called, which tells how much it was at most.
func watchMemory(t testing.TB, s *server) (most func() int64) {
	t.Helper()
	var high int64
	var done sync.WaitGroup
	quit := make(chan struct{})
	done.Go(func() {
		for {
			high = max(high, s.memory(t))
			select {
			case <-quit:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return func() int64 {
		close(quit)
		done.Wait()
		return high
	}
}

// onDisk skips a test whose files lie in memory: for those the kernel does not
// count what it writes.
func onDisk(t testing.TB, dir string) {
	t.Helper()
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	if fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.RAMFS_MAGIC {
		unavailable(t, "TMPDIR is in memory, where nothing is written; set it to a folder on a disk")
	}
}
