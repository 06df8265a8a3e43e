package receive

import (
	"sync"
	"time"

	"imageserver/db"
	"imageserver/db/chunk"
	"imageserver/db/fair"
)

// SegmentChunks is how many full chunks an upload buffers before it stages them.
const SegmentChunks = 8

// firstSizes are the lengths of the buffers that an upload begins with. When a buffer is
// full, its upload moves to a larger one, and then to buffers for a whole chunk. So the
// buffers of a slow client have no more than about four times what it has sent.
var firstSizes = [...]int{8 << 10, 32 << 10}

// sizes is the number of buffer sizes.
const sizes = len(firstSizes) + 1

// Memory lends the buffers that uploads are read into, at most a number of bytes at
// once. Three eighths of it are for the buffers that uploads begin with, so that small
// uploads do not wait for large ones.
type Memory struct {
	small, full *fair.Memory
	patience    time.Duration // how long an upload waits before it stages early
	chunkSize   int
	sizes       [sizes]int // of the buffers, ascending
	pools       [sizes]sync.Pool
}

// NewMemory returns a Memory of this many bytes, or of as many as one upload needs, for
// chunks of chunkSize bytes. An upload waits for memory for the time wait, and then
// gets db.ErrBusy.
func NewMemory(bytes int64, wait time.Duration, chunkSize int) *Memory {
	m := &Memory{patience: wait / 2, chunkSize: chunkSize}
	copy(m.sizes[:], firstSizes[:])
	m.sizes[sizes-1] = chunk.ChecksumSize + chunkSize
	for i, size := range m.sizes {
		m.pools[i].New = func() any { return chunk.New(size) }
	}
	small := bytes / 8 * 3
	// An upload that moves to a larger buffer has two for a moment.
	m.small = fair.New(small, int64(m.sizes[0]+m.sizes[1]), wait)
	m.full = fair.New(bytes-small, int64(SegmentChunks*m.sizes[sizes-1]), wait)
	return m
}

// Free returns how many bytes no upload uses.
func (m *Memory) Free() int64 { return m.small.Free() + m.full.Free() }

// Waiting returns how many uploads wait for memory.
func (m *Memory) Waiting() int { return m.small.Waiting() + m.full.Waiting() }

// borrow returns an empty buffer of the size with this index. Its bytes have been taken
// from a share.
func (m *Memory) borrow(size int) *chunk.Chunk {
	c := m.pools[size].Get().(*chunk.Chunk)
	c.Reset()
	return c
}

// indexOf returns the index of the size of c.
func (m *Memory) indexOf(c *chunk.Chunk) int {
	for i, size := range m.sizes {
		if size == c.BufferSize() {
			return i
		}
	}
	panic("a buffer of another memory")
}

// shares are what one upload has of a Memory.
type shares struct {
	memory      *Memory
	wait        bool // whether the upload waits for memory
	small, full fair.Share
}

func (s *shares) init(m *Memory, sender db.Sender, wait bool) {
	s.memory, s.wait = m, wait
	s.small, s.full = m.small.Share(sender), m.full.Share(sender)
}

func (s *shares) close() {
	s.small.Close()
	s.full.Close()
}

// of returns the share for buffers of the size with this index.
func (s *shares) of(size int) *fair.Share {
	if size == sizes-1 {
		return &s.full
	}
	return &s.small
}

// discard gives a buffer back.
func (s *shares) discard(c *chunk.Chunk) {
	n, size := int64(c.BufferSize()), s.memory.indexOf(c)
	s.memory.pools[size].Put(c)
	s.of(size).Put(n)
}
