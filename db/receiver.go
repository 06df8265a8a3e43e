package db

import "io"

// Receiver is a writer that can say how many bytes it can take. Before WriteTo of a
// [Body] reads anything, WriteTo asks the Receiver how many bytes it can take. So nothing is
// buffered for a slow client.
type Receiver interface {
	io.Writer

	// Room waits until the writer can take bytes. It returns how many bytes the writer
	// can take without another wait: at least 1, and at most `limit`. WriteTo may write
	// up to 64 KiB, even if Room returned less. If Room returns 0 and no error, the
	// writer needs no more bytes. Then WriteTo ends without an error.
	Room(limit int) (int, error)
}
