package bolt

import (
	"context"
	"fmt"
	"sync"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/chunk"
)

// Stat returns the image with this name; see db.Images.
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

// Get returns the image with this name and its bytes; see db.Images.
func (s *Store) Get(_ context.Context, name string) (db.Image, db.Body, error) {
	name, err := db.CheckName(name)
	if err != nil {
		return db.Image{}, nil, err
	}
	r, err := s.findPinned(func(tx *bbolt.Tx) (*layout.Record, error) { return s.findImage(tx, name) })
	if err != nil {
		return db.Image{}, nil, err
	}
	return r.Image, s.openBlob(r), nil
}

// findPinned returns the record that `find` returns, and pins the blob of the record;
// see pins. If a commit is deleting this blob, findPinned waits for the commit and
// calls `find` again.
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

// findImage returns the record of the image with this name, or db.ErrNotFound.
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

// expired reports whether the image of the record has expired. It reads the clock only
// if the image has a time at which it expires.
func (s *Store) expired(r *layout.Record) bool { return !r.Expiry().IsZero() && r.Expired(s.now()) }

// readPool has buffers for whole chunks. partPool has buffers for a part of a chunk.
var (
	readPool = sync.Pool{New: func() any { return chunk.New(chunk.ChecksumSize + layout.ChunkSize) }}
	partPool = sync.Pool{New: func() any { return chunk.New(chunk.ChecksumSize + chunk.PartSize) }}
)

// poolFor returns the pool whose buffers can contain n bytes of a chunk.
func poolFor(n int) *sync.Pool {
	if n <= chunk.PartSize {
		return &partPool
	}
	return &readPool
}

// putChunk gives a buffer back to its pool.
func putChunk(c *chunk.Chunk) { poolFor(c.BufferSize() - chunk.ChecksumSize).Put(c) }

// blob reads one blob. It has pinned the blob. It is a chunk.Source.
type blob struct {
	body   chunk.Body
	s      *Store
	record *layout.Record
	parts  *chunk.Parts // nil before the first part
}

// openBlob returns the Body of the blob of a record. The caller must have pinned the
// blob. When the Body is closed, the pin is removed.
func (s *Store) openBlob(r *layout.Record) *chunk.Body {
	b := &blob{s: s, record: r}
	b.body = chunk.NewBody(b, r.Size, r.ChunkSize)
	return &b.body
}

func (b *blob) ReadChunk(number, size int) (*chunk.Chunk, error) {
	c, err := b.s.readChunk(b.record.Blob, number, size)
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", b.record.Name, err)
	}
	return c, nil
}

func (b *blob) ReadPart(number, size, from, end int) (*chunk.Chunk, error) {
	if b.parts == nil {
		b.parts = new(chunk.Parts)
	}
	c, err := b.s.readPart(b.record.Blob, number, size, from, end, b.parts)
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", b.record.Name, err)
	}
	return c, nil
}

func (b *blob) PutChunk(c *chunk.Chunk) { putChunk(c) }

func (b *blob) Err() error {
	if b.s.closed.Load() {
		return db.ErrClosed
	}
	return nil
}

// Done removes the pin of the blob.
func (b *blob) Done() { b.s.unpin(b.record.Blob) }

// readChunk returns a verified copy of one chunk. The buffer of the copy is from
// poolFor(size).
func (s *Store) readChunk(id uint64, number, size int) (*chunk.Chunk, error) {
	return s.readPart(id, number, size, 0, size, nil)
}

// readPart returns a verified copy of the bytes from offset `from` to offset `end` of a
// chunk. If this is the whole chunk, `parts` may be nil.
func (s *Store) readPart(id uint64, number, size, from, end int, parts *chunk.Parts) (*chunk.Chunk, error) {
	c := poolFor(end - from).Get().(*chunk.Chunk)
	c.Key = layout.ChunkKey(id, number)
	err := s.view(func(tx *bbolt.Tx) error {
		v, err := layout.GetChunk(tx, id, number)
		if err != nil {
			return err
		}
		ok := len(v) == chunk.ChecksumSize+size
		switch {
		case !ok:
		case parts != nil:
			ok = parts.Load(c, v, size, from, end)
		default:
			c.Load(v)
			ok = c.Verify()
		}
		if !ok {
			return fmt.Errorf("%w: checksum of chunk %d", db.ErrDamaged, number)
		}
		return nil
	})
	if err != nil {
		putChunk(c)
		return nil, err
	}
	return c, nil
}
