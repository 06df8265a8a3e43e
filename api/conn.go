package api

import (
	"context"
	"net"
)

// net/http sends the head of an answer filled up to its buffer's 4 KiB with
// the body's first bytes, and then the rest: two system calls where one does.
// The connections here hold the first back until the second comes.

// Listener returns l with connections that send an answer's head and body
// together. An http.Server that serves it sets [ConnContext].
func Listener(l net.Listener) net.Listener { return gatherListener{l} }

// ConnContext is for the field of that name in http.Server: it lets the API
// find the connection of a request.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

type connKey struct{}

// gatherer returns the request's connection, or nil if it is of another kind.
func gatherer(ctx context.Context) *gatherConn {
	c, _ := ctx.Value(connKey{}).(*gatherConn)
	return c
}

type gatherListener struct{ net.Listener }

func (l gatherListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		limitUnsent(tcp)
		return &gatherConn{TCPConn: tcp}, nil
	}
	return c, err
}

// unsent is how many bytes of an answer may wait in the kernel to be sent. Left
// to itself it takes 4 MB, and lets a writer go on only when a third of that has
// gone: a client that takes 10 kB/s would seem to have stalled.
const unsent = 128 << 10

// gatherMax is the size of net/http's buffer: only what comes from there is
// held back.
const gatherMax = 4 << 10

// gatherConn holds one small write back while it gathers. It is written to by
// its request's goroutine alone, as net/http does.
type gatherConn struct {
	*net.TCPConn
	gathering bool
	held      int // bytes in buf
	buf       [gatherMax]byte
	both      [2][]byte
}

// gather holds the next small write back until another or release.
func (c *gatherConn) gather() { c.gathering = true }

// release sends what is still held back.
func (c *gatherConn) release() error {
	c.gathering = false
	if c.held == 0 {
		return nil
	}
	held := c.buf[:c.held]
	c.held = 0
	_, err := c.TCPConn.Write(held)
	return err
}

func (c *gatherConn) Write(p []byte) (int, error) {
	switch {
	case c.gathering && c.held == 0 && len(p) <= gatherMax:
		c.held = copy(c.buf[:], p)
		return len(p), nil
	case c.held == 0:
		return c.TCPConn.Write(p)
	}
	held := c.held
	c.held = 0
	c.both = [2][]byte{c.buf[:held], p}
	vector := net.Buffers(c.both[:])
	n, err := vector.WriteTo(c.TCPConn) // writev
	return max(0, int(n)-held), err
}
