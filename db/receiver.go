package db

import "io"

// Receiver is a writer that can say how many bytes it can take. Before WriteTo of a
// [Body] reads anything, WriteTo asks the Receiver how many bytes it can take. So nothing is
// buffered for a slow client.
type Receiver interface {
	io.Writer

	// Room waits until the writer can take bytes. It returns how many bytes the writer
	// can take without another wait: at least 1, and at most `limit`. WriteTo may write
	// up to 64 KiB, even if Room returned less.
	Room(limit int) (int, error)
}

// DirectReceiver is a Receiver that can take bytes where an engine has them in memory, so
// that nobody copies them. A connection can do that.
type DirectReceiver interface {
	Receiver

	// WriteNow writes as many bytes of the buffers as the writer can take without a
	// wait, and returns their number. After a result that is too small, the caller
	// calls Room before the next WriteNow. WriteNow keeps no buffer. If it returns
	// errors.ErrUnsupported, it has written nothing, and the caller must use Write.
	WriteNow(buffers [][]byte) (int, error)
}
