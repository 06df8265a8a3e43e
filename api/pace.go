package api

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
	// stride is how much of an upload must arrive within Options.Stall. It
	// drops who sends a byte now and then, and lets 2 kB/s through.
	stride = 64 << 10
	// minStall is how long a client must be silent at least to count as stalled,
	// and maxPause how long it may be silent if it has made long pauses before.
	// It is dropped then only if others wait for memory.
	minStall = 250 * time.Millisecond
	maxPause = 2 * time.Second
	// spare is how much of a body that nobody wants is read for the sake of
	// the connection: what net/http grants it too.
	spare = 256 << 10
	// inFlight is how long such a body may take to arrive.
	inFlight = 200 * time.Millisecond
	// maxStreams is how many requests of one HTTP/2 connection may be under way:
	// what RFC 9113 section 6.5.2 asks for at least.
	maxStreams = 100
	// streamStride takes the place of stride, and of an answer's chunk, in HTTP/2,
	// where requests share a connection: a page of so many images must get each of
	// them a little further within Options.Stall. It is the size of a frame.
	streamStride = 16 << 10
)

// HTTP2 is for the field of that name in an http.Server that serves s over TLS.
func (s *Server) HTTP2() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams: maxStreams,
		// The deadline of a stream ends what waits for the client to grant it more
		// data. It ends nothing that waits for the connection, which has its own.
		WriteByteTimeout: s.o.Stall,
	}
}

// pace gives the request's body and the answer deadlines that move on with
// what is transferred: a slow client finishes, a stalled one is dropped.
func (s *Server) pace(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, w := c.Request(), c.Response()
		control := http.NewResponseController(w.Writer)
		paced := &pacedWriter{w.Writer, control, s.o.Stall, gatherer(r.Context()), carrier(r.Context())}
		step := int64(stride)
		w.Writer = paced
		if r.ProtoMajor > 1 {
			w.Writer, step = streamWriter{paced}, streamStride
		}
		if r.Body != http.NoBody {
			body := &pacedBody{ReadCloser: r.Body, control: control, stall: s.o.Stall, stride: step, size: r.ContentLength, client: c.RealIP, began: time.Now()}
			body.extend() // net/http may read it too, for a handler that does not
			r.Body = body
			// net/http sends an answer from its buffer, and before that waits for
			// a body that nobody has read: as long as its deadline allows.
			defer func() { _ = control.SetWriteDeadline(time.Now().Add(2 * s.o.Stall)) }()
		}
		return next(c)
	}
}

type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	conn    *gatherConn // gathers what is written; nil where there is none
	carrier *gatherConn // says how much it takes; nil where there is none
}

func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *pacedWriter) Write(p []byte) (int, error) {
	// A writer without deadlines, as in some tests, is as fast as its reader.
	_ = w.control.SetWriteDeadline(time.Now().Add(w.stall))
	if w.conn == nil {
		return w.ResponseWriter.Write(p)
	}
	w.conn.gather()
	n, err := w.ResponseWriter.Write(p)
	return n, errors.Join(err, w.conn.release())
}

// Room waits for the client to take bytes; see db.Receiver.
func (w *pacedWriter) Room(most int) (int, error) {
	if w.carrier == nil {
		return most, nil
	}
	_ = w.control.SetWriteDeadline(time.Now().Add(w.stall))
	return w.carrier.room(most)
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

// Room returns a frame: streams share a connection, and how much it takes says nothing
// of one of them.
func (w streamWriter) Room(most int) (int, error) { return min(most, streamStride), nil }

// pacedBody is the body of a request. It is the db.Sender of what is uploaded.
type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	stall   time.Duration
	stride  int64
	size    int64 // as announced, -1 when it was not
	read    int64
	due     int64 // the deadline moves on once so much has been read
	err     error // what ended the body

	client  func() string // the client's address
	began   time.Time
	waiting atomic.Int64 // since when a Read waits for the client, in nanoseconds after began; 0 if none does
	longest atomic.Int64 // how long a Read has waited, in nanoseconds
	gaveWay atomic.Bool
}

// senderOf returns the sender of a request's body, or nil.
func senderOf(r *http.Request) db.Sender {
	if b, ok := r.Body.(*pacedBody); ok {
		return b
	}
	return nil
}

var errGaveWay = refusal.Because(os.ErrDeadlineExceeded, http.StatusRequestTimeout, "too_slow", "The upload stalled while others were waiting. Send it again.")

// Client returns the client's network; see clientNetwork.
func (b *pacedBody) Client() string { return clientNetwork(b.client()).String() }

// Stalled returns how long the client has been silent. It is 0 for a pause that
// may be due to a lost packet, or is not much longer than earlier ones.
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

// GiveWay makes reads return errGaveWay. A Read that is under way ends by its
// deadline. If extend moves that on just now, it finds gaveWay set after that.
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
		_ = b.control.SetReadDeadline(time.Time{}) // the handler may take its time
	case b.gaveWay.Load():
		err = errGaveWay
	case !errors.Is(err, os.ErrDeadlineExceeded):
		// However the connection ended, it is the client's doing.
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

// large reports whether more may come than the connection is worth.
func (b *pacedBody) large() bool { return b.size < 0 || b.size-b.read > spare }

// drain reads up to limit bytes more, no longer than wait, and reports whether
// that was all. A browser looks at an answer only when it has sent everything,
// and a connection reset before would show it as a network error.
func (b *pacedBody) drain(limit int64, wait time.Duration) (ended bool) {
	_ = b.control.SetReadDeadline(time.Now().Add(wait))
	b.due = math.MaxInt64 // one deadline for all of it
	if limit > 0 {
		_, err := io.CopyN(io.Discard, b, limit)
		ended = err == io.EOF || err == nil && b.read == b.size
	}
	if !ended {
		_ = b.control.SetReadDeadline(time.Now()) // net/http need not wait either
	}
	return ended
}
