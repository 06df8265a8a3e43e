package bolt

import (
	"context"
	"slices"
	"sync"
	"time"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/chunk"
	"imageserver/db/fair"
)

// bufferSizes are the lengths of the buffers that uploads are read into. An
// upload begins with the smallest and moves to a larger one when that is full,
// so that a slow client holds no more than about four times what it has sent.
var bufferSizes = [...]int{8 << 10, 32 << 10, fullBuffer}

const fullBuffer = chunk.ChecksumSize + layout.ChunkSize

// memory lends the buffers that uploads are read into, a bounded number of
// bytes at once. Three eighths of them are for the buffers that uploads begin
// with, so that small uploads do not wait for large ones.
type memory struct {
	small, full *fair.Memory
	patience    time.Duration // how long an upload waits before it stages early
	pools       [len(bufferSizes)]sync.Pool
}

func (m *memory) init(bytes int64, wait time.Duration) {
	// An upload that moves to a larger buffer has two for a moment.
	small := bytes / 8 * 3
	m.small = fair.New(small, int64(bufferSizes[0]+bufferSizes[1]), wait)
	m.full = fair.New(bytes-small, segmentChunks*fullBuffer, wait)
	m.patience = wait / 2
	for i, size := range bufferSizes {
		m.pools[i].New = func() any { return chunk.New(size) }
	}
}

// borrow returns an empty buffer, whose bytes a share has been given.
func (m *memory) borrow(size int) *chunk.Chunk {
	c := m.pools[size].Get().(*chunk.Chunk)
	c.Reset()
	return c
}

// buffer returns a buffer of the size with this index. A variant does not
// wait for it: the variant can be made again later.
func (u *upload) buffer(ctx context.Context, size int) (*chunk.Chunk, error) {
	n := int64(bufferSizes[size])
	if !u.variant {
		if err := u.share(n).Get(ctx, n); err != nil {
			return nil, err
		}
	} else if !u.share(n).TryGet(n) {
		return nil, db.ErrBusy
	}
	return u.s.memory.borrow(size), nil
}

// discard gives c back.
func (u *upload) discard(c *chunk.Chunk) {
	n := int64(c.BufferSize())
	u.s.memory.pools[sizeOf(c)].Put(c)
	u.share(n).Put(n)
}

// grow moves what c holds, which is not of full size, to the next larger buffer.
func (u *upload) grow(ctx context.Context, c *chunk.Chunk) (*chunk.Chunk, error) {
	larger, err := u.buffer(ctx, sizeOf(c)+1)
	if err != nil {
		return nil, err
	}
	larger.Append(c.Data())
	u.discard(c)
	return larger, nil
}

// sizeOf returns the index of c's size.
func sizeOf(c *chunk.Chunk) int { return slices.Index(bufferSizes[:], c.BufferSize()) }

// share returns the share that a buffer of size bytes belongs to.
func (u *upload) share(size int64) *fair.Share {
	if size == fullBuffer {
		return &u.full
	}
	return &u.small
}

// unused returns how many bytes no upload holds.
func (m *memory) unused() int64 { return m.small.Free() + m.full.Free() }

// more gets memory for another full buffer. It may wait for it: an upload that
// then stalls has cost memory for a moment, but has not been written to the disk.
func (u *upload) more(ctx context.Context) bool {
	if u.variant {
		return u.full.TryGet(fullBuffer)
	}
	return u.full.GetWithin(ctx, fullBuffer, u.s.memory.patience) == nil
}
