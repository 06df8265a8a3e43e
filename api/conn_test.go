package api_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	"imageserver/api/apitest"

	"imageserver/api"
)

// TestSteadyReader checks that a client which always reads, but little at a time, does not
// count as stalled. It needs real sockets and real time: the kernel decides when the server
// can write.
func TestSteadyReader(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("this system does not limit how much waits to be sent")
	}
	const stall = 3 * time.Second // on a busy machine this client must not seem to stall
	s := apitest.NewServer(t, api.Options{Stall: stall})
	content := apitest.Picture(t, 1, 12<<20)
	s.Put(t, "/images/cat.png", content)
	conn := s.Dial(t)
	// A full receive buffer is offered to the sender again only when a sixteenth of it is
	// free.
	if err := conn.TCP.SetReadBuffer(128 << 10); err != nil {
		t.Fatal(err)
	}
	conn.Request(t, "GET /images/cat.png", "")
	res, err := http.ReadResponse(conn.R, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 0, len(content))
	read := func(n int) {
		t.Helper()
		part := make([]byte, n)
		k, err := io.ReadFull(res.Body, part)
		got = append(got, part[:k]...)
		if err != nil {
			t.Fatalf("the connection ended after %d bytes: %v", len(got), err)
		}
	}
	read(6 << 20) // until the send buffer of the server has grown to its limit
	for begin := time.Now(); time.Since(begin) < 2*stall; time.Sleep(stall / 30) {
		read(40 << 10)
	}
	read(len(content) - len(got))
	if string(got) != content {
		t.Error("the content of the image changed")
	}
}

// TestAnswerSizes checks that responses of every size around the buffer of net/http arrive
// whole and in order, also when all requests were sent at once.
func TestAnswerSizes(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	var sizes []int
	for size := 1000; size < 9000; size += 199 {
		sizes = append(sizes, size)
	}
	sizes = append(sizes, 128<<10-4096, 128<<10, 256<<10+1, 1<<20)
	path := func(size int) string { return fmt.Sprintf("/images/%d.png", size) }
	for _, size := range sizes {
		s.Put(t, path(size), apitest.Picture(t, uint64(size), size))
	}
	conn := s.Dial(t)
	go func() {
		for _, size := range sizes {
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path(size))
		}
	}()
	for _, size := range sizes {
		conn.Answer(t, "GET").WantImage(t, apitest.Picture(t, uint64(size), size))
	}
}
