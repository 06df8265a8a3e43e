package e2e_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	prompt      = time.Second // the 99th percentile of healthy requests beside hostile ones, in the whole form
	stalledRoom = 320 << 20   // memory that the server may take meanwhile
	perStalled  = 64 << 10    // and for each stalled connection
)

// stalledCase is a crowd of clients that announce an upload, send a part of it
// and then nothing.
type stalledCase struct {
	clients int
	sent    int // bytes of the image
	way     way
}

// renewal is how long a client keeps its connection before it comes again. 2,000
// clients send 0.5 or 33 MB/s so.
func (c stalledCase) renewal() time.Duration {
	if c.sent < 100e3 {
		return 20 * time.Second
	}
	return time.Minute
}

// way is how an image is uploaded.
type way struct {
	name string
	head func(host, length string) string // of the request
	file []byte                           // how the image begins
	send func(s *server, i int) error     // uploads one that is whole
}

var (
	byPut = way{
		name: "PUT",
		head: func(host, length string) string {
			return "PUT /images/stalled.png HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: " + length + "\r\n\r\n"
		},
		file: onePixel,
		send: func(s *server, i int) error {
			p := healthy(i)
			_, err := s.put(fmt.Sprintf("put-%d.png", i), p.open(), p.size)
			return err
		},
	}
	byForm = way{
		name: "POST",
		head: func(host, length string) string {
			f := newForm("stalled.png")
			return "POST /upload HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: " + f.kind + "\r\nContent-Length: " + length + "\r\n\r\n" + string(f.head)
		},
		file: onePixel,
		send: func(s *server, i int) error {
			p := healthy(i)
			_, err := s.post(fmt.Sprintf("post-%d.png", i), p.open(), p.size)
			return err
		},
	}
	byStrip = way{
		name: "PUT ?strip",
		head: func(host, length string) string {
			return "PUT /images/stalled.webp?strip=1 HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: " + length + "\r\n\r\n"
		},
		file: []byte("RIFF\xf0\xff\x3f\x00WEBPVP8 \x00\xff\x3f\x00"),
		send: func(s *server, i int) error {
			file, err := os.Open(filepath.Join("..", "..", "testdata", "page.webp"))
			if err != nil {
				return err
			}
			defer file.Close()
			resp, err := s.send(http.MethodPut, fmt.Sprintf("/images/strip-%d.webp?strip=1", i), file, -1, nil)
			if err != nil {
				return err
			}
			return read(resp, nil)
		},
	}
)

// healthy returns a picture to upload: one of 20 kB, and at times one of 1 MB.
func healthy(i int) picture {
	if i%4 == 3 {
		return newPicture(1e6)
	}
	return newPicture(20e3)
}

// TestStalledClients uploads beside many clients that stall. No upload may be
// refused or have to wait for them, and the server's memory stays bounded.
func TestStalledClients(t *testing.T) {
	for _, c := range pick([]stalledCase{
		{64, 1e6, byPut}, {300, 5e3, byForm}, {100, 1e6, byStrip},
	}, []stalledCase{
		{512, 5e3, byPut}, {2000, 5e3, byPut}, {512, 1e6, byPut}, {2000, 1e6, byPut},
		{512, 5e3, byForm}, {2000, 5e3, byForm}, {512, 1e6, byForm}, {2000, 1e6, byForm},
		{512, 5e3, byStrip}, {2000, 5e3, byStrip}, {512, 1e6, byStrip}, {2000, 1e6, byStrip},
	}) {
		t.Run(fmt.Sprintf("%d clients, %d kB, %s", c.clients, c.sent/1000, c.way.name), func(t *testing.T) {
			parallel(t)
			s := startNew(t, "--upload-memory", pick("4MiB", "64MiB"))
			most := watchMemory(t, s)
			crowd := newCrowd(t, s, c)
			var p pace
			beside(t, 2*time.Minute, &p, func(i int) error { return c.way.send(s, i) })
			crowd.leave()
			high := most()
			t.Logf("uploads: %s; %d connections, %d dropped; at most %d MiB of memory", &p, crowd.began.Load(), crowd.dropped.Load(), high>>20)
			if limit := int64(stalledRoom + perStalled*c.clients); high > limit {
				t.Errorf("%d bytes of memory, want at most %d", high, limit)
			}
			if p99 := p.percentile(99); whole && p99 > prompt {
				t.Errorf("the 99th percentile of uploads is %s, want at most %s", p99, prompt)
			}
		})
	}
}

// beside has two healthy clients send requests: a number of them, or in the whole form
// for so long.
func beside(t *testing.T, long time.Duration, p *pace, send func(i int) error) {
	var next atomic.Int64
	until := time.Now().Add(long)
	var clients sync.WaitGroup
	for range 2 {
		clients.Go(func() {
			for {
				i := int(next.Add(1))
				if t.Failed() || !whole && i > 40 || whole && time.Now().After(until) {
					return
				}
				p.time(t, func() error { return send(i) })
				time.Sleep(pick(time.Duration(0), 50*time.Millisecond))
			}
		})
	}
	clients.Wait()
}

// crowd is the clients of a stalledCase.
type crowd struct {
	stalledCase
	host           string
	leave          func() // ends all clients
	began, dropped atomic.Int64
}

// newCrowd returns when all clients have stalled or been dropped once. In the whole
// form their beginnings are spread evenly over the time of a renewal.
func newCrowd(t *testing.T, s *server, c stalledCase) *crowd {
	w := &crowd{stalledCase: c, host: s.host()}
	ctx, quit := context.WithCancel(t.Context())
	var first, all sync.WaitGroup
	w.leave = func() {
		quit()
		all.Wait()
	}
	t.Cleanup(w.leave)
	for range c.clients {
		first.Add(1)
		begun := sync.OnceFunc(first.Done)
		all.Go(func() {
			defer begun()
			time.Sleep(pick(0, rand.N(c.renewal())))
			for ctx.Err() == nil {
				period, end := context.WithTimeout(ctx, c.renewal())
				w.stall(period, begun)
				<-period.Done()
				end()
			}
		})
	}
	first.Wait()
	return w
}

// stall sends a part of an upload, calls sent, and keeps the connection until ctx
// ends or the server drops it.
func (w *crowd) stall(ctx context.Context, sent func()) {
	conn, err := net.Dial("tcp", w.host)
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	defer conn.Close()
	w.began.Add(1)
	io.WriteString(conn, w.way.head(w.host, fmt.Sprint(4<<20))+string(w.way.file))
	conn.Write(make([]byte, w.sent-len(w.way.file)))
	sent()
	io.Copy(io.Discard, conn)
	if ctx.Err() == nil {
		w.dropped.Add(1)
	}
}
