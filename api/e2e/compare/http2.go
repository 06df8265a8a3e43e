package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	streamWindow = 1 << 30 // bytes that a server may send in a stream: more than an image
	connWindow   = 1 << 20 // bytes after which the client opens the window of the connection again
)

// http2Client has one connection, on which it keeps some requests open at a time. It
// gets the same image again and again.
type http2Client struct {
	conn   *tls.Conn
	framer *http2.Framer
	header []byte         // of each request, in HPACK
	length int            // of each body, in bytes
	got    map[uint32]int // the open streams, and how many bytes each has received
	last   uint32         // the newest stream; 0 if there is none
	unread int            // bytes since the window of the connection was opened
}

// dialHTTP2 connects to a server that must speak HTTP/2.
func dialHTTP2(addr string, config *tls.Config, path string, length int) (*http2Client, error) {
	conn, err := tls.Dial("tcp", addr, config)
	if err != nil {
		return nil, err
	}
	c := &http2Client{conn: conn, framer: http2.NewFramer(conn, conn), length: length, got: map[uint32]int{}}
	c.framer.SetReuseFrames()
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var b bytes.Buffer
	encoder := hpack.NewEncoder(&b)
	encoder.SetMaxDynamicTableSize(0) // each request has the same bytes
	for _, f := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: addr}, {Name: ":path", Value: path}} {
		encoder.WriteField(f) // a buffer takes every write
	}
	c.header = b.Bytes()
	if err := c.begin(); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// begin sends what a connection begins with: RFC 9113 section 3.4.
func (c *http2Client) begin() error {
	if protocol := c.conn.ConnectionState().NegotiatedProtocol; protocol != http2.NextProtoTLS {
		return fmt.Errorf("the server speaks %q, want HTTP/2", protocol)
	}
	if err := c.conn.SetDeadline(time.Now().Add(roundTimeout)); err != nil {
		return err
	}
	if _, err := c.conn.Write([]byte(http2.ClientPreface)); err != nil {
		return err
	}
	if err := c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow}, http2.Setting{ID: http2.SettingEnablePush}); err != nil {
		return err
	}
	return c.framer.WriteWindowUpdate(0, streamWindow)
}

func (c *http2Client) close() { c.conn.Close() }

func (c *http2Client) warm() error {
	once := true
	return c.run(func() bool {
		defer func() { once = false }()
		return once
	})
}

func (c *http2Client) run(next func() bool) error {
	for len(c.got) < streams && next() {
		if err := c.open(); err != nil {
			return err
		}
	}
	for len(c.got) > 0 {
		ended, err := c.read()
		if err == nil && ended && next() {
			err = c.open()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// open sends a request in a new stream.
func (c *http2Client) open() error {
	if c.last++; c.last%2 == 0 {
		c.last++ // the streams of clients have odd numbers
	}
	c.got[c.last] = 0
	return c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: c.last, BlockFragment: c.header, EndStream: true, EndHeaders: true})
}

// read handles one frame, and reports whether it was the last of a stream.
func (c *http2Client) read() (ended bool, err error) {
	frame, err := c.framer.ReadFrame()
	if err != nil {
		return false, err
	}
	switch f := frame.(type) {
	case *http2.MetaHeadersFrame:
		if status := f.PseudoValue("status"); status != "200" {
			return false, fmt.Errorf("got status %s, want 200", status)
		}
		return c.end(f.StreamID, f.StreamEnded())
	case *http2.DataFrame:
		c.got[f.StreamID] += len(f.Data())
		if err := c.count(int(f.Length)); err != nil {
			return false, err
		}
		return c.end(f.StreamID, f.StreamEnded())
	case *http2.SettingsFrame:
		if !f.IsAck() {
			return false, c.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return false, c.framer.WritePing(true, f.Data)
		}
	case *http2.RSTStreamFrame:
		return false, fmt.Errorf("the server reset a stream: %s", f.ErrCode)
	case *http2.GoAwayFrame:
		return false, fmt.Errorf("the server ends the connection: %s", f.ErrCode)
	}
	return false, nil
}

// count opens the window of the connection again if the server has used much of it.
func (c *http2Client) count(n int) error {
	if c.unread += n; c.unread < connWindow {
		return nil
	}
	n, c.unread = c.unread, 0
	return c.framer.WriteWindowUpdate(0, uint32(n))
}

// end closes a stream if its last frame has arrived.
func (c *http2Client) end(stream uint32, ended bool) (bool, error) {
	if !ended {
		return false, nil
	}
	n := c.got[stream]
	delete(c.got, stream)
	if n != c.length {
		return false, fmt.Errorf("got %d bytes, want %d", n, c.length)
	}
	return true, nil
}
