package chunk

import (
	"errors"
	"fmt"
	"io"

	"imageserver/db"
)

// Source has the chunks of one content. A Body calls its methods from one goroutine at
// a time.
type Source interface {
	// ReadChunk returns the chunk with the number `number`, which has `size` bytes.
	// ReadChunk must verify the chunk. The Body gives the chunk back with PutChunk.
	ReadChunk(number, size int) (*Chunk, error)
	PutChunk(c *Chunk)

	// ReadPart returns only the bytes from offset `from` to offset `end` of a chunk.
	// ReadPart must verify these bytes. See Parts. The Body gives the returned Chunk
	// back with PutChunk.
	ReadPart(number, size, from, end int) (*Chunk, error)

	// Err returns why the content can no longer be read, or nil. A Body calls Err
	// before it returns bytes of a chunk that is already in memory.
	Err() error

	// The Body calls Done once, when the Body is closed.
	Done()
}

// DirectSource is a Source that has its chunks in memory, for example in a memory map.
type DirectSource interface {
	Source

	// WriteNow verifies the bytes from offset `from` to offset `end` of the content, and
	// calls w.WriteNow with them. It returns the results of w.WriteNow. If the bytes
	// cannot be used where they are, the error is errors.ErrUnsupported.
	WriteNow(w db.DirectReceiver, from, end int64) (int, error)
}

// AheadSource is a Source that reads ahead, for example over a network.
type AheadSource interface {
	Source

	// The Body calls Until before it reads up to the offset `end` of the content. Bytes
	// after `end` are not needed now.
	Until(end int64)
}

// Body is a db.Body that reads the chunks of a Source. It has at most one chunk in
// memory. Before its first use it has no chunk in memory.
type Body struct {
	source    Source
	size      int64
	chunkSize int
	off       int64
	current   *Chunk // the chunk that was read last, or nil
	number    int    // of current
	closed    bool
}

// NewBody returns a Body that reads `size` bytes in chunks of `chunkSize` bytes. Only
// the last chunk may be shorter. An engine can have the Body inside its Source, so that
// both together need one allocation.
func NewBody(source Source, size int64, chunkSize int) Body {
	return Body{source: source, size: size, chunkSize: chunkSize}
}

var errClosed = errors.New("read of a closed image")

// chunk returns the chunk with this number. The chunk belongs to b, and is valid until
// the next call.
func (b *Body) chunk(number int) (*Chunk, error) {
	if err := b.usable(); err != nil {
		return nil, err
	}
	if b.current != nil && b.number == number {
		return b.current, nil
	}
	b.drop()
	c, err := b.source.ReadChunk(number, b.sizeOf(number))
	if err != nil {
		return nil, err
	}
	b.current, b.number = c, number
	return c, nil
}

// usable returns an error if b is closed or its source cannot be read.
func (b *Body) usable() error {
	if b.closed {
		return errClosed
	}
	return b.source.Err()
}

// sizeOf returns how many bytes the chunk with this number has.
func (b *Body) sizeOf(number int) int {
	return int(min(int64(b.chunkSize), b.size-int64(number)*int64(b.chunkSize)))
}

// drop gives the current chunk back.
func (b *Body) drop() {
	if b.current != nil {
		b.source.PutChunk(b.current)
		b.current = nil
	}
}

func (b *Body) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err = b.ReadAt(p, b.off)
	b.off += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

func (b *Body) ReadAt(p []byte, off int64) (n int, err error) {
	if b.closed {
		return 0, errClosed
	}
	return ReadAt(p, off, b.size, b.chunkSize, func(number int, read func([]byte)) error {
		c, err := b.chunk(number)
		if err == nil {
			read(c.Data())
		}
		return err
	})
}

// WriteTo writes the unread bytes; see WriteN.
func (b *Body) WriteTo(w io.Writer) (int64, error) { return b.WriteN(w, b.size) }

// WriteN writes at most `limit` of the unread bytes. If the source and the writer allow it,
// the writer gets them where the source has them. Otherwise WriteN copies one chunk at a
// time. While WriteN waits for a db.Receiver, b has no buffer. If a receiver can take only
// a few bytes, WriteN writes parts of a chunk.
func (b *Body) WriteN(w io.Writer, limit int64) (n int64, err error) {
	b.drop()
	end := b.off + max(0, min(limit, b.size-b.off))
	begin := b.off
	if source, ok := b.source.(AheadSource); ok {
		source.Until(end)
	}
	if to, ok := w.(db.DirectReceiver); ok {
		err := b.writeDirect(to, end)
		if !errors.Is(err, errors.ErrUnsupported) {
			return b.off - begin, err
		}
	}
	receiver, _ := w.(db.Receiver)
	for b.off < end {
		if err := b.writePart(w, receiver, end); err != nil {
			return b.off - begin, err
		}
	}
	return b.off - begin, nil
}

// A receiver gets at least minDirect bytes at once, and at most maxDirect and the rest of the
// last chunk of these. With maxDirect, the bytes are still in the cache of the processor when
// the kernel copies them: with 1 MiB, a large image takes a quarter more processor time.
const (
	minDirect = 64 << 10
	maxDirect = 512 << 10
)

// writeDirect writes up to the offset `end` of the content, without a copy. If the receiver
// takes only a part, it gets about as much the next time, because the rest was verified in
// vain.
func (b *Body) writeDirect(w db.DirectReceiver, end int64) error {
	source, ok := b.source.(DirectSource)
	if !ok {
		return errors.ErrUnsupported
	}
	for window := maxDirect; b.off < end; {
		if err := b.usable(); err != nil {
			return err
		}
		next := min(end, b.off+int64(window))
		if window == maxDirect {
			next = min(end, int64(b.chunkSize)*((next-1)/int64(b.chunkSize)+1))
		}
		n, err := source.WriteNow(w, b.off, next)
		b.off += int64(n)
		if err != nil {
			return err
		}
		if b.off == next {
			window = min(2*window, maxDirect)
			continue
		}
		window = max(n, minDirect)
		if _, err := w.Room(b.chunkSize); err != nil {
			return err
		}
	}
	return nil
}

// writePart writes the next chunk, or a part of it, but nothing after the offset `end` of
// the content.
func (b *Body) writePart(w io.Writer, receiver db.Receiver, end int64) error {
	number, from := int(b.off/int64(b.chunkSize)), int(b.off%int64(b.chunkSize))
	size := b.sizeOf(number)
	need := int(min(int64(size-from), end-b.off)) // bytes of this chunk
	room := need
	if receiver != nil {
		var err error
		if room, err = receiver.Room(need); err != nil {
			return err
		}
	}
	if err := b.usable(); err != nil {
		return err
	}
	c, err := b.readPart(number, size, from, partEnd(from, room, size))
	if err != nil {
		return err
	}
	defer b.source.PutChunk(c)
	n, err := w.Write(c.Data()[:min(c.Len(), need)])
	b.off += int64(n)
	return err
}

func (b *Body) readPart(number, size, from, end int) (*Chunk, error) {
	if from == 0 && end == size {
		return b.source.ReadChunk(number, size)
	}
	return b.source.ReadPart(number, size, from, end)
}

func (b *Body) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += b.off
	case io.SeekEnd:
		offset += b.size
	default:
		return 0, fmt.Errorf("unknown whence %d", whence)
	}
	if offset < 0 {
		return 0, ErrNegative
	}
	b.off = offset
	return offset, nil
}

// Close tells the source that the Body is done. A second Close does nothing.
func (b *Body) Close() error {
	if !b.closed {
		b.closed = true
		b.drop()
		b.source.Done()
	}
	return nil
}
