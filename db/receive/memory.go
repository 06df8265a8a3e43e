package receive

import (
	"sync"
	"time"

	"imageserver/db"
	"imageserver/db/chunk"
	"imageserver/db/fair"
)

// SegmentChunks is how many full chunks an upload buffers. When an upload has that many
// chunks, it stores them with [Staging] before it reads more of the body.
const SegmentChunks = 8

// firstSizes are the lengths of the first buffers of an upload. When the buffer of an
// upload is full, the upload moves to a larger buffer. After the last of these sizes,
// the upload uses buffers for a whole chunk. So the buffers of a slow client are
// at most about four times as large as what the client has sent.
var firstSizes = [...]int{8 << 10, 32 << 10}

// sizes is the number of buffer sizes.
const sizes = len(firstSizes) + 1

// Memory lends buffers to uploads, which read their bodies into these buffers. All lent
// buffers together have a limited number of bytes. Three eighths of these bytes are for
// the small buffers with which uploads begin. So small uploads do not wait for large
// uploads.
type Memory struct {
	small, full *fair.Memory
	patience    time.Duration // how long an upload waits for one more buffer before it stages the chunks that it has
	chunkSize   int
	sizes       [sizes]int // of the buffers, ascending
	pools       [sizes]sync.Pool
}

// NewMemory returns a Memory that lends at most `bytes` bytes, for chunks of
// `chunkSize` bytes. If `bytes` is too small for one upload, the Memory has as many bytes
// as one upload needs. If an upload has waited for memory as long as `wait`, it gets
// db.ErrBusy.
func NewMemory(bytes int64, wait time.Duration, chunkSize int) *Memory {
	m := &Memory{patience: wait / 2, chunkSize: chunkSize}
	copy(m.sizes[:], firstSizes[:])
	m.sizes[sizes-1] = chunk.ChecksumSize + chunkSize
	for i, size := range m.sizes {
		m.pools[i].New = func() any { return chunk.New(size) }
	}
	small := bytes / 8 * 3
	// While an upload moves to a larger buffer, it has two buffers.
	m.small = fair.New(small, int64(m.sizes[0]+m.sizes[1]), wait)
	m.full = fair.New(bytes-small, int64(SegmentChunks*m.sizes[sizes-1]), wait)
	return m
}

// Free returns how many bytes are not lent to uploads.
func (m *Memory) Free() int64 { return m.small.Free() + m.full.Free() }

// Waiting returns how many uploads wait for memory.
func (m *Memory) Waiting() int { return m.small.Waiting() + m.full.Waiting() }

// borrow returns an empty buffer of the size m.sizes[size]. The caller must first
// reserve the size of the buffer with Get or TryGet of a fair.Share.
func (m *Memory) borrow(size int) *chunk.Chunk {
	c := m.pools[size].Get().(*chunk.Chunk)
	c.Reset()
	return c
}

// indexOf returns the index of the size of c in m.sizes.
func (m *Memory) indexOf(c *chunk.Chunk) int {
	for i, size := range m.sizes {
		if size == c.BufferSize() {
			return i
		}
	}
	panic("a buffer of another memory")
}

// shares are the parts of a Memory that one upload has: one part for small buffers, and
// one part for buffers of a whole chunk.
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

// of returns the share for buffers of the size m.sizes[size].
func (s *shares) of(size int) *fair.Share {
	if size == sizes-1 {
		return &s.full
	}
	return &s.small
}

// discard gives a buffer back to the Memory.
func (s *shares) discard(c *chunk.Chunk) {
	n, size := int64(c.BufferSize()), s.memory.indexOf(c)
	s.memory.pools[size].Put(c)
	s.of(size).Put(n)
}
