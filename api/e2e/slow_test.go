package e2e_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// In the whole form, on a machine that does nothing else, no request may take longer
	// than slowest, and 99 of 100 reads must take at most quick. In the short form the
	// client's timeout fails a request that waits for the slow readers: it is shorter than
	// the minute after which the server disconnects them.
	slowest = 2 * time.Second
	quick   = 100 * time.Millisecond
	stall   = 50 * time.Second // the server waits a minute for a client that takes no more

	// uploadRate is what each uploader sends in a second. Without a limit this
	// process takes all there is of the processors, and the reads wait for it.
	uploadRate = 6e6
)

// TestSlowReaders has many clients read a byte a second, for which the server
// waits, while others upload and the file grows: nobody else may wait.
func TestSlowReaders(t *testing.T) {
	const uploaders, readers = 16, 4
	parallel(t)
	s := startNew(t)
	// The systems' buffers between server and client take 4 MB of the large one.
	large, small := newPicture(6e6), newPicture(20e3)
	mustPut(t, s, "large.png", large)
	mustPut(t, s, "small.png", small)

	slow := make([]*slowReader, pick(50, 200))
	for i := range slow {
		slow[i] = newSlowReader(t, s, "large.png")
	}
	var uploads pace
	var uploading sync.WaitGroup
	stopReading := readBeside(t, s, "small.png", small, readers, 5*time.Millisecond)
	began := time.Now()
	total, enough := atomic.Int64{}, pick[int64](60e6, 500e6)
	for c := range uploaders {
		uploading.Go(func() {
			next := time.Now()
			for i := 0; total.Load() < enough && !t.Failed(); i++ {
				p := pictureBetween(20e3, 2e6)
				uploads.time(t, func() error {
					_, err := s.put(fmt.Sprintf("%d-%d.png", c, i), p.open(), p.size)
					return err
				})
				total.Add(p.size)
				next = next.Add(time.Duration(p.size) * time.Second / uploadRate)
				time.Sleep(time.Until(next))
			}
		})
	}
	uploading.Wait()
	took := time.Since(began)
	reads := stopReading(100)

	t.Logf("%d MB uploaded in %.1f s (%.0f MB/s) beside %d slow readers", total.Load()/1e6, took.Seconds(), float64(total.Load())/1e6/took.Seconds(), len(slow))
	t.Logf("reads:   %s", reads)
	t.Logf("uploads: %s", &uploads)
	if p99 := reads.percentile(99); whole && p99 > quick {
		t.Errorf("the 99th percentile of reads is %s, want at most %s", p99, quick)
	}
	for what, p := range map[string]*pace{"read": reads, "upload": &uploads} {
		if longest := p.percentile(100); whole && longest > slowest {
			t.Errorf("a %s took %s, want at most %s", what, longest, slowest)
		}
	}
	if took < stall && strings.Contains(s.log.String(), `"method":"GET","path":"/images/large.png"`) {
		t.Error("the server has answered a slow client whole, so it never had to wait for it")
	}
	// Slowness costs the slow clients nothing: they can read the rest.
	sum := large.sum()
	each(8, slow[:pick(10, len(slow))], func(r *slowReader) {
		taken, got, err := r.rest()
		if since := time.Since(r.began); err != nil && since > stall {
			return
		}
		if err != nil || got != sum {
			t.Errorf("a client that read slowly has the digest %s, error %v; want %s", got, err, sum)
		}
		if taken > 1000 {
			t.Errorf("a slow client had read %d bytes, which is not slow", taken)
		}
	})
}

// slowReader is a client that reads a byte a second.
type slowReader struct {
	conn  net.Conn
	began time.Time
	read  bytes.Buffer
	quit  chan struct{}
	done  chan struct{}
	err   error
}

func newSlowReader(t *testing.T, s *server, name string) *slowReader {
	t.Helper()
	conn, err := net.Dial("tcp", s.host())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", imagePath(name), s.host()); err != nil {
		t.Fatal(err)
	}
	r := &slowReader{conn: conn, began: time.Now(), quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for {
			if _, r.err = io.CopyN(&r.read, conn, 1); r.err != nil {
				return
			}
			select {
			case <-r.quit:
				return
			case <-time.After(time.Second):
			}
		}
	}()
	return r
}

// rest reads what is left as fast as it comes. It returns how much had been
// read slowly, and the image's SHA-256.
func (r *slowReader) rest() (slowly int, sum string, err error) {
	close(r.quit)
	r.conn.SetReadDeadline(time.Now().Add(requestTimeout))
	<-r.done
	slowly = r.read.Len()
	if r.err != nil {
		return slowly, "", r.err
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(&r.read, r.conn)), nil)
	if err != nil {
		return slowly, "", err
	}
	defer resp.Body.Close()
	h := sha256.New()
	_, err = io.Copy(h, resp.Body)
	return slowly, hexSum(h), err
}

// readBeside has clients read an image, each again after a pause. The function returned
// ends that when there were so many reads, and returns how long they took.
func readBeside(t *testing.T, s *server, name string, p picture, clients int, pause time.Duration) (stop func(reads int) *pace) {
	t.Helper()
	reads := new(pace)
	want := p.sum()
	var stopped atomic.Bool
	var reading sync.WaitGroup
	for range clients {
		reading.Go(func() {
			for !stopped.Load() {
				reads.time(t, func() error {
					sum, _, err := s.get(name)
					if err == nil && sum != want {
						err = fmt.Errorf("the image read has the digest %s, want %s", sum, want)
					}
					return err
				})
				time.Sleep(pause)
			}
		})
	}
	return func(n int) *pace {
		if !eventually(func() bool { return reads.count() >= n || t.Failed() }) {
			t.Errorf("%d images were read, want %d", reads.count(), n)
		}
		stopped.Store(true)
		reading.Wait()
		return reads
	}
}

// pace collects how long requests took.
type pace struct {
	mu   sync.Mutex
	took []time.Duration
}

func (p *pace) time(t *testing.T, f func() error) {
	began := time.Now()
	err := f()
	took := time.Since(began)
	if err != nil {
		t.Error(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took = append(p.took, took)
}

func (p *pace) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.took)
}

// percentile returns how long the fastest n percent took at most.
func (p *pace) percentile(n int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.took) == 0 {
		return 0
	}
	slices.Sort(p.took)
	return p.took[(len(p.took)-1)*n/100]
}

func (p *pace) String() string {
	ms := func(n int) time.Duration { return p.percentile(n).Round(100 * time.Microsecond) }
	return fmt.Sprintf("%d, median %s, p99 %s, longest %s", len(p.took), ms(50), ms(99), ms(100))
}
