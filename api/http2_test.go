package api_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"imageserver/api/apitest"

	"imageserver/api"
)

// newHTTP2Server starts a server whose client has one connection to it, over
// HTTP/2, made by wrap from that to the server's port.
func newHTTP2Server(t *testing.T, o api.Options, wrap func(*net.TCPConn) net.Conn) *apitest.Server {
	t.Helper()
	s := apitest.ServeOver(t, apitest.NewStore(t), o, true)
	dialed := 0
	s.HTTP.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dialed++; dialed > 1 {
			t.Error("there is a second connection")
		}
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil || wrap == nil {
			return c, err
		}
		return wrap(c.(*net.TCPConn)), nil
	}
	return s
}

// openStream sends a GET and reads the answer's head.
func openStream(t *testing.T, s *apitest.Server, path string) *http.Response {
	t.Helper()
	res, err := s.HTTP.Get(s.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if res.ProtoMajor != 2 || res.StatusCode != http.StatusOK {
		t.Fatalf("got %s %s, want 200 over HTTP/2", res.Proto, res.Status)
	}
	return res
}

// TestHTTP2: one connection serves everything, refusals too.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	s := newHTTP2Server(t, api.Options{MaxUpload: 4 << 20}, nil)
	cat := apitest.Picture(t, 1, 1<<20)
	if url := s.Put(t, "/images/cat.png", cat).URL; url != s.URL+"/images/cat.png" || !strings.HasPrefix(url, "https://") {
		t.Errorf("the image's URL is %s", url)
	}
	s.Do(t, "POST", "/upload", apitest.FormType, apitest.Form(apitest.File("file", "large.png", apitest.Picture(t, 2, 12<<20)))).Refusal(t, http.StatusRequestEntityTooLarge, "too_large")
	s.Send(t, "PUT", "/images/large.png", "", apitest.Chunked(apitest.Picture(t, 2, 12<<20))).Refusal(t, http.StatusRequestEntityTooLarge, "too_large")
	s.Do(t, "PUT", "/images/large.png", "Expect: 100-continue", apitest.Picture(t, 2, 12<<20)).Refusal(t, http.StatusRequestEntityTooLarge, "too_large")
	s.Do(t, "PUT", "/images/a%2Fb", "", cat).Refusal(t, http.StatusBadRequest, "bad_name")
	s.Do(t, "GET", "/images/cat.png", "", "").WantImage(t, cat)
	part := s.Do(t, "GET", "/images/cat.png", "Range: bytes=1000-1999", "")
	part.Want(t, http.StatusPartialContent)
	if part.Body != cat[1000:2000] {
		t.Error("the part is not the image's")
	}
	s.Do(t, "GET", "/images/cat.png?w=16", "", "").Want(t, http.StatusOK)
	s.Do(t, "DELETE", "/images/cat.png", "", "").Want(t, http.StatusNoContent)
}

// TestHTTP2StalledUpload: who stops sending is told, and others on the
// connection go on.
func TestHTTP2StalledUpload(t *testing.T) {
	t.Parallel()
	s := newHTTP2Server(t, api.Options{Stall: stall}, nil)
	cat := apitest.Picture(t, 1, 3<<20)
	for _, sent := range []int{0, 100, 1 << 20, len(cat) - 1} {
		body, feed := io.Pipe()
		go io.WriteString(feed, cat[:sent])
		s.Send(t, "PUT", "/images/cat.png", "", body).Refusal(t, http.StatusRequestTimeout, "too_slow")
		feed.Close()
	}
	s.Put(t, "/images/cat.png", cat)
}

// TestHTTP2StoppedReader: who takes no more of one answer loses that one.
func TestHTTP2StoppedReader(t *testing.T) {
	t.Parallel()
	s := newHTTP2Server(t, api.Options{Stall: stall}, nil)
	s.Put(t, "/images/cat.png", apitest.Picture(t, 1, 16<<20)) // more than the stream may hold
	res := openStream(t, s, "/images/cat.png")
	s.Log.Wait(t, `"method":"GET"`, `"status":200`) // written when the handler ends
	if n, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Errorf("all %d bytes were sent", n)
	}
	s.Do(t, "GET", "/livez", "", "").Want(t, http.StatusOK)
}

// TestHTTP2StoppedConnection: who reads nothing at all any more is dropped, for
// then no stream can be told that it ends.
func TestHTTP2StoppedConnection(t *testing.T) {
	t.Parallel()
	stopped := new(throttle)
	s := newHTTP2Server(t, api.Options{Stall: stall}, stopped.wrap)
	s.Put(t, "/images/cat.png", apitest.Picture(t, 1, 16<<20))
	openStream(t, s, "/images/cat.png")
	stopped.Lock()
	defer stopped.Unlock()
	s.Log.Wait(t, `"method":"GET"`, `"status":200`)
}

// TestHTTP2Share: requests that share a slow connection are slow, each for
// itself, and have not stalled.
func TestHTTP2Share(t *testing.T) {
	t.Parallel()
	const images, size, rate = 25, 256 << 10, 4 << 20
	slow := &throttle{rate: rate}
	s := newHTTP2Server(t, api.Options{Stall: stall}, slow.wrap)
	content := apitest.Picture(t, 1, size)
	s.Put(t, "/images/cat.png", content)
	begin := time.Now()
	var all sync.WaitGroup
	for range images {
		all.Go(func() {
			a, err := s.Try(t, "GET", "/images/cat.png", "", nil)
			if err != nil || a.Body != content {
				t.Errorf("got %d bytes, %v, want the image", len(a.Body), err)
			}
		})
	}
	all.Wait()
	if took := time.Since(begin); took < images*size*time.Second/rate {
		t.Fatalf("the test took %v, want it to be slow", took)
	}
}

// throttle makes connections from which only so much is read in a second. While
// it is locked nothing is.
type throttle struct {
	sync.Mutex
	rate int // bytes a second; 0 means no limit
}

func (l *throttle) wrap(c *net.TCPConn) net.Conn {
	if err := c.SetReadBuffer(256 << 10); err != nil {
		panic(fmt.Sprint("a connection just made: ", err))
	}
	return throttled{c, l}
}

type throttled struct {
	net.Conn
	limit *throttle
}

func (c throttled) Read(p []byte) (int, error) {
	c.limit.Lock()
	defer c.limit.Unlock()
	n, err := c.Conn.Read(p)
	if c.limit.rate > 0 {
		time.Sleep(time.Duration(n) * time.Second / time.Duration(c.limit.rate))
	}
	return n, err
}
