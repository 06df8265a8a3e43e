package db

import "io"

// Receiver is a writer that can say how many bytes it can take. The WriteTo of a
// [Body] asks it before it reads anything, so that nothing is buffered for a slow
// client.
type Receiver interface {
	io.Writer

	// Room waits until the writer can take bytes. It returns how many it can take
	// without waiting again, at least 1 and at most most. WriteTo may write up to
	// 64 KiB even if the room is smaller. 0 and no error mean that the writer needs
	// no more, and WriteTo ends without an error.
	Room(most int) (int, error)
}
