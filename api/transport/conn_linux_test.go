package transport

import (
	"errors"
	"net"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestWriteWhileWaiting: a write fails at once while room waits for a client that does not
// read, and closing the connection ends the wait. Otherwise tls.Conn.Close waits 5 seconds
// for each such client.
func TestWriteWhileWaiting(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := Listener(l).Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := conn.(*gatherConn)
	// Fill the buffers of both ends, so that room has to wait.
	for block := make([]byte, 64<<10); err == nil; _, err = c.Write(block) {
		if err := c.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := c.room(2 * SmallRoom)
		ended <- err
	}()
	for !c.waiting.Load() {
		runtime.Gosched()
	}
	if n, err := c.Write([]byte("alert")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Write while room waits: got %d, %v, want an error", n, err)
	}
	c.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("room after Close: got %v, want %v", err, net.ErrClosed)
	}
}
