package api_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"

	"imageserver/api"
	"imageserver/api/apitest"
	"imageserver/api/transport"
)

// TestGetBudget holds down what a GET costs, with log, metrics and deadlines on: objects and
// bytes that are allocated, and system calls that write to the connection. On an idle machine a
// GET allocates 30 objects and 3.9 kB, and on a busy machine one object more. net/http needs 22
// objects and 2.6 kB for any response.
func TestGetBudget(t *testing.T) { // not parallel: it counts the allocations of the whole program
	if *apitest.Secure || raced() || runtime.GOOS != "linux" {
		t.Skip("only a plain connection on Linux gets images without a copy, and the race detector allocates")
	}
	for _, size := range []int{20_000, 100_000} {
		for _, test := range []struct {
			method, header string
			status         string
			objects, bytes int
		}{
			{"GET", "", "200", 32, 4400},
			{"HEAD", "", "200", 32, 4400},
			{"GET", "If-None-Match: *\r\n", "304", 32, 3600},
			{"GET", "Range: bytes=1000-9999\r\n", "206", 46, 5000},
		} {
			t.Run(fmt.Sprintf("%s%s%d", test.method, test.status, size), func(t *testing.T) {
				address, writes := countedServer(t, apitest.Picture(t, 1, size))
				request := test.method + " /images/cat.png HTTP/1.1\r\nHost: " + address + "\r\nUser-Agent: test\r\nAccept: */*\r\n" + test.header + "\r\n"
				client := newFrugal(t, address, request, test.status)
				client.repeat(t, 100)
				const n = 200
				objects, allocated := 1<<30, 1<<30
				before := writes.Load()
				for range 5 { // the lowest of five: other goroutines allocate, too
					var a, b runtime.MemStats
					runtime.ReadMemStats(&a)
					client.repeat(t, n)
					runtime.ReadMemStats(&b)
					objects = min(objects, int(b.Mallocs-a.Mallocs)/n)
					allocated = min(allocated, int(b.TotalAlloc-a.TotalAlloc)/n)
				}
				t.Logf("%d objects, %d bytes", objects, allocated)
				if objects > test.objects || allocated > test.bytes {
					t.Errorf("%d objects and %d bytes for each request, want at most %d and %d", objects, allocated, test.objects, test.bytes)
				}
				if got := writes.Load() - before; got > 5*n {
					t.Errorf("%d system calls wrote %d responses, want one for each", got, 5*n)
				}
			})
		}
	}
}

// raced reports whether the race detector is on.
func raced() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// countedServer starts a server with one image, cat.png. The result counts the system calls
// that write to its connections.
func countedServer(t *testing.T, image string) (address string, writes *atomic.Int64) {
	t.Helper()
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	handler := api.New(apitest.NewStore(t), http.NotFoundHandler(), api.Options{Log: log, Metrics: api.NewMetrics()})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	writes = new(atomic.Int64)
	server := &http.Server{Handler: handler, ConnContext: transport.ConnContext}
	go server.Serve(transport.Listener(countingListener{l, writes}))
	t.Cleanup(func() { server.Close() })
	address = l.Addr().String()
	c := newFrugal(t, address, "PUT /images/cat.png HTTP/1.1\r\nHost: "+address+"\r\nContent-Length: "+strconv.Itoa(len(image))+"\r\n\r\n"+image, "201")
	c.repeat(t, 1)
	return address, writes
}

type countingListener struct {
	net.Listener
	writes *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &countingConn{c.(*net.TCPConn), l.writes}, nil
}

// countingConn counts the calls that write. transport writes either with Write or with the
// Write of the syscall.RawConn.
type countingConn struct {
	*net.TCPConn
	writes *atomic.Int64
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.TCPConn.Write(p)
}

func (c *countingConn) SyscallConn() (syscall.RawConn, error) {
	raw, err := c.TCPConn.SyscallConn()
	return countingRaw{raw, c.writes}, err
}

type countingRaw struct {
	syscall.RawConn
	writes *atomic.Int64
}

func (r countingRaw) Write(f func(fd uintptr) bool) error {
	r.writes.Add(1)
	return r.RawConn.Write(f)
}

// frugal is a client that allocates nothing for a request.
type frugal struct {
	conn    net.Conn
	request []byte
	status  []byte
	buf     []byte
	noBody  bool
}

func newFrugal(t *testing.T, address, request, status string) *frugal {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &frugal{conn, []byte(request), []byte("HTTP/1.1 " + status), make([]byte, 256<<10), request[:4] == "HEAD"}
}

// repeat sends the request n times and reads the responses.
func (f *frugal) repeat(t *testing.T, n int) {
	t.Helper()
	for range n {
		if _, err := f.conn.Write(f.request); err != nil {
			t.Fatal(err)
		}
		for have, want := 0, -1; want < 0 || have < want; {
			k, err := f.conn.Read(f.buf[have:])
			if err != nil {
				t.Fatal(err)
			}
			have += k
			if head := bytes.Index(f.buf[:have], endOfHead); want < 0 && head >= 0 {
				want = head + len(endOfHead)
				if !f.noBody {
					want += contentLength(f.buf[:head])
				}
			}
		}
		if !bytes.HasPrefix(f.buf, f.status) {
			t.Fatalf("got %.60q, want %s", f.buf, f.status)
		}
	}
}

var endOfHead, lengthField = []byte("\r\n\r\n"), []byte("\r\nContent-Length: ")

// contentLength returns the Content-Length in the head of a response, or 0.
func contentLength(head []byte) (n int) {
	_, value, _ := bytes.Cut(head, lengthField)
	for _, digit := range value {
		if digit < '0' || digit > '9' {
			break
		}
		n = 10*n + int(digit-'0')
	}
	return n
}
