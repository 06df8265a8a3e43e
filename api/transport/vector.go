package transport

import (
	"errors"
	"io"
	"net/http"
)

// vector has the buffers of one sendVector. It is an io.Reader only because net/http
// passes the source of a ReadFrom to the connection. net/http reads from it only if it must
// change the body, for example to send it in chunks. Then the error makes writeNow fail before
// it sends any byte of the body.
type vector [][]byte

func (*vector) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// ReadFrom sends the buffers of c.vector, as far as the kernel takes them at once. net/http
// calls ReadFrom for the ReadFrom of a ResponseWriter, and counts the bytes of its result
// as a part of the body. Any other source is copied.
func (c *gatherConn) ReadFrom(src io.Reader) (int64, error) {
	if src != &c.vector {
		return io.Copy(struct{ io.Writer }{c}, src)
	}
	c.sent, c.sendErr = 0, nil
	if err := c.raw.Write(c.send); err != nil {
		return 0, err
	}
	return int64(c.sent), c.sendErr
}

// writeNow sends the buffers as a part of the body of w, and the head of the response
// before them, in one system call. It sends only what the kernel takes without a wait, and
// returns how many bytes of the buffers that is.
func (c *gatherConn) writeNow(w http.ResponseWriter, buffers [][]byte) (int, error) {
	body, ok := w.(interface {
		io.ReaderFrom
		FlushError() error
	})
	if !ok {
		return 0, errors.ErrUnsupported
	}
	c.gather()
	if err := body.FlushError(); err != nil { // gives the head to c, which holds it back
		return 0, err
	}
	c.vector = append(c.vector[:0], buffers...)
	n, err := body.ReadFrom(&c.vector)
	clear(c.vector)
	return int(n), err
}
