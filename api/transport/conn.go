package transport

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"sync/atomic"
	"syscall"
)

// net/http sends a response in two system calls, although one is enough. The first call has
// the head and the start of the body, up to the 4 KiB of its buffer. The second call has
// the rest. The connections here hold the first write back until the second one comes.

// Listener wraps l. Its connections send the head and the body of a response together, and
// can report how many bytes they can take. An http.Server that serves it sets
// [ConnContext].
func Listener(l net.Listener) net.Listener { return gatherListener{l} }

// ConnContext is for the field of that name in http.Server. With it, a handler finds the
// connection of its request.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

type connKey struct{}

// gatherer returns the request's connection, or nil if it is of another kind.
func gatherer(ctx context.Context) *gatherConn {
	c, _ := ctx.Value(connKey{}).(*gatherConn)
	return c
}

// carrier returns the connection of the request. With TLS, it returns the connection under
// TLS. It returns nil if that is not a gatherConn.
func carrier(ctx context.Context) *gatherConn {
	if c, ok := ctx.Value(connKey{}).(*tls.Conn); ok {
		below, _ := c.NetConn().(*gatherConn)
		return below
	}
	return gatherer(ctx)
}

type gatherListener struct{ net.Listener }

func (l gatherListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	s, ok := c.(socket)
	if !ok {
		return c, err
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return c, nil
	}
	limitUnsent(raw)
	g := &gatherConn{socket: s, raw: raw}
	g.ask, g.send = g.askRoom, g.sendVector
	return g, nil
}

// socket is a TCP or a unix connection.
type socket interface {
	net.Conn
	syscall.Conn
	CloseWrite() error // with which net/http ends a connection gently
}

// unsent is how many bytes of a response may wait in the kernel to be sent. By default
// Linux takes up to 4 MB. Then a writer must wait until a third of that was sent. At
// 10 kB/s that takes longer than the stall time, so a slow client would seem to stall.
const unsent = 192 << 10

// gatherMax is the size of net/http's buffer. Only writes from that buffer are held
// back.
const gatherMax = 4 << 10

// gatherConn holds one small write back, from gather until the next write or release.
// Only the goroutine of its request writes to it, as in net/http.
type gatherConn struct {
	socket
	raw       syscall.RawConn
	ask, send func(fd uintptr) bool // askRoom and sendVector; stored, because creating them for each call allocates memory
	most      int                   // what askRoom asks for
	free      int                   // and what it found
	kernel    socketRoom
	full      bool        // the last sendVector could not send everything
	waiting   atomic.Bool // room waits
	gathering bool
	held      int // bytes in buf
	buf       [gatherMax]byte
	both      [2][]byte

	writer pacedWriter // of the request in progress; HTTP/1.1 has one at a time

	vector  vector // what sendVector sends
	sent    int    // and how many bytes it sent
	sendErr error
}

// SmallRoom is the least room that a connection reports, in bytes, if the caller asks for
// SmallRoom or more. The kernel may take a little less.
const SmallRoom = 32 << 10

// room waits until the kernel takes bytes of a response, and returns how many it takes at
// once. The result is from SmallRoom to `most`, which must be larger than SmallRoom. The
// write deadline of the connection ends the wait.
func (c *gatherConn) room(most int) (int, error) {
	c.most, c.kernel.full, c.full = most, c.full, false
	c.waiting.Store(true)
	err := c.raw.Write(c.ask)
	c.waiting.Store(false)
	return c.free, err
}

// askRoom reports whether there is room, and sets free.
func (c *gatherConn) askRoom(fd uintptr) bool {
	c.free = c.kernel.of(int(fd), c.most)
	return c.free > 0
}

// gather holds the next small write back until another write comes or release is called.
func (c *gatherConn) gather() { c.gathering = true }

// release sends what is still held back.
func (c *gatherConn) release() error {
	c.gathering = false
	if c.held == 0 {
		return nil
	}
	held := c.buf[:c.held]
	c.held = 0
	_, err := c.socket.Write(held)
	return err
}

// Write returns an error while room waits. Then only TLS can write: the alert of a Close,
// for which it would wait 5 seconds, because the client does not read. With the error,
// Close closes the connection at once, which ends the wait.
func (c *gatherConn) Write(p []byte) (int, error) {
	switch {
	case c.waiting.Load():
		return 0, os.ErrDeadlineExceeded
	case c.gathering && c.held == 0 && len(p) <= gatherMax:
		c.held = copy(c.buf[:], p)
		return len(p), nil
	case c.held == 0:
		return c.socket.Write(p)
	}
	held := c.held
	c.held = 0
	c.both = [2][]byte{c.buf[:held], p}
	vector := net.Buffers(c.both[:])
	n, err := vector.WriteTo(c.socket) // writev
	return max(0, int(n)-held), err
}
