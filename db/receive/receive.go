// Package receive reads the body of an upload into buffers. It computes the size and
// the digest of the upload, and the checksums of its chunks. All uploads together use a
// limited number of bytes of memory. A long upload does not fit into its buffers. So
// during the upload, this package gives full chunks to the engine, which stores them.
// This is called staging.
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

// Staging stores the chunks of a long upload before the upload is complete. Each engine
// implements it. No call sees staged chunks. If the engine does not publish the upload
// as an image or a variant, it deletes the staged chunks.
type Staging interface {
	// Key returns the key of the chunk with this number. The checksum of the chunk
	// includes the key.
	Key(number int) [chunk.KeySize]byte

	// Stage stores sealed chunks: complete chunks with their checksums. They follow
	// the chunks of earlier calls of Stage. `first` is the number of the first of
	// these chunks. After Stage returns, the caller uses the buffers of the chunks
	// again.
	Stage(first int, chunks []*chunk.Chunk) error

	// ReadChunk returns the staged chunk with this number, which has `size` bytes.
	// ReadChunk must verify the chunk. The caller gives the chunk back with PutChunk.
	// Both methods must be safe for concurrent use.
	ReadChunk(number, size int) (*chunk.Chunk, error)
	PutChunk(c *chunk.Chunk)
}

// Options says how to receive an upload.
type Options struct {
	Sender db.Sender // the client that sends the body; may be nil

	// NoWait means that the upload does not wait for memory. If no memory is free,
	// Receive returns db.ErrBusy at once.
	NoWait bool
}

// Upload is the content of one upload. Its first chunks may be staged. The chunks after
// them are still buffered.
type Upload struct {
	staging  Staging
	shares   shares
	hash     hash.Hash
	size     int64
	staged   int // how many chunks
	buffered []*chunk.Chunk
	first    [SegmentChunks]*chunk.Chunk // the array of the slice in the field buffered
}

// Receive reads body to its end. It must be called only once. After that, the caller
// must call Release, also if Receive returned an error.
//
// If body returns an error, Receive returns an error that wraps it. Receive returns
// db.ErrBusy if there is no memory. It returns the error of ctx if ctx ends, and the
// error of Stage if Stage fails.
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

// Staged returns how many chunks were staged. If Stage failed, Staged also counts the
// chunks of that call, because some of them may be stored.
func (u *Upload) Staged() int { return u.staged }

// Buffered returns the sealed chunks that are not staged. They follow the staged
// chunks.
func (u *Upload) Buffered() []*chunk.Chunk { return u.buffered }

// BufferedBytes returns how many bytes the buffered chunks have.
func (u *Upload) BufferedBytes() (n int64) {
	for _, c := range u.buffered {
		n += int64(c.Len())
	}
	return n
}

// ReadAt reads the received bytes, in staged and in buffered chunks. It is safe for
// concurrent use.
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

// Release gives all buffers back. After Release, GiveWay of the sender is not called
// any more.
func (u *Upload) Release() {
	for _, c := range u.buffered {
		u.shares.discard(c)
	}
	u.buffered = nil
	u.shares.close()
}

func (u *Upload) last() *chunk.Chunk { return u.buffered[len(u.buffered)-1] }

// dropEmpty gives the last buffer back if it is empty. This happens if the body ends at
// the end of a chunk.
func (u *Upload) dropEmpty() {
	if c := u.last(); c.Len() == 0 {
		u.buffered = u.buffered[:len(u.buffered)-1]
		u.shares.discard(c)
	}
}

// fill reads from r into the last chunk until the chunk is full. If r ends before that,
// fill returns io.EOF.
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

// buffer returns a buffer of the size m.sizes[size].
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

// grow moves the bytes of c to a buffer of the next larger size. c must not have the
// largest size.
func (u *Upload) grow(ctx context.Context, c *chunk.Chunk) (*chunk.Chunk, error) {
	larger, err := u.buffer(ctx, u.shares.memory.indexOf(c)+1)
	if err != nil {
		return nil, err
	}
	larger.Append(c.Data())
	u.shares.discard(c)
	return larger, nil
}

// next returns an empty buffer for a whole chunk. The upload already has at least one
// such buffer, so it can always continue. If the upload gets no other buffer, it stages
// its chunks early. Then it uses its own buffer again.
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

// more gets memory for another full buffer, and reports whether it got the memory. It
// may wait for memory, because waiting is cheaper than staging. The
// disadvantage: if the client stalls later, the upload kept more memory than it needed. But
// nothing was written to the disk for it.
func (u *Upload) more(ctx context.Context) bool {
	n := int64(u.shares.memory.sizes[sizes-1])
	if !u.shares.wait {
		return u.shares.full.TryGet(n)
	}
	return u.shares.full.GetWithin(ctx, n, u.shares.memory.patience) == nil
}
