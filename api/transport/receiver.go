package transport

import (
	"errors"
	"net/http"

	"imageserver/db"
)

// Receiver returns the receiver of the response's body: the connection, which says how many
// bytes it can take. If w is not from Pace, the receiver always has room.
func Receiver(w http.ResponseWriter) db.DirectReceiver {
	for v := w; ; {
		switch is := v.(type) {
		case db.DirectReceiver:
			return is
		case interface{ Unwrap() http.ResponseWriter }:
			v = is.Unwrap()
		default:
			return roomy{w}
		}
	}
}

// roomy is a receiver for a ResponseWriter of which nothing is known.
type roomy struct{ http.ResponseWriter }

func (roomy) Room(limit int) (int, error)    { return limit, nil }
func (roomy) WriteNow([][]byte) (int, error) { return 0, errors.ErrUnsupported }

// Room waits until the connection can take bytes; see db.Receiver. The deadline of a write
// ends the wait.
func (w *pacedWriter) Room(limit int) (int, error) {
	if w.carrier == nil || limit <= SmallRoom && !w.carrier.full {
		return limit, nil
	}
	w.extend()
	return w.carrier.room(limit)
}

// WriteNow writes without a wait and without a copy; see db.DirectReceiver. It needs an
// HTTP/1.1 connection without TLS: all other responses are changed before they are sent.
func (w *pacedWriter) WriteNow(buffers [][]byte) (int, error) {
	if w.conn == nil {
		return 0, errors.ErrUnsupported
	}
	return w.conn.writeNow(w.ResponseWriter, buffers)
}

// Room returns the size of a frame: streams share a connection, so the room of the
// connection is not that of a stream.
func (w streamWriter) Room(limit int) (int, error) { return min(limit, streamStride), nil }

// WriteNow is not supported: HTTP/2 sends frames.
func (w streamWriter) WriteNow([][]byte) (int, error) { return 0, errors.ErrUnsupported }
