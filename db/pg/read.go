package pg

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"imageserver/db"
	"imageserver/db/chunk"
)

// alive is the condition for an image that has not expired.
const alive = `(expires is null or expires > ` + now + `)`

// Stat returns the image with this name; see db.Images.
func (s *Store) Stat(ctx context.Context, name string) (db.Image, error) {
	name, err := db.CheckName(name)
	if err != nil {
		return db.Image{}, err
	}
	return s.findOne(ctx, fmt.Sprintf("%q", name), `select `+imageColumns+` from @images i where name = $1 and deleted = 0 and `+alive, name)
}

// ByDeleteKeyHash returns the image with this delete key; see db.DeleteKeys.
func (s *Store) ByDeleteKeyHash(ctx context.Context, hash db.Digest) (db.Image, error) {
	return s.findOne(ctx, "a delete key", `select `+imageColumns+` from @images i where delete_key = $1 and deleted = 0 and `+alive+` limit 1`, hashOrNull(hash))
}

// findOne returns the image that a query finds, or db.ErrNotFound with `what`.
func (s *Store) findOne(ctx context.Context, what, sql string, args ...any) (img db.Image, err error) {
	err = s.read(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		r, err := scanImage(c.QueryRow(ctx, s.sql(sql), args...))
		if err != nil {
			return notFound(err, what)
		}
		img = r.Image
		return nil
	})
	return img, err
}

func notFound(err error, what string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%w: %s", db.ErrNotFound, what)
	}
	return err
}

// Get returns the image with this name and its bytes; see db.Images. One query returns
// the record and everything that reading the bytes needs.
func (s *Store) Get(ctx context.Context, name string) (db.Image, db.Body, error) {
	name, err := db.CheckName(name)
	if err != nil {
		return db.Image{}, nil, err
	}
	b := &blob{s: s, name: name}
	var img db.Image
	err = s.read(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		r, err := scanImage(c.QueryRow(ctx, s.sql(`select `+imageColumns+`, c.object, c.sums from @images i join @contents c using (sha256)
			where name = $1 and deleted = 0 and `+alive), name), &b.object, &b.sums)
		if err != nil {
			return notFound(err, fmt.Sprintf("%q", name))
		}
		img = r.Image
		return nil
	})
	if err != nil {
		return db.Image{}, nil, err
	}
	return img, b.open(img.Size), nil
}

// blob reads the bytes of one object. It is a chunk.Source. It keeps a stream of the
// object open, and opens another one if the reader goes to another place.
type blob struct {
	body   chunk.Body
	s      *Store
	name   string // for errors
	object string
	sums   []byte // 4 bytes for each piece
	size   int64
	until  int64         // see Until
	stream io.ReadCloser // nil before the first read
	at     int64         // the offset of the next byte of the stream
	end    int64         // the offset at which the stream ends
}

// open returns the Body. It reads nothing.
func (b *blob) open(size int64) *chunk.Body {
	b.size = size
	b.body = chunk.NewBody(b, size, pieceSize)
	return &b.body
}

var pieces = sync.Pool{New: func() any { return chunk.New(chunk.ChecksumSize + pieceSize) }}

func (b *blob) PutChunk(c *chunk.Chunk) { pieces.Put(c) }

// readTries is how often a read of a piece is tried, if the stream breaks.
const readTries = 3

// ReadChunk returns a verified piece. If the stream breaks, it continues with another
// stream. If the piece is wrong, it reads the piece once more, because the fault may be
// in the connection.
func (b *blob) ReadChunk(number, size int) (*chunk.Chunk, error) {
	if err := b.s.gate.enter(); err != nil {
		return nil, err
	}
	defer b.s.gate.leave()
	c := pieces.Get().(*chunk.Chunk)
	wrong := 0
	for i := 1; ; i++ {
		err := b.fill(c, number, size)
		if err == nil && b.verify(c, number) {
			return c, nil
		}
		b.drop()
		if err == nil {
			err = fmt.Errorf("%w: checksum of piece %d", db.ErrDamaged, number)
			wrong++
		}
		if errors.Is(err, errNoObject) {
			err = fmt.Errorf("%w: %w", db.ErrDamaged, errNoObject)
		}
		gone := errors.Is(err, errNoObject)
		if gone || wrong == 2 {
			b.s.markDamaged(b.object)
		}
		if gone || wrong == 2 || i == readTries || b.s.gate.isClosed() {
			pieces.Put(c)
			return nil, b.fault(err)
		}
		time.Sleep(time.Duration(i*i) * 20 * time.Millisecond)
	}
}

func (b *blob) fault(err error) error {
	if b.s.gate.isClosed() {
		return db.ErrClosed
	}
	if !errors.Is(err, db.ErrDamaged) && !errors.Is(err, db.ErrUnavailable) && !errors.Is(err, db.ErrBusy) {
		err = fmt.Errorf("%w: %w", db.ErrUnavailable, err)
	}
	return fmt.Errorf("image %q: %w", b.name, err)
}

// fill reads a piece into c.
func (b *blob) fill(c *chunk.Chunk, number, size int) (err error) {
	off := int64(number) * pieceSize
	if b.stream == nil || b.at != off || b.at == b.end {
		b.drop()
		b.at, b.end = off, b.size
		if off < b.until {
			b.end = min(b.size, (b.until+pieceSize-1)/pieceSize*pieceSize)
		}
		if b.stream, err = b.s.objects.get(b.s.ctx, b.object, off, b.end, b.size); err != nil {
			b.stream = nil
			return err
		}
	}
	c.Reset()
	err = c.Fill(io.LimitReader(b.stream, int64(size)))
	b.at += int64(c.Len())
	switch {
	case c.Len() == size:
		return nil
	case err == nil || err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}

func (b *blob) verify(c *chunk.Chunk, number int) bool {
	at := 4 * number
	return at+4 <= len(b.sums) && binary.BigEndian.Uint32(b.sums[at:]) == chunk.Sum(0, c.Data())
}

// ReadPart returns the rest of a piece, if a reader begins in the middle of the piece. It
// verifies the whole piece.
func (b *blob) ReadPart(number, size, from, end int) (*chunk.Chunk, error) {
	whole, err := b.ReadChunk(number, size)
	if err != nil {
		return nil, err
	}
	defer pieces.Put(whole)
	c := pieces.Get().(*chunk.Chunk)
	c.Reset()
	c.Append(whole.Data()[from:end])
	return c, nil
}

// Until limits the next stream to the pieces that are needed up to the offset `end`. So a
// range is one request, which returns only these pieces, and its connection can be used
// again.
func (b *blob) Until(end int64) { b.until = end }

// Err returns db.ErrClosed after the store was closed.
func (b *blob) Err() error {
	if b.s.gate.isClosed() {
		return db.ErrClosed
	}
	return nil
}

// Done closes the stream.
func (b *blob) Done() { b.drop() }

func (b *blob) drop() {
	if b.stream != nil {
		b.stream.Close()
		b.stream = nil
	}
}
