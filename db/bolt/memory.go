package bolt

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// memory lends the buffers that uploads are read into, a bounded number of
// them at once.
type memory struct {
	free chan struct{} // a token for each buffer that may yet be lent
	wait time.Duration
	pool sync.Pool

	waiting atomic.Int64 // who waits in get
}

func (m *memory) init(bytes int64, wait time.Duration) {
	n := max(1, int(bytes/layout.ChunkSize))
	m.free = make(chan struct{}, n)
	for range n {
		m.free <- struct{}{}
	}
	m.wait = wait
	m.pool.New = func() any { return new(chunk) }
}

// get waits for a buffer, no longer than m.wait: then it returns db.ErrBusy.
func (m *memory) get(ctx context.Context) (*chunk, error) {
	if c := m.tryGet(); c != nil {
		return c, nil
	}
	m.waiting.Add(1)
	defer m.waiting.Add(-1)
	timeout := time.NewTimer(m.wait)
	defer timeout.Stop()
	select {
	case <-m.free:
		return m.pool.Get().(*chunk), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timeout.C:
		return nil, db.ErrBusy
	}
}

// tryGet returns a buffer, or nil when none can be had at once.
func (m *memory) tryGet() *chunk {
	select {
	case <-m.free:
		return m.pool.Get().(*chunk)
	default:
		return nil
	}
}

func (m *memory) put(c *chunk) {
	m.pool.Put(c)
	m.free <- struct{}{}
}
