package bolt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// Stat returns the image under name; see db.Store.
func (s *Store) Stat(_ context.Context, name string) (img db.Image, err error) {
	name, err = db.CheckName(name)
	if err != nil {
		return db.Image{}, err
	}
	err = s.view(func(tx *bbolt.Tx) error {
		r, err := s.findImage(tx, name)
		if err == nil {
			img = r.Image
		}
		return err
	})
	return img, err
}

// Get returns the image under name and its bytes; see db.Store.
func (s *Store) Get(_ context.Context, name string) (db.Image, db.Body, error) {
	name, err := db.CheckName(name)
	if err != nil {
		return db.Image{}, nil, err
	}
	r, err := s.findPinned(func(tx *bbolt.Tx) (*layout.Record, error) { return s.findImage(tx, name) })
	if err != nil {
		return db.Image{}, nil, err
	}
	return r.Image, &body{s: s, record: r}, nil
}

// findPinned returns the record that find finds and pins its blob; it looks again
// for as long as that is just being deleted.
func (s *Store) findPinned(find func(*bbolt.Tx) (*layout.Record, error)) (r *layout.Record, err error) {
	for {
		var wait <-chan struct{}
		s.pins.lookup.RLock()
		err := s.view(func(tx *bbolt.Tx) (err error) {
			if r, err = find(tx); err == nil {
				wait = s.pins.pin(r.Blob)
			}
			return err
		})
		s.pins.lookup.RUnlock()
		switch {
		case err != nil:
			return nil, err
		case wait == nil:
			return r, nil
		}
		<-wait
	}
}

// findImage returns the record under name, or db.ErrNotFound.
func (s *Store) findImage(tx *bbolt.Tx, name string) (*layout.Record, error) {
	r, err := layout.ImageRecord(tx, name)
	switch {
	case err != nil:
		return nil, err
	case r == nil || s.expired(r):
		return nil, fmt.Errorf("%w: %q", db.ErrNotFound, name)
	}
	return r, nil
}

// expired reports whether the record's image has expired. It reads the clock only for
// an image that expires at all.
func (s *Store) expired(r *layout.Record) bool { return !r.Expiry().IsZero() && r.Expired(s.now()) }

// partSize is the number of bytes that a chunk is read by for a slow reader.
const partSize = 32 << 10

// readPool lends the buffers that chunks are read into, and partPool those for one
// part of a chunk.
var (
	readPool = sync.Pool{New: func() any { return newChunk(fullBuffer) }}
	partPool = sync.Pool{New: func() any { return newChunk(layout.ChecksumSize + partSize) }}
)

// poolFor returns the pool whose buffers hold n bytes of a chunk.
func poolFor(n int) *sync.Pool {
	if n <= partSize {
		return &partPool
	}
	return &readPool
}

// readChunk returns a verified copy of one chunk, in a buffer of poolFor(size).
func (s *Store) readChunk(id uint64, number, size int) (*chunk, error) {
	c := poolFor(size).Get().(*chunk)
	c.n = size
	if err := s.view(func(tx *bbolt.Tx) error { return c.load(tx, id, number) }); err != nil {
		c.release()
		return nil, err
	}
	return c, nil
}

// release gives a buffer back to its pool.
func (c *chunk) release() { poolFor(len(c.buf) - layout.ChecksumSize).Put(c) }

// load copies a chunk of c.n bytes out of the transaction and verifies the copy.
func (c *chunk) load(tx *bbolt.Tx, id uint64, number int) error {
	v, err := layout.GetChunk(tx, id, number)
	if err != nil {
		return err
	}
	if len(v) != layout.ChecksumSize+c.n {
		return errChecksum(number)
	}
	copy(c.buf, v)
	if !c.sound(id, number) {
		return errChecksum(number)
	}
	return nil
}

func errChecksum(number int) error {
	return fmt.Errorf("%w: checksum of chunk %d", db.ErrDamaged, number)
}

// parts reads one chunk part by part and verifies what it reads. The checksum in the
// file is that of the whole chunk, so parts computes those of the parts once, while
// it verifies the whole.
type parts struct {
	blob   uint64
	number int
	size   int // bytes of the chunk; 0 before the first chunk
	sums   [(layout.ChunkSize + partSize - 1) / partSize]uint32
}

// load copies c.n bytes from offset from of a chunk with size bytes out of the
// transaction and verifies the copy. The end of what it copies is the end of a part.
func (p *parts) load(tx *bbolt.Tx, c *chunk, blob uint64, number, size, from int) error {
	v, err := layout.GetChunk(tx, blob, number)
	if err != nil {
		return err
	}
	if len(v) != layout.ChecksumSize+size {
		return errChecksum(number)
	}
	if p.size == 0 || p.blob != blob || p.number != number {
		if !c.covers(v, blob, number) {
			return errChecksum(number)
		}
		p.blob, p.number, p.size = blob, number, size
		for i := range p.sums {
			p.sums[i] = layout.Sum(0, partOf(v[layout.ChecksumSize:], i))
		}
	}
	data := v[layout.ChecksumSize:]
	copy(c.data(), data[from:])
	for i, done := from/partSize, 0; done < c.n; i++ {
		first := i * partSize
		before := max(0, from-first) // bytes of the part that come before the copy
		n := min(partSize, size-first) - before
		if layout.Sum(layout.Sum(0, data[first:first+before]), c.data()[done:done+n]) != p.sums[i] {
			return errChecksum(number)
		}
		done += n
	}
	return nil
}

// partOf returns part i of a chunk's bytes, which is empty after the last.
func partOf(data []byte, i int) []byte {
	return data[min(i*partSize, len(data)):min((i+1)*partSize, len(data))]
}

// partEnd returns where a read of at most n bytes from offset from of a chunk with
// size bytes ends: after whole parts, of which there is at least one, or at size.
func partEnd(from, n, size int) int {
	if from+n >= size {
		return size
	}
	return min(max((from+n)/partSize, from/partSize+1)*partSize, size)
}

// body reads a blob that it has pinned.
type body struct {
	s      *Store
	record *layout.Record
	off    int64
	cur    *chunk // the chunk last read, or nil
	number int    // of cur
	parts  *parts // for a reader that takes parts of chunks, or nil
	closed bool
}

var errBodyClosed = errors.New("read of a closed image")

// chunk returns a chunk of the image. It belongs to b and is valid until the next call.
func (b *body) chunk(number int) (*chunk, error) {
	if err := b.usable(); err != nil {
		return nil, err
	}
	if b.cur != nil && b.number == number {
		return b.cur, nil
	}
	b.drop()
	c, err := b.s.readChunk(b.record.Blob, number, b.chunkSize(number))
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", b.record.Name, err)
	}
	b.cur, b.number = c, number
	return c, nil
}

// usable returns the error of a closed body or store.
func (b *body) usable() error {
	switch {
	case b.closed:
		return errBodyClosed
	case b.s.closed.Load():
		return db.ErrClosed
	}
	return nil
}

// chunkSize returns the number of bytes in a chunk of the image.
func (b *body) chunkSize(number int) int {
	return int(min(int64(b.record.ChunkSize), b.record.Size-int64(number)*int64(b.record.ChunkSize)))
}

// drop gives the buffer back.
func (b *body) drop() {
	if b.cur != nil {
		b.cur.release()
		b.cur = nil
	}
}

func (b *body) Read(p []byte) (n int, err error) {
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

func (b *body) ReadAt(p []byte, off int64) (n int, err error) {
	if b.closed {
		return 0, errBodyClosed
	}
	return layout.ReadChunks(p, off, b.record.Size, b.record.ChunkSize, func(number int, read func([]byte)) error {
		c, err := b.chunk(number)
		if err == nil {
			read(c.data())
		}
		return err
	})
}

// WriteTo writes what is left, one chunk at a time. While a db.Receiver waits, b holds
// no buffer, and a receiver with little room gets parts of a chunk.
func (b *body) WriteTo(w io.Writer) (n int64, err error) {
	receiver, _ := w.(db.Receiver)
	b.drop()
	for b.off < b.record.Size {
		number, from := int(b.off/int64(b.record.ChunkSize)), int(b.off%int64(b.record.ChunkSize))
		size := b.chunkSize(number)
		end := size
		if receiver != nil {
			room, err := receiver.Room(size - from)
			if err != nil || room == 0 {
				return n, err
			}
			end = partEnd(from, room, size)
		}
		k, err := b.writeChunk(w, number, from, end)
		n, b.off = n+int64(k), b.off+int64(k)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// writeChunk writes the bytes of a chunk from one offset to another.
func (b *body) writeChunk(w io.Writer, number, from, end int) (int, error) {
	if err := b.usable(); err != nil {
		return 0, err
	}
	c, err := b.readPart(number, from, end)
	if err != nil {
		return 0, fmt.Errorf("image %q: %w", b.record.Name, err)
	}
	defer c.release()
	return w.Write(c.data())
}

// readPart returns a verified copy of the bytes of a chunk from one offset to another.
func (b *body) readPart(number, from, end int) (*chunk, error) {
	size := b.chunkSize(number)
	if from == 0 && end == size {
		return b.s.readChunk(b.record.Blob, number, size)
	}
	if b.parts == nil {
		b.parts = new(parts)
	}
	c := poolFor(end - from).Get().(*chunk)
	c.n = end - from
	err := b.s.view(func(tx *bbolt.Tx) error { return b.parts.load(tx, c, b.record.Blob, number, size, from) })
	if err != nil {
		c.release()
		return nil, err
	}
	return c, nil
}

func (b *body) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += b.off
	case io.SeekEnd:
		offset += b.record.Size
	default:
		return 0, fmt.Errorf("unknown whence %d", whence)
	}
	if offset < 0 {
		return 0, layout.ErrNegative
	}
	b.off = offset
	return offset, nil
}

// Close lets the blob go. A second Close does nothing.
func (b *body) Close() error {
	if !b.closed {
		b.closed = true
		b.drop()
		b.s.unpin(b.record.Blob)
	}
	return nil
}
