package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Linux answers at every address of 127.0.0.0/8, so clients can have addresses of
// their own.

// TestSlowCopyReaders asks for small copies of small pictures while others read a
// large copy, which the store does not keep, a byte a second. They must neither have
// it refused nor wait for them.
func TestSlowCopyReaders(t *testing.T) {
	for _, c := range pick([]slowCase{
		{"at once, one address", 52, 1, true},
	}, []slowCase{
		{"at once, one address", 52, 1, true},
		{"one by one, one address", 52, 1, false},
		{"one by one, many addresses", 52, 52, false},
	}) {
		t.Run(c.name, func(t *testing.T) {
			parallel(t)
			// Three 32nds of this memory are for copies that clients read.
			// The large copy has 6.6 MB, which is nearly all of that in the
			// short form.
			s := startNew(t, "--copies-budget", "0", "--resize-memory", pick("70MiB", "512MiB"))
			putSmall(t, s)
			putNoise(t, s, "large.png", image.NewNRGBA(image.Rect(0, 0, 1282, 1282)))
			most := watchMemory(t, s)
			readers := readCopySlowly(t, s, c)
			var p pace
			beside(t, time.Minute, &p, s.getSmall)
			readers.leave()
			t.Logf("small copies: %s; slow readers got %d copies, were refused %d and cut off %d times; at most %d MiB of memory",
				&p, readers.began.Load(), readers.refused.Load(), readers.cutOff.Load(), most()>>20)
			if readers.began.Load() == 0 {
				t.Error("no slow reader got a copy: this test sees nothing")
			}
			if p99 := p.percentile(99); whole && p99 > prompt {
				t.Errorf("the 99th percentile of small copies is %s, want at most %s", p99, prompt)
			}
		})
	}
}

// TestGreedyClient asks for small copies of small pictures while a client with 280
// connections asks for others, one after the other, each a new one.
func TestGreedyClient(t *testing.T) {
	for _, flags := range [][]string{nil, {"--token", "a secret of this test"}} {
		t.Run(fmt.Sprint(flags), func(t *testing.T) {
			parallel(t)
			s := startNew(t, flags...)
			if flags != nil {
				s.client.Transport = bearer{flags[1], s.client.Transport}
			}
			putSmall(t, s)
			const pictures = 20
			for i := range pictures {
				putNoise(t, s, fmt.Sprintf("medium-%d.png", i), image.NewGray(image.Rect(0, 0, pick(400, 1600), pick(300, 1200))))
			}
			g := newGreedy(t, s, 280, func(i int) string {
				w, h, q := box(i / pictures)
				return fmt.Sprintf("/images/medium-%d.png?w=%d&h=%d&q=%d&fit=cover", i%pictures, w, h, q)
			})
			var p pace
			beside(t, time.Minute, &p, s.getSmall)
			g.leave()
			t.Logf("small copies: %s; the other client got %d copies and was refused %d", &p, g.got.Load(), g.refused.Load())
			if p99 := p.percentile(99); whole && p99 > prompt {
				t.Errorf("the 99th percentile of small copies is %s, want at most %s", p99, prompt)
			}
		})
	}
}

// TestLargePictures asks for small copies of small pictures while other clients have large
// pictures resized, one after the other, as many at a time as there are turns. Each takes
// seconds and most of the memory.
func TestLargePictures(t *testing.T) {
	parallel(t)
	side := pick(2500, 4500)
	s := startNew(t, "--copies-budget", "0", "--resize-memory", fmt.Sprint(side*side*8*5/2))
	putSmall(t, s)
	data := deepPNG(t, side, side, 1)
	for i := range 4 {
		if _, err := s.put(fmt.Sprintf("large-%d.png", i), bytes.NewReader(append(data[:len(data):len(data)], byte(i))), int64(len(data)+1)); err != nil {
			t.Fatal(err)
		}
	}
	g := newGreedy(t, s, 8, func(i int) string {
		w, h, _ := box(i)
		return fmt.Sprintf("/images/large-%d.png?w=%d&h=%d&fit=cover&format=png", i%4, w, h)
	})
	var p pace
	beside(t, time.Minute, &p, s.getSmall)
	g.leave()
	t.Logf("small copies: %s; the other clients got %d large ones and were refused %d", &p, g.got.Load(), g.refused.Load())
	if p99 := p.percentile(99); whole && p99 > prompt {
		t.Errorf("the 99th percentile of small copies is %s, want at most %s", p99, prompt)
	}
}

const smallPictures = 20

// putSmall uploads the pictures of getSmall.
func putSmall(t *testing.T, s *server) {
	t.Helper()
	for i := range smallPictures {
		putNoise(t, s, fmt.Sprintf("small-%d.png", i), image.NewGray(image.Rect(0, 0, 320, 240)))
	}
}

// getSmall gets a small copy. For each i it is another one.
func (s *server) getSmall(i int) error {
	w, h, q := box(i / smallPictures)
	resp, err := s.open(fmt.Sprintf("/images/small-%d.png?w=%d&h=%d&q=%d&fit=cover", i%smallPictures, w, h, q))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	m, kind, err := image.DecodeConfig(resp.Body)
	if err == nil && (kind != "jpeg" || m.Width != w || m.Height != h) {
		err = fmt.Errorf("got a %s of %d × %d pixels, want a jpeg of %d × %d", kind, m.Width, m.Height, w, h)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
	}
	return err
}

// box returns the size and the quality of the i-th small copy of a picture.
func box(i int) (w, h, quality int) {
	sides := []int{200, 160, 128, 96, 64, 48, 32, 24, 16}
	n := len(sides)
	return sides[i%n], sides[i/n%n], []int{40, 60, 80, 90, 100}[i/n/n%5]
}

// putNoise uploads a PNG of noise, which cannot be compressed. m is a new
// *image.Gray, or an *image.NRGBA.
func putNoise(t *testing.T, s *server, name string, m image.Image) {
	t.Helper()
	seed := [32]byte{}
	copy(seed[:], name)
	noise := rand.NewChaCha8(seed)
	switch m := m.(type) {
	case *image.Gray:
		noise.Read(m.Pix)
	case *image.NRGBA:
		noise.Read(m.Pix)
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	if _, err := s.put(name, bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil {
		t.Fatal(err)
	}
}

// bearer sends an access token with every request.
type bearer struct {
	token string
	http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.RoundTripper.RoundTrip(r)
}

// dialer is that of the i-th client, whose address is not the one of the others.
func dialer(i int) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i))}}
}

// copyReaders are clients that read a copy of large.png, a byte a second. One that is
// refused or cut off asks again after a second, and the others after ten.
type copyReaders struct {
	leave                  func() // ends all of them
	began, refused, cutOff atomic.Int64
}

// slowCase is a crowd of copyReaders.
type slowCase struct {
	name               string
	readers, addresses int
	atOnce             bool // they share a copy; otherwise each has one made, if it may
}

// readCopySlowly returns when every reader has had an answer.
func readCopySlowly(t *testing.T, s *server, c slowCase) *copyReaders {
	r := new(copyReaders)
	var first sync.WaitGroup
	var start func(func(context.Context))
	start, r.leave = clients(t)
	for i := range c.readers {
		first.Add(1)
		answered := sync.OnceFunc(first.Done)
		start(func(ctx context.Context) {
			for ; ctx.Err() == nil; sleep(ctx, time.Second) {
				r.read(ctx, s.host(), i%c.addresses, answered)
			}
		})
		if !c.atOnce {
			first.Wait()
		}
	}
	first.Wait()
	return r
}

// read asks for a copy and reads it slowly. It calls answered with the first byte.
func (r *copyReaders) read(ctx context.Context, host string, client int, answered func()) {
	ctx, end := context.WithTimeout(ctx, 10*time.Second)
	defer end()
	d := dialer(client)
	d.Control = func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
	}
	conn, err := d.DialContext(ctx, "tcp", host)
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	fmt.Fprintf(conn, "GET /images/large.png?w=1280 HTTP/1.1\r\nHost: %s\r\n\r\n", host)
	status := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(conn, status); err != nil {
		return
	}
	answered()
	if string(status[len(status)-3:]) != "200" {
		r.refused.Add(1)
		return
	}
	r.began.Add(1)
	for b := make([]byte, 1); ; sleep(ctx, time.Second) {
		if _, err := conn.Read(b); err != nil {
			if ctx.Err() == nil {
				r.cutOff.Add(1)
			}
			return
		}
	}
}

// queueLength is the number of copies that the server makes or lets wait.
const queueLength = 256

// greedy is one client with many connections.
type greedy struct {
	leave        func() // ends all of them
	got, refused atomic.Int64
}

// newGreedy returns when the queue is full and the client was refused once. A client with
// fewer connections than the queue has places never fills it: then newGreedy returns when
// the client got one copy.
func newGreedy(t *testing.T, s *server, connections int, path func(i int) string) *greedy {
	g := new(greedy)
	var next atomic.Int64
	full := make(chan struct{})
	fill := sync.OnceFunc(func() { close(full) })
	client := &http.Client{Transport: &http.Transport{DialContext: dialer(0).DialContext, MaxIdleConnsPerHost: connections}}
	t.Cleanup(client.CloseIdleConnections)
	var start func(func(context.Context))
	start, g.leave = clients(t)
	for range connections {
		start(func(ctx context.Context) {
			for ctx.Err() == nil {
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path(int(next.Add(1))), nil)
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := client.Do(r)
				if err != nil {
					continue
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					g.got.Add(1)
					if connections < queueLength {
						fill()
					}
					continue
				}
				fill()
				g.refused.Add(1)
				sleep(ctx, time.Second)
			}
		})
	}
	select {
	case <-full:
	case <-time.After(requestTimeout):
		t.Fatal("the queue does not become full: this test sees nothing")
	}
	return g
}

// clients returns a function that starts a client, and one that ends all of them.
func clients(t *testing.T) (start func(client func(context.Context)), leave func()) {
	ctx, quit := context.WithCancel(t.Context())
	var all sync.WaitGroup
	leave = func() {
		quit()
		all.Wait()
	}
	t.Cleanup(leave)
	return func(client func(context.Context)) { all.Go(func() { client(ctx) }) }, leave
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
