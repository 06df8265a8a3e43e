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

// expired reports whether the record's image has gone by itself. It reads the
// clock only for one that ever will.
func (s *Store) expired(r *layout.Record) bool { return !r.End().IsZero() && r.Ended(s.now()) }

// readPool lends the buffers that chunks are read into.
var readPool = sync.Pool{New: func() any { return newChunk(fullBuffer) }}

// readChunk returns a checked copy of one chunk, in a buffer of readPool's.
func (s *Store) readChunk(id uint64, number, want int) (*chunk, error) {
	c := readPool.Get().(*chunk)
	err := s.view(func(tx *bbolt.Tx) error { return c.load(tx, id, number) })
	switch {
	case err != nil:
	case c.n != want || !c.sound(id, number):
		err = fmt.Errorf("%w: checksum of chunk %d", db.ErrDamaged, number)
	default:
		return c, nil
	}
	readPool.Put(c)
	return nil, err
}

// load copies a chunk out of the transaction.
func (c *chunk) load(tx *bbolt.Tx, id uint64, number int) error {
	v, err := layout.GetChunk(tx, id, number)
	if err != nil {
		return err
	}
	c.n = copy(c.buf, v) - layout.ChecksumSize
	return nil
}

// body reads a blob that it has pinned.
type body struct {
	s      *Store
	record *layout.Record
	off    int64
	cur    *chunk // the chunk last read, or nil
	number int    // of cur
	closed bool
}

var errBodyClosed = errors.New("read of a closed image")

// chunk returns a chunk of the image; it is b's, and good until the next call.
func (b *body) chunk(number int) (*chunk, error) {
	switch {
	case b.closed:
		return nil, errBodyClosed
	case b.s.closed.Load():
		return nil, db.ErrClosed
	}
	if b.cur != nil && b.number == number {
		return b.cur, nil
	}
	b.drop()
	want := min(int64(b.record.ChunkSize), b.record.Size-int64(number)*int64(b.record.ChunkSize))
	c, err := b.s.readChunk(b.record.Blob, number, int(want))
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", b.record.Name, err)
	}
	b.cur, b.number = c, number
	return c, nil
}

// drop gives the buffer back.
func (b *body) drop() {
	if b.cur != nil {
		readPool.Put(b.cur)
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

func (b *body) WriteTo(w io.Writer) (n int64, err error) {
	for b.off < b.record.Size {
		c, err := b.chunk(int(b.off / int64(b.record.ChunkSize)))
		if err != nil {
			return n, err
		}
		k, err := w.Write(c.data()[b.off%int64(b.record.ChunkSize):])
		n, b.off = n+int64(k), b.off+int64(k)
		if err != nil {
			return n, err
		}
	}
	return n, nil
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
