//go:build unix

package e2e_test

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestShutdown tells the server to stop while an upload is under way: it takes
// no more connections, finishes that, and ends.
func TestShutdown(t *testing.T) {
	parallel(t)
	path := filepath.Join(t.TempDir(), "images.db")
	s := start(t, path)
	before, p := newPicture(100e3), newPicture(3e6)
	mustPut(t, s, "before.png", before)

	slow, feed := io.Pipe()
	answered := make(chan error, 1)
	go func() {
		// Without this the half might lie in a connection that the server
		// has not accepted yet. So it is sent when the server reads.
		resp, err := s.send(http.MethodPut, imagePath("slow.png"), slow, p.size, http.Header{"Expect": {"100-continue"}})
		if err == nil {
			err = read(resp, nil)
		}
		answered <- err
	}()
	content := p.open()
	if _, err := io.CopyN(feed, content, p.size/2); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if !eventually(func() bool { return strings.Contains(s.log.String(), "shutting down") && !listens(s) }) {
		t.Error("the server still takes connections after SIGTERM")
	}
	if _, err := io.Copy(feed, content); err != nil {
		t.Error(err)
	}
	feed.Close()
	if err := <-answered; err != nil {
		t.Errorf("the upload under way: %v, want it finished", err)
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
