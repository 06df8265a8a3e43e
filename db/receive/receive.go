// Package receive reads the body of an upload into buffers, and computes its size, its
// digest and the checksums of its chunks. All uploads together use a bounded number of
// bytes. A long upload stages its chunks with the engine while it goes on.
package receive

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"imageserver/db"
	"imageserver/db/chunk"
)

// Staging is where an engine puts the chunks of a long upload before it is complete. An
// engine deletes what was staged if it does not publish the upload.
type Staging interface {
	// Key returns the key of a chunk, which its checksum covers.
	Key(number int) [chunk.KeySize]byte

	// Stage stores sealed chunks. They follow those that were staged before; first is
	// the number of the first one. Their buffers are used again after Stage returns.
	Stage(first int, chunks []*chunk.Chunk) error

	// ReadChunk returns a staged chunk, which has size bytes, and which it has
	// verified. PutChunk gives it back. Both are safe for concurrent use.
	ReadChunk(number, size int) (*chunk.Chunk, error)
	PutChunk(c *chunk.Chunk)
}

// Options says how to receive an upload.
type Options struct {
	Sender db.Sender // the client that sends the body; may be nil

	// NoWait means that the upload does not wait for memory: it returns db.ErrBusy.
	NoWait bool
}

// Upload is the content of one upload: the chunks that were staged, and then those that
// are still buffered.
type Upload struct {
	staging  Staging
	shares   shares
	hash     hash.Hash
	size     int64
	staged   int // how many chunks
	buffered []*chunk.Chunk
	first    [SegmentChunks]*chunk.Chunk // the array of buffered
}

// Receive reads body to its end. It may be called once. The caller must Release the
// Upload afterwards, also after an error.
//
// It wraps an error of body. It returns db.ErrBusy if there is no memory, the error of
// ctx when ctx ends, and the error of Stage.
func (u *Upload) Receive(ctx context.Context, m *Memory, staging Staging, body io.Reader, o Options) error {
	u.staging, u.hash = staging, sha256.New()
	u.shares.init(m, o.Sender, !o.NoWait)
	u.buffered = u.first[:0]
	c, err := u.buffer(ctx, 0)
	for err == nil {
		u.buffered = append(u.buffered, c)
		if err = u.fill(ctx, body); err != nil && err != io.EOF {
			return err
		}
		c = u.last()
		c.Key = staging.Key(u.staged + len(u.buffered) - 1)
		c.Seal()
		u.hash.Write(c.Data())
		u.size += int64(c.Len())
		if err == io.EOF {
			u.dropEmpty()
			return nil
		}
		if err = ctx.Err(); err == nil {
			c, err = u.next(ctx)
		}
	}
	return err
}

// Size returns how many bytes were received.
func (u *Upload) Size() int64 { return u.size }

// Digest returns the SHA-256 of the bytes that were received.
func (u *Upload) Digest() (d db.Digest) {
	u.hash.Sum(d[:0])
	return d
}

// Staged returns how many chunks were staged. After a failed Stage it counts the chunks
// of that call too, because some of them may be stored.
func (u *Upload) Staged() int { return u.staged }

// Buffered returns the sealed chunks that follow those that were staged.
func (u *Upload) Buffered() []*chunk.Chunk { return u.buffered }

// BufferedBytes returns how many bytes these chunks have.
func (u *Upload) BufferedBytes() (n int64) {
	for _, c := range u.buffered {
		n += int64(c.Len())
	}
	return n
}

// ReadAt reads what was received. It is safe for concurrent use.
func (u *Upload) ReadAt(p []byte, off int64) (n int, err error) {
	chunkSize := u.shares.memory.chunkSize
	return chunk.ReadAt(p, off, u.size, chunkSize, func(number int, read func([]byte)) error {
		if number >= u.staged {
			read(u.buffered[number-u.staged].Data())
			return nil
		}
		c, err := u.staging.ReadChunk(number, chunkSize)
		if err != nil {
			return err
		}
		defer u.staging.PutChunk(c)
		read(c.Data())
		return nil
	})
}

// Release gives all buffers back. After that the sender is not asked to give way.
func (u *Upload) Release() {
	for _, c := range u.buffered {
		u.shares.discard(c)
	}
	u.buffered = nil
	u.shares.close()
}

func (u *Upload) last() *chunk.Chunk { return u.buffered[len(u.buffered)-1] }

// dropEmpty gives the last buffer back if the body ended before it.
func (u *Upload) dropEmpty() {
	if c := u.last(); c.Len() == 0 {
		u.buffered = u.buffered[:len(u.buffered)-1]
		u.shares.discard(c)
	}
}

// fill reads into the last chunk until it is full or r ends. Then it returns io.EOF.
func (u *Upload) fill(ctx context.Context, r io.Reader) (err error) {
	for c := u.last(); ; u.buffered[len(u.buffered)-1] = c {
		err = c.Fill(r)
		switch {
		case err != nil && err != io.EOF:
			return fmt.Errorf("read image: %w", err)
		case err == io.EOF, c.Len() == u.shares.memory.chunkSize:
			return err
		}
		if c, err = u.grow(ctx, c); err != nil {
			return err
		}
	}
}

// buffer returns a buffer of the size with this index.
func (u *Upload) buffer(ctx context.Context, size int) (*chunk.Chunk, error) {
	m, share := u.shares.memory, u.shares.of(size)
	n := int64(m.sizes[size])
	if u.shares.wait {
		if err := share.Get(ctx, n); err != nil {
			return nil, err
		}
	} else if !share.TryGet(n) {
		return nil, db.ErrBusy
	}
	return m.borrow(size), nil
}

// grow moves the bytes of c, which is not of full size, to the next larger buffer.
func (u *Upload) grow(ctx context.Context, c *chunk.Chunk) (*chunk.Chunk, error) {
	larger, err := u.buffer(ctx, u.shares.memory.indexOf(c)+1)
	if err != nil {
		return nil, err
	}
	larger.Append(c.Data())
	u.shares.discard(c)
	return larger, nil
}

// next returns an empty buffer of full size. An upload that has one can always continue: if
// it gets no other, it stages early and uses its own again.
func (u *Upload) next(ctx context.Context) (*chunk.Chunk, error) {
	if len(u.buffered) < SegmentChunks && u.more(ctx) {
		return u.shares.memory.borrow(sizes - 1), nil
	}
	err := u.staging.Stage(u.staged, u.buffered)
	u.staged += len(u.buffered)
	if err != nil {
		return nil, err
	}
	keep := u.buffered[0]
	keep.Reset()
	for _, c := range u.buffered[1:] {
		u.shares.discard(c)
	}
	u.buffered = u.buffered[:0]
	return keep, nil
}

// more takes memory for another full buffer. It may wait for it: an upload that stalls
// after that has cost memory for a moment, but nothing was written to the disk for it.
func (u *Upload) more(ctx context.Context) bool {
	n := int64(u.shares.memory.sizes[sizes-1])
	if !u.shares.wait {
		return u.shares.full.TryGet(n)
	}
	return u.shares.full.GetWithin(ctx, n, u.shares.memory.patience) == nil
}
