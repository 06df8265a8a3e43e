package pg

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"imageserver/db"
)

// objects has the bytes of objects: a bucket, or the table bytes. The methods are safe
// for concurrent use. Their errors are those of package db.
type objects interface {
	// put writes an object. After an error, the object may still appear later.
	put(ctx context.Context, o object) error
	// get reads an object of `size` bytes from offset `off` to offset `end`. If the
	// object does not exist, get or the first Read returns errNoObject.
	get(ctx context.Context, key string, off, end, size int64) (io.ReadCloser, error)
	// stat returns the size of an object, or errNoObject.
	stat(ctx context.Context, key string) (int64, error)
	// remove deletes an object. If the object does not exist, it returns nil.
	remove(ctx context.Context, key string) error
	// list calls `visit` with the key and the size of each object.
	list(ctx context.Context, visit func(key string, size int64) error) error
	// ready returns why the objects cannot be read or written now, or nil.
	ready(ctx context.Context) error
	close()
}

// object is an object to write.
type object struct {
	key    string
	name   string // of the image; empty for a variant
	digest db.Digest
	kind   string // the content type
	size   int64
	bytes  io.ReaderAt
}

// errNoObject means that an object does not exist.
var errNoObject = errors.New("the object does not exist")

// tableObjects keeps objects in the table bytes, in rows of chunkSize bytes.
type tableObjects struct{ s *Store }

// putRows is how many rows put writes in one round trip.
const putRows = 8

func (t *tableObjects) put(ctx context.Context, o object) error {
	for off := int64(0); off < o.size; {
		var some []statement
		for ; off < o.size && len(some) < putRows; off += chunkSize {
			p := make([]byte, min(chunkSize, o.size-off))
			if _, err := o.bytes.ReadAt(p, off); err != nil && err != io.EOF {
				return err
			}
			some = append(some, statement{`insert into @bytes (object, number, data) values ($1, $2, $3)`, []any{o.key, int32(off / chunkSize), p}})
		}
		if err := t.send(ctx, some); err != nil {
			return t.s.storeError(ctx, err)
		}
	}
	return nil
}

func (t *tableObjects) send(ctx context.Context, some []statement) error {
	c, err := t.s.acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	ctx, cancel := context.WithTimeout(ctx, t.s.o.times.query)
	defer cancel()
	return t.s.send(ctx, c, some)
}

func (t *tableObjects) get(ctx context.Context, key string, off, end, _ int64) (io.ReadCloser, error) {
	return &tableReader{t: t, ctx: ctx, key: key, off: off, end: end}, nil
}

// tableReader reads an object, one row at a time, or less at the end.
type tableReader struct {
	t        *tableObjects
	ctx      context.Context
	key      string
	off, end int64
	unread   []byte
}

func (r *tableReader) Read(p []byte) (int, error) {
	if len(r.unread) == 0 {
		if r.off >= r.end {
			return 0, io.EOF
		}
		if err := r.fetch(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.unread)
	r.unread = r.unread[n:]
	return n, nil
}

// fetch reads the rest of the row that has the next byte.
func (r *tableReader) fetch() error {
	err := r.t.s.read(r.ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		err := c.QueryRow(ctx, r.t.s.sql(`select substring(data from $3 for $4) from @bytes where object = $1 and number = $2`),
			r.key, int32(r.off/chunkSize), int32(r.off%chunkSize)+1, int32(min(r.end-r.off, chunkSize))).Scan(&r.unread)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%w: %w", db.ErrDamaged, errNoObject)
		}
		return err
	})
	r.off += int64(len(r.unread))
	return err
}

func (r *tableReader) Close() error { return nil }

// stat trusts the table: an object of a content has all its rows, because the rows were
// committed before the content.
func (t *tableObjects) stat(ctx context.Context, key string) (size int64, err error) {
	err = t.s.read(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		return c.QueryRow(ctx, t.s.sql(`select coalesce(sum(length(data)), 0)::bigint from @bytes where object = $1`), key).Scan(&size)
	})
	return size, err
}

func (t *tableObjects) remove(ctx context.Context, key string) error {
	return t.send(ctx, []statement{{`delete from @bytes where object = $1`, []any{key}}})
}

func (t *tableObjects) list(ctx context.Context, visit func(key string, size int64) error) error {
	c, err := t.s.acquire(ctx)
	if err != nil {
		return t.s.storeError(ctx, err)
	}
	defer c.Release()
	rows, err := c.Query(ctx, t.s.sql(`select object, sum(length(data))::bigint from @bytes group by object`))
	if err != nil {
		return t.s.storeError(ctx, err)
	}
	var key string
	var size int64
	_, err = pgx.ForEachRow(rows, []any{&key, &size}, func() error { return visit(key, size) })
	return t.s.storeError(ctx, err)
}

func (t *tableObjects) ready(context.Context) error { return nil } // Store.Ready has asked the database
func (t *tableObjects) close()                      {}
