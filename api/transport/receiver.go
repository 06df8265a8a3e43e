package transport

import (
	"net/http"

	"imageserver/db"
)

// Receiver returns the receiver of the response's body: the connection, which says how many
// bytes it can take. If w is not from Pace, the receiver always has room.
//
// The receiver is a [db.DirectReceiver] only if the response can be sent without a copy and
// without a wait. It needs HTTP/1.1 without TLS: all other responses are changed before they
// are sent. And the request must have no body: net/http waits for the rest of the body before
// it sends the head of the response.
func Receiver(w http.ResponseWriter) db.Receiver {
	for v := w; ; {
		switch is := v.(type) {
		case *pacedWriter:
			if canSendVector && is.conn != nil && !is.body {
				return directWriter{is}
			}
			return is
		case db.Receiver:
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

func (roomy) Room(limit int) (int, error) { return limit, nil }

// Room waits until the connection can take bytes; see db.Receiver. The deadline of a write
// ends the wait.
func (w *pacedWriter) Room(limit int) (int, error) {
	if w.carrier == nil || limit <= SmallRoom && !w.carrier.full {
		return limit, nil
	}
	w.extend()
	return w.carrier.room(limit)
}

// Room returns the size of a frame: streams share a connection, so the room of the
// connection is not that of a stream.
func (w streamWriter) Room(limit int) (int, error) { return min(limit, streamStride), nil }

// directWriter is a pacedWriter whose connection can take bytes without a copy.
type directWriter struct{ *pacedWriter }

// WriteNow writes without a wait and without a copy; see db.DirectReceiver.
func (w directWriter) WriteNow(buffers [][]byte) (int, error) {
	return w.conn.writeNow(w.ResponseWriter, buffers)
}
