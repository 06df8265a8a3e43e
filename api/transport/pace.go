// Package transport moves the bytes of requests and responses. It disconnects clients that
// stall, and lets slow clients finish. It holds almost no memory for a client that does not
// read.
package transport

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"imageserver/api/refusal"
	"imageserver/db"
)

const (
	// stride is how many bytes of an upload must arrive within the stall time. With
	// 64 KiB in a minute, a client that sends a byte now and then is dropped, and one
	// that sends 2 kB/s is not.
	stride = 64 << 10
	// A client counts as stalled after minStall of silence. If it made long pauses
	// before, the limit is longer, up to maxPause. A stalled client is dropped only if
	// other uploads wait for memory.
	minStall = 250 * time.Millisecond
	maxPause = 2 * time.Second
	// spare is how many bytes of an unneeded body are read to keep the connection. It
	// is the limit of net/http, too.
	spare = 256 << 10
	// inFlight is how long the rest of an unneeded body may take to arrive.
	inFlight = 200 * time.Millisecond
	// maxStreams is the number of requests that one HTTP/2 connection may have in
	// progress: the least that RFC 9113 section 6.5.2 recommends.
	maxStreams = 100
	// In HTTP/2, requests share a connection, so data moves in smaller units:
	// streamStride replaces stride for uploads, and the chunk for responses. So even
	// with maxStreams images at once, each image can send that much within the stall
	// time. streamStride is the size of a frame.
	streamStride = 16 << 10
)

// HTTP2 returns the value for the field HTTP2 of an http.Server. With it, the server
// disconnects a client that stalls for longer than `stall`.
func HTTP2(stall time.Duration) *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams: maxStreams,
		// If the client's flow control blocks a stream, the deadline of the stream ends
		// the wait. If the whole connection is blocked, this timeout ends the write.
		WriteByteTimeout: stall,
	}
}

// Pace returns middleware that sets deadlines for the request body and for the response. A
// deadline moves when bytes are transferred. So a slow client can finish, and a client that
// stalls for longer than `stall` is dropped. `client` returns the name that all requests of
// one client have in common; see db.Sender.
func Pace(stall time.Duration, client func(echo.Context) string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r, w := c.Request(), c.Response()
			paced := new(pacedWriter)
			conn := gatherer(r.Context())
			if conn != nil {
				paced = &conn.writer
			}
			*paced = pacedWriter{ResponseWriter: w.Writer, control: deadlines(w.Writer), stall: stall, conn: conn, carrier: carrier(r.Context()), body: r.Body != http.NoBody}
			step := int64(stride)
			w.Writer = paced
			if r.ProtoMajor > 1 {
				w.Writer, step = streamWriter{paced}, streamStride
			}
			if paced.body {
				body := &pacedBody{ReadCloser: r.Body, control: paced.control, stall: stall, stride: step, size: r.ContentLength, client: func() string { return client(c) }, began: time.Now()}
				body.extend() // net/http reads the body that a handler does not read
				r.Body = body
				// Before net/http flushes a buffered response it reads
				// the rest of the body, until the read deadline. The
				// write deadline must allow for that.
				defer func() { _ = paced.control.SetWriteDeadline(time.Now().Add(2 * stall)) }()
			}
			return next(c)
		}
	}
}

// control sets the deadlines of a connection or of a stream, as http.ResponseController
// does.
type control interface {
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// deadlines returns the control of a response. http.NewResponseController would need an
// allocation for each request.
func deadlines(w http.ResponseWriter) control {
	if c, ok := w.(control); ok { // the writers of net/http
		return c
	}
	return http.NewResponseController(w)
}

// pacedWriter gives the client the stall time for each write.
type pacedWriter struct {
	http.ResponseWriter
	control control
	stall   time.Duration
	until   time.Time   // the write deadline
	conn    *gatherConn // gathers what is written; nil where there is none
	carrier *gatherConn // says how much it takes; nil where there is none
	body    bool        // the request has a body
}

func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *pacedWriter) Write(p []byte) (int, error) {
	w.extend()
	if w.conn == nil {
		return w.ResponseWriter.Write(p)
	}
	w.conn.gather()
	n, err := w.ResponseWriter.Write(p)
	if sent := w.conn.release(); err == nil {
		err = sent
	}
	return n, err
}

// extend gives the client the stall time from now on, or up to a quarter more. So it need
// not set a deadline for each write: that of an HTTP/2 stream costs a message to another
// goroutine.
func (w *pacedWriter) extend() {
	now := time.Now()
	if w.until.Sub(now) < w.stall {
		w.until = now.Add(w.stall + w.stall/4)
		_ = w.control.SetWriteDeadline(w.until) // the writers of some tests have no deadlines
	}
}

// streamWriter moves the deadline on with each frame.
type streamWriter struct{ *pacedWriter }

func (w streamWriter) Write(p []byte) (n int, err error) {
	for part := range slices.Chunk(p, streamStride) {
		k, err := w.pacedWriter.Write(part)
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// pacedBody is the body of a request. It is the db.Sender of what is uploaded.
type pacedBody struct {
	io.ReadCloser
	control control
	stall   time.Duration
	stride  int64
	size    int64 // as announced, -1 when it was not
	read    int64
	due     int64 // the deadline moves on when this many bytes were read
	err     error // that ended the body

	client  func() string
	began   time.Time
	waiting atomic.Int64 // when the current Read began, in nanoseconds after began; 0 without one
	longest atomic.Int64 // the longest Read so far, in nanoseconds
	gaveWay atomic.Bool
}

// Sender returns the sender of a request's body, or nil.
func Sender(r *http.Request) db.Sender {
	if b, ok := r.Body.(*pacedBody); ok {
		return b
	}
	return nil
}

// BytesRead returns how many bytes of a request's body have been read.
func BytesRead(r *http.Request) int64 {
	if b, ok := r.Body.(*pacedBody); ok {
		return b.read
	}
	return 0
}

var errGaveWay = refusal.Because(os.ErrDeadlineExceeded, http.StatusRequestTimeout, "too_slow", "The upload stalled while others were waiting. Send it again.")

func (b *pacedBody) Client() string { return b.client() }

// Stalled returns how long the client has been silent. It returns 0 for a pause that can
// come from a lost packet or is not much longer than earlier ones.
func (b *pacedBody) Stalled() time.Duration {
	since := b.waiting.Load()
	if since == 0 {
		return 0
	}
	silent := time.Since(b.began) - time.Duration(since)
	if silent < max(minStall, min(4*time.Duration(b.longest.Load()), maxPause)) {
		return 0
	}
	return silent
}

// GiveWay makes reads return errGaveWay. It ends the current Read through the deadline.
// If extend runs at the same time, it checks gaveWay after it has set the deadline.
func (b *pacedBody) GiveWay() {
	b.gaveWay.Store(true)
	_ = b.control.SetReadDeadline(time.Unix(1, 0))
}

func (b *pacedBody) Read(p []byte) (int, error) {
	if b.read >= b.due {
		b.extend()
	}
	since := max(1, int64(time.Since(b.began)))
	b.waiting.Store(since)
	n, err := b.ReadCloser.Read(p)
	b.waiting.Store(0)
	b.longest.Store(max(b.longest.Load(), int64(time.Since(b.began))-since))
	b.read += int64(n)
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF:
		_ = b.control.SetReadDeadline(time.Time{}) // the handler has no deadline
	case b.gaveWay.Load():
		err = errGaveWay
	case !errors.Is(err, os.ErrDeadlineExceeded):
		// The client ended the connection.
		err = fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
	}
	b.err = err
	return n, err
}

func (b *pacedBody) extend() {
	b.due = b.read + b.stride
	_ = b.control.SetReadDeadline(time.Now().Add(b.stall))
	if b.gaveWay.Load() {
		_ = b.control.SetReadDeadline(time.Unix(1, 0))
	}
}

// large reports whether the rest of the body may be larger than spare.
func (b *pacedBody) large() bool { return b.size < 0 || b.size-b.read > spare }

// drain reads at most `limit` more bytes, takes at most the time `wait`, and reports
// whether it reached the end. A browser sends the whole body before it reads the
// response. If the connection is reset before that, the browser shows a network error.
func (b *pacedBody) drain(limit int64, wait time.Duration) (ended bool) {
	_ = b.control.SetReadDeadline(time.Now().Add(wait))
	b.due = math.MaxInt64 // one deadline for all of it
	if limit > 0 {
		_, err := io.CopyN(io.Discard, b, limit)
		ended = err == io.EOF || err == nil && b.read == b.size
	}
	if !ended {
		_ = b.control.SetReadDeadline(time.Now()) // net/http must not wait either
	}
	return ended
}
