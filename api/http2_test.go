package api_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"imageserver/api/apitest"

	"imageserver/api"
)

// openStream sends a GET and reads the head of the response.
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

// TestHTTP2 checks that one connection serves all requests, also those that are refused.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	s := apitest.ServeOver(t, apitest.NewStore(t), api.Options{MaxUpload: 4 << 20}, true)
	var dialed atomic.Int64
	transport := s.HTTP.Transport.(*http.Transport)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dialed.Add(1) > 1 {
			t.Error("the client opens a second connection")
		}
		return dial(ctx, network, addr)
	}
	cat := apitest.Picture(t, 1, 1<<20)
	if url := s.Put(t, "/images/cat.png", cat).URL; url != s.URL+"/images/cat.png" || !strings.HasPrefix(url, "https://") {
		t.Errorf("the image's URL is %s", url)
	}
	s.Do(t, "POST", "/upload", apitest.FormType, apitest.Form(apitest.File("file", "large.png", apitest.Picture(t, 2, 12<<20)))).Refusal(t, http.StatusRequestEntityTooLarge, "too_large")
	s.Send(t, "PUT", "/images/large.png", "", apitest.Chunked(apitest.Picture(t, 2, 12<<20))).Refusal(t, http.StatusRequestEntityTooLarge, "too_large")
	s.Do(t, "PUT", "/images/large.png", "Expect: 100-continue", apitest.Picture(t, 2, 12<<20)).Refusal(t, http.StatusRequestEntityTooLarge, "too_large")
	s.Do(t, "PUT", "/images/a%2Fb", "", cat).Refusal(t, http.StatusBadRequest, "bad_name")
	s.Do(t, "GET", "/images/cat.png", "", "").WantImage(t, cat)
	part := s.Do(t, "GET", "/images/cat.png", "Range: bytes=1000-1999", "").Want(t, http.StatusPartialContent)
	if part.Body != cat[1000:2000] {
		t.Error("the range has other bytes than the image")
	}
	s.Do(t, "GET", "/images/cat.png?w=16", "", "").Want(t, http.StatusOK)
	s.Do(t, "DELETE", "/images/cat.png", "", "").Want(t, http.StatusNoContent)
}

// TestHTTP2StalledUpload checks that a client which stops sending gets an error, and that the
// connection still serves other requests.
func TestHTTP2StalledUpload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := apitest.ServePipes(t, apitest.NewStore(t), api.Options{Stall: stall}, 2)
		cat := apitest.Picture(t, 1, 1<<20)
		for _, sent := range []int{0, 100, 1 << 19, len(cat) - 1} {
			body, feed := io.Pipe()
			go io.WriteString(feed, cat[:sent])
			s.Send(t, "PUT", "/images/cat.png", "", body).Refusal(t, http.StatusRequestTimeout, "too_slow")
			feed.Close()
		}
		s.Put(t, "/images/cat.png", cat)
	})
}

// TestHTTP2StoppedReader checks that a client which reads no more of one response loses only
// that response.
func TestHTTP2StoppedReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := apitest.ServePipes(t, apitest.NewStore(t), api.Options{Stall: stall}, 2)
		s.Put(t, "/images/cat.png", apitest.Picture(t, 1, 16<<20)) // more than net/http's client buffers
		res := openStream(t, s, "/images/cat.png")
		s.Log.Wait(t, `"method":"GET"`, `"status":200`) // written when the handler ends
		if n, err := io.Copy(io.Discard, res.Body); err == nil {
			t.Errorf("all %d bytes were sent", n)
		}
		s.Do(t, "GET", "/livez", "", "").Want(t, http.StatusOK)
	})
}

// TestHTTP2StoppedConnection checks that a client which reads nothing more from the connection
// is dropped: the server cannot end a single stream.
func TestHTTP2StoppedConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stopped := new(throttle)
		s := throttled(t, stopped)
		s.Put(t, "/images/cat.png", apitest.Picture(t, 1, 16<<20))
		openStream(t, s, "/images/cat.png")
		stopped.stop()
		defer stopped.goOn()
		s.Log.Wait(t, `"method":"GET"`, `"status":200`)
	})
}

// TestHTTP2Share checks that requests which share a slow connection do not count as stalled.
func TestHTTP2Share(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const images, size, rate = 25, 256 << 10, 512 << 10
		s := throttled(t, &throttle{rate: rate})
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
		if took := time.Since(begin); took < 3*stall {
			t.Errorf("the test took %v, want it to take longer than a stall", took)
		}
	})
}

// throttled starts a server whose client reads no faster than limit.
func throttled(t *testing.T, limit *throttle) *apitest.Server {
	t.Helper()
	limit.turn = make(chan struct{}, 1)
	s := apitest.ServePipes(t, apitest.NewStore(t), api.Options{Stall: stall}, 2)
	transport := s.HTTP.Transport.(*http.Transport)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		return slowConn{c, limit}, err
	}
	return s
}

// throttle limits how fast connections are read.
type throttle struct {
	rate int           // bytes per second; 0 means no limit
	turn chan struct{} // full while somebody reads, or nobody may
}

func (l *throttle) stop() { l.turn <- struct{}{} }
func (l *throttle) goOn() { <-l.turn }

type slowConn struct {
	net.Conn
	limit *throttle
}

func (c slowConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.limit.stop()
	defer c.limit.goOn()
	if c.limit.rate > 0 {
		time.Sleep(time.Duration(n) * time.Second / time.Duration(c.limit.rate))
	}
	return n, err
}
