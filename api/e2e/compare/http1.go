package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// worker is a client of one server with one connection, or none.
type worker interface {
	// warm makes the server ready for this client.
	warm() error
	// run sends a request each time that next returns true.
	run(next func() bool) error
	close()
}

// roundTimeout ends a round that does not finish.
const roundTimeout = 2 * time.Minute

// http1 is a client that does as little as possible: it sends prepared bytes, and of a
// response it looks only at the status and the length.
type http1 struct {
	addr string
	conn *net.TCPConn   // nil after the server has closed it
	next func() request // makes the next request
	buf  [8 << 10]byte  // for the header of a response, and the body's beginning

	again *atomic.Int64 // counts the uploads that were sent again
}

func dialHTTP1(addr string, next func() request, again *atomic.Int64) (*http1, error) {
	c := &http1{addr: addr, next: next, again: again}
	return c, c.dial()
}

func (c *http1) dial() error {
	conn, err := net.Dial("tcp", c.addr)
	if err != nil {
		return err
	}
	c.conn = conn.(*net.TCPConn)
	return c.conn.SetDeadline(time.Now().Add(roundTimeout))
}

func (c *http1) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

func (c *http1) warm() error {
	return c.exchange(request{head: fmt.Appendf(nil, "HEAD / HTTP/1.1\r\nHost: %s\r\n\r\n", c.addr)})
}

func (c *http1) run(next func() bool) error {
	for next() {
		r := c.next()
		err := c.exchange(r)
		for again := 0; err != nil && r.body != nil && again < maxAgain; again++ {
			c.close()
			c.again.Add(1)
			err = c.exchange(r)
		}
		if err != nil {
			return fmt.Errorf("%.60q: %w", r.head, err)
		}
	}
	return nil
}

// maxAgain is how often a client repeats an upload. A server that has too little memory for
// all uploads may end one whose client has stalled, as on a busy machine: ours responds
// with 408.
const maxAgain = 5

// exchange sends a request and reads the response. A request without a status accepts
// each status, without a body.
func (c *http1) exchange(r request) error {
	if c.conn == nil {
		if err := c.dial(); err != nil {
			return err
		}
	}
	if err := c.send(r); err != nil {
		return err
	}
	head, read, err := c.readHead()
	if err != nil {
		return err
	}
	length, err := r.check(head)
	if err != nil {
		return err
	}
	if read > length {
		return fmt.Errorf("got %d bytes after the header, want %d", read, length)
	}
	if err := discard(c.conn, length-read); err != nil {
		return err
	}
	if string(field(head, "Connection")) == "close" {
		c.close()
	}
	return nil
}

// check checks the header of a response. It returns the length of the body, in bytes.
func (r request) check(head []byte) (length int, err error) {
	if status := string(head[len("HTTP/1.1 "):][:3]); !strings.HasPrefix(status, r.status) {
		return 0, fmt.Errorf("got status %s, want %s", status, r.status)
	}
	if r.length == 0 {
		return 0, nil // a response to HEAD has a Content-Length, but no body
	}
	text := string(field(head, "Content-Length"))
	length, err = strconv.Atoi(text)
	if err != nil || r.length != anyLength && length != r.length {
		return 0, fmt.Errorf("got Content-Length %q, want %d", text, r.length)
	}
	return length, nil
}

func (c *http1) send(r request) error {
	if r.body == nil {
		_, err := c.conn.Write(r.head)
		return err
	}
	both := net.Buffers{r.head, r.body}
	_, err := both.WriteTo(c.conn)
	return err
}

var headEnd = []byte("\r\n\r\n")

// readHead reads the header of a response, up to the empty line. read is how many bytes
// of the body it has read, too.
func (c *http1) readHead() (head []byte, read int, err error) {
	for n := 0; n < len(c.buf); {
		m, err := c.conn.Read(c.buf[n:])
		if err != nil {
			return nil, 0, err
		}
		searched := max(0, n-len(headEnd)+1)
		n += m
		if i := bytes.Index(c.buf[searched:n], headEnd); i >= 0 {
			end := searched + i + len(headEnd)
			if end < len("HTTP/1.1 200\r\n") {
				return nil, 0, errors.New("a response without a status")
			}
			return c.buf[:end], n - end, nil
		}
	}
	return nil, 0, errors.New("the header of the response is too long")
}

// field returns the value of a header field, or nothing.
func field(head []byte, name string) []byte {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return bytes.TrimSpace(line[len(name)+1:])
		}
	}
	return nil
}
