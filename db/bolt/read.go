package bolt

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/datafile"
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
	f, err := s.findPinned(lookupKey{key: name})
	if err != nil {
		return db.Image{}, nil, err
	}
	return f.record.Image, s.openBlob(f), nil
}

// findPinned returns the record with this key, and pins its blob; see pins. If a commit is
// deleting the blob, findPinned waits for the commit and looks the record up again.
func (s *Store) findPinned(key lookupKey) (*found, error) {
	for {
		s.pins.lookup.RLock()
		f, err := s.find(key)
		var wait <-chan struct{}
		if err == nil {
			wait = s.pins.pin(f.record.Blob)
		}
		s.pins.lookup.RUnlock()
		if err != nil || wait == nil {
			return f, err
		}
		<-wait
	}
}

// find returns the record with this key and remembers it until the next commit.
func (s *Store) find(key lookupKey) (*found, error) {
	if f := s.lookups.get(key, s.lastTx.Load()); f != nil && !s.closed.Load() && !s.expired(f.record) {
		return f, nil
	}
	f := new(found)
	err := s.view(func(tx *bbolt.Tx) (err error) {
		if key.variant {
			f.record, err = findVariant(tx, []byte(key.key))
		} else {
			f.record, err = s.findImage(tx, key.key)
		}
		if err != nil {
			return err
		}
		if f.record.Size <= int64(f.record.ChunkSize) { // most images: find the only chunk in the same transaction
			_ = f.fill(tx, f.places(0, int(min(1, f.record.Size))), 0) // if it is missing or damaged, the read returns the error
		}
		s.lookups.put(key, uint64(tx.ID()), f)
		return nil
	})
	return f, err
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

// blob reads one blob. It has pinned the blob. It is a chunk.DirectSource.
type blob struct {
	body chunk.Body
	s    *Store
	*found
	parts *chunk.Parts // nil before the first part
}

// openBlob returns the Body of the blob of a record. The caller must have pinned the
// blob. When the Body is closed, the pin is removed.
func (s *Store) openBlob(f *found) *chunk.Body {
	b := &blob{s: s, found: f}
	b.body = chunk.NewBody(b, f.record.Size, f.record.ChunkSize)
	return &b.body
}

func (b *blob) ReadChunk(number, size int) (*chunk.Chunk, error) {
	return b.copy(number, size, 0, size, nil)
}

func (b *blob) ReadPart(number, size, from, end int) (*chunk.Chunk, error) {
	if b.parts == nil {
		b.parts = new(chunk.Parts)
	}
	return b.copy(number, size, from, end, b.parts)
}

// copy does the same as readPart. If the memory map can be used, copy needs no transaction.
func (b *blob) copy(number, size, from, end int, parts *chunk.Parts) (c *chunk.Chunk, err error) {
	sealed, err := b.locate(b.s, number, number+1)
	if err != nil {
		return nil, b.named(err)
	}
	if !b.s.mapped.enter() {
		c, err = b.s.readPart(b.record.Blob, number, size, from, end, parts)
		return c, b.named(err)
	}
	defer b.s.mapped.exit()
	c = newCopy(b.record.Blob, number, end-from)
	if err := load(c, sealed[0], number, size, from, end, parts); err != nil {
		putChunk(c)
		return nil, b.named(err)
	}
	return c, nil
}

// named adds the name of the image to an error.
func (b *blob) named(err error) error {
	if err != nil {
		err = fmt.Errorf("image %q: %w", b.record.Name, err)
	}
	return err
}

// WriteNow writes from the memory map; see chunk.DirectSource.
func (b *blob) WriteNow(w db.DirectReceiver, from, end int64) (n int, err error) {
	size := int64(b.record.ChunkSize)
	first := int(from / size)
	sealed, err := b.locate(b.s, first, int((end+size-1)/size))
	if err != nil {
		return 0, b.named(err)
	}
	if !b.s.mapped.enter() {
		return 0, errors.ErrUnsupported
	}
	defer b.s.mapped.exit()
	n, err = b.writeVerified(w, sealed, first, from, end)
	return n, b.named(err)
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
	c := newCopy(id, number, end-from)
	err := s.view(func(tx *bbolt.Tx) error {
		sealed, err := layout.GetChunk(tx, id, number)
		if err != nil {
			return err
		}
		return load(c, sealed, number, size, from, end, parts)
	})
	if err != nil {
		putChunk(c)
		return nil, err
	}
	return c, nil
}

// newCopy returns a buffer for n bytes of a chunk.
func newCopy(id uint64, number, n int) *chunk.Chunk {
	c := poolFor(n).Get().(*chunk.Chunk)
	c.Key = layout.ChunkKey(id, number)
	return c
}

// load copies a part of a sealed chunk into c and verifies the copy; see readPart.
func load(c *chunk.Chunk, sealed []byte, number, size, from, end int, parts *chunk.Parts) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer datafile.RecoverDamage(&err)
	ok := len(sealed) == chunk.ChecksumSize+size
	switch {
	case !ok:
	case parts != nil:
		ok = parts.Load(c, sealed, size, from, end)
	default:
		c.Load(sealed)
		ok = c.Verify()
	}
	if !ok {
		return fmt.Errorf("%w: checksum of chunk %d", db.ErrDamaged, number)
	}
	return nil
}
