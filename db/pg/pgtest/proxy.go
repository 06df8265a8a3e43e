package pgtest

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy passes connections on to a server. It counts round trips, and it can break
// connections.
type Proxy struct {
	Addr string // HOST:PORT

	target   string
	listener net.Listener
	trips    atomic.Int64
	delay    atomic.Int64 // in nanoseconds; see Delay
	left     atomic.Int64 // how many bytes may still go to the client; see CutAfter

	mu      sync.Mutex
	refuse  bool
	conns   map[net.Conn]bool
	stalled chan struct{} // closed, except after Stall: then no bytes pass
}

// NewProxy starts a proxy in front of the server at `target`. It ends with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), target: target, listener: l, conns: map[net.Conn]bool{}, stalled: make(chan struct{})}
	close(p.stalled)
	p.left.Store(noCut)
	go p.accept()
	t.Cleanup(func() {
		l.Close()
		p.Pass()
		p.CutAll()
	})
	return p
}

const noCut = 1 << 60

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		refuse := p.refuse
		p.mu.Unlock()
		if refuse {
			c.(*net.TCPConn).SetLinger(0) // the client gets a reset
			c.Close()
			continue
		}
		go p.pass(c)
	}
}

func (p *Proxy) pass(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	var answered atomic.Bool // whether the last bytes came from the server
	answered.Store(true)
	var both sync.WaitGroup
	both.Go(func() {
		p.copy(server, client, func(int) bool {
			if answered.Swap(false) {
				p.trips.Add(1)
				time.Sleep(time.Duration(p.delay.Load()))
			}
			return true
		})
	})
	both.Go(func() {
		p.copy(client, server, func(n int) bool {
			answered.Store(true)
			if p.left.Add(-int64(n)) >= 0 {
				return true
			}
			p.left.Store(noCut)
			return false
		})
	})
	both.Wait()
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

// copy copies until one side ends, or until `seen` returns false. Then it closes both.
func (p *Proxy) copy(to, from net.Conn, seen func(n int) bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		stalled := p.stalled
		p.mu.Unlock()
		<-stalled
		if n > 0 {
			more := seen(n)
			if !more {
				n /= 2 // send only half of an answer
			}
			if _, err := to.Write(buf[:n]); err != nil || !more {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// Trips returns the number of round trips: how often a client has sent something after an
// answer. The start of a connection has several round trips.
func (p *Proxy) Trips() int64 { return p.trips.Load() }

// Delay makes each round trip longer, as if the server were far away.
func (p *Proxy) Delay(d time.Duration) { p.delay.Store(int64(d)) }

// Refuse makes the proxy reset new connections.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	p.refuse = true
	p.mu.Unlock()
}

// Stall makes the proxy hold back all bytes, until Pass is called.
func (p *Proxy) Stall() {
	p.mu.Lock()
	p.stalled = make(chan struct{})
	p.mu.Unlock()
}

// CutAfter makes the proxy close one connection, after it has sent n more bytes to
// clients.
func (p *Proxy) CutAfter(n int64) { p.left.Store(n) }

// CutAll closes all connections.
func (p *Proxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// Pass makes the proxy work without faults again.
func (p *Proxy) Pass() {
	p.left.Store(noCut)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = false
	select {
	case <-p.stalled:
	default:
		close(p.stalled)
	}
}
