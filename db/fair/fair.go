// Package fair divides a bounded number of bytes of memory between uploads, so
// that no client starves the others. An upload takes bytes as its body arrives.
// While others wait for memory, an upload whose client has stopped sending must
// give its bytes back.
package fair

import (
	"context"
	"sync"
	"time"

	"imageserver/db"
)

// tick is how often a Memory looks for stalled uploads while others wait.
const tick = 10 * time.Millisecond

// Memory is a number of bytes that uploads share.
type Memory struct {
	most  int64 // bytes that one upload may wait for
	spare int64 // see reserve
	wait  time.Duration

	mu      sync.Mutex
	free    int64
	leaving int64 // bytes of the shares that give way
	shares  map[*Share]struct{}
	clients map[string]*client
	waiting []*waiter
	watched bool   // watch will run again within a tick
	opened  uint64 // the number of the newest share
}

// client is one sender of uploads.
type client struct {
	held   int64 // bytes, without those of shares that give way
	shares int
}

// waiter is a share that waits for n more bytes.
type waiter struct {
	share *Share
	n     int64
	ready chan struct{} // closed when it has them
}

// New returns a Memory of size bytes. An upload may wait until it has most bytes, so
// the Memory has at least that many. After the time wait an upload gets db.ErrBusy.
func New(size, most int64, wait time.Duration) *Memory {
	size = max(size, most)
	return &Memory{
		most: most, spare: max(size/8, most), wait: wait, free: size,
		shares: make(map[*Share]struct{}), clients: make(map[string]*client),
	}
}

// Free returns how many bytes no upload has.
func (m *Memory) Free() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.free
}

// Waiting returns how many uploads wait.
func (m *Memory) Waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.waiting)
}

// Share is the part of a Memory that one upload has. Its methods are for one goroutine
// at a time. The upload must close it before its request ends.
type Share struct {
	memory  *Memory
	sender  db.Sender // nil if the upload cannot give way
	client  *client   // nil before it takes its first bytes
	name    string    // of client
	number  uint64    // a later share has a higher one
	held    int64     // bytes
	leaving bool
}

// Share returns an empty share for the upload of sender, which may be nil.
func (m *Memory) Share(sender db.Sender) Share { return Share{memory: m, sender: sender} }

// enter makes the share known to its Memory.
func (s *Share) enter() {
	if s.client != nil {
		return
	}
	if s.sender != nil {
		s.name = s.sender.Client()
	}
	m := s.memory
	if s.client = m.clients[s.name]; s.client == nil {
		s.client = new(client)
		m.clients[s.name] = s.client
	}
	s.client.shares++
	m.opened++
	s.number = m.opened
	m.shares[s] = struct{}{}
}

// Close gives all bytes back. After that the sender is not asked to give way.
func (s *Share) Close() {
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.client == nil {
		return
	}
	m.give(s, s.held)
	delete(m.shares, s)
	if s.client.shares--; s.client.shares == 0 {
		delete(m.clients, s.name)
	}
	s.client = nil
}

// Get takes n more bytes, and waits for them if necessary. It returns db.ErrBusy if
// that takes too long, or the cause of ctx.
func (s *Share) Get(ctx context.Context, n int64) error {
	return s.GetWithin(ctx, n, s.memory.wait)
}

// GetWithin is Get for an upload that waits no longer than wait.
func (s *Share) GetWithin(ctx context.Context, n int64, wait time.Duration) error {
	w := s.memory.line(s, n)
	if w == nil {
		return nil
	}
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		return s.memory.leave(w, context.Cause(ctx))
	case <-timeout.C:
		return s.memory.leave(w, db.ErrBusy)
	}
}

// TryGet takes n more bytes if they are free.
func (s *Share) TryGet(n int64) bool {
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.try(s, n)
}

// Put gives n bytes back.
func (s *Share) Put(n int64) {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	s.memory.give(s, n)
}

// reserve returns how many bytes must stay free after an upload has grown to held
// bytes. The less it has, the more it must leave, so that the uploads that have most
// can always finish. Otherwise uploads that all wait for more could have all bytes.
func (m *Memory) reserve(held int64) int64 {
	return m.spare / m.most * max(0, m.most-held)
}

func (m *Memory) fits(s *Share, n int64) bool { return m.free-n >= m.reserve(s.held+n) }

func (m *Memory) try(s *Share, n int64) bool {
	s.enter()
	if !m.fits(s, n) {
		return false
	}
	m.take(s, n)
	return true
}

// line takes n bytes for s, or returns a waiter for them.
func (m *Memory) line(s *Share, n int64) *waiter {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.try(s, n) {
		return nil
	}
	w := &waiter{s, n, make(chan struct{})}
	m.waiting = append(m.waiting, w)
	m.watch()
	return w
}

// leave ends the waiting of w with err, unless w has got its bytes meanwhile.
func (m *Memory) leave(w *waiter, err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	default:
		m.remove(w)
		return err
	}
}

func (m *Memory) take(s *Share, n int64) {
	m.free -= n
	s.held += n
	s.count(n)
}

func (m *Memory) give(s *Share, n int64) {
	m.free += n
	s.held -= n
	s.count(-n)
	m.serve()
}

// count adds n bytes of s to the client, or to the uploads that give way.
func (s *Share) count(n int64) {
	if s.leaving {
		s.memory.leaving += n
	} else {
		s.client.held += n
	}
}
