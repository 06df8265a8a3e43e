package intake

import (
	"context"
	"io"
	"time"

	"golang.org/x/sync/semaphore"

	"imageserver/db"
)

// A WebP is stripped in memory: stripMemory bytes of all that come in, maxWebP of
// one. Who finds none free waits for stripWait.
const (
	stripMemory = 64 << 20
	maxWebP     = 16 << 20
	stripStep   = 256 << 10 // bytes that are reserved at a time
	stripWait   = 10 * time.Second
)

// reserving reads what is then held in memory, and reserves that as it comes: who
// sends slowly takes up no more than has been sent.
type reserving struct {
	r      io.Reader
	ctx    context.Context
	memory *semaphore.Weighted
	held   int64
	left   int64 // of what is held
}

func (m *reserving) Read(b []byte) (int, error) {
	if m.left == 0 {
		if err := m.reserve(); err != nil {
			return 0, err
		}
	}
	n, err := m.r.Read(b[:min(int64(len(b)), m.left)])
	m.left -= int64(n)
	return n, err
}

func (m *reserving) reserve() error {
	if !m.memory.TryAcquire(stripStep) {
		ctx, cancel := context.WithTimeoutCause(m.ctx, stripWait, db.ErrBusy)
		defer cancel()
		if m.memory.Acquire(ctx, stripStep) != nil {
			return context.Cause(ctx)
		}
	}
	m.held, m.left = m.held+stripStep, stripStep
	return nil
}

func (m *reserving) release() {
	m.memory.Release(m.held)
	m.held = 0
}
