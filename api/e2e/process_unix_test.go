//go:build unix

package e2e_test

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestShutdown stops the server during an upload. The server accepts no more
// connections, finishes the upload, and ends.
func TestShutdown(t *testing.T) {
	parallel(t)
	path := filepath.Join(t.TempDir(), "images.db")
	s := start(t, path)
	before, p := newPicture(100e3), newPicture(3e6)
	mustPut(t, s, "before.png", before)

	slow := newModel().half(t, s, "slow.png", p)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if !eventually(func() bool { return strings.Contains(s.log.String(), "shutting down") && !listens(s) }) {
		t.Error("the server still takes connections after SIGTERM")
	}
	if err := slow.finish(); err != nil {
		t.Errorf("the upload in progress: %v, want it finished", err)
	}
	s.wait(t)

	s = start(t, path)
	s.check(t)
	checkWhole(t, s, "before.png", before)
	checkWhole(t, s, "slow.png", p)
}

// listens reports whether the server takes connections.
func listens(s *server) bool {
	conn, err := net.Dial("tcp", s.host())
	if err == nil {
		conn.Close()
	}
	return err == nil
}
