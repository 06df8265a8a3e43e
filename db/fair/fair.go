// Package fair divides a limited number of bytes of memory between uploads, so that no
// client can use all of them. An upload gets bytes while its body arrives. An upload
// stalls if its client stops sending. If other uploads wait for memory, a stalled
// upload is ended and gives its bytes back. This is called giving way.
package fair

import (
	"context"
	"sync"
	"time"

	"imageserver/db"
)

// tick is how often a Memory looks for stalled uploads while other uploads wait.
const tick = 10 * time.Millisecond

// Memory is a limited number of bytes that uploads share.
type Memory struct {
	most  int64 // the largest number of bytes that one upload can need
	spare int64 // see reserve
	wait  time.Duration

	mu      sync.Mutex
	free    int64
	leaving int64 // bytes of shares that are ended and will soon give their bytes back
	shares  map[*Share]struct{}
	clients map[string]*client
	waiting []*waiter
	watched bool   // true if watch will run again within a tick
	looks   uint64 // how often watch has run
	opened  uint64 // the number of the newest share
}

// client is one sender of uploads.
type client struct {
	held   int64 // bytes of all its shares, except shares that are giving way
	shares int
}

// waiter is a share that waits for n more bytes.
type waiter struct {
	share *Share
	n     int64
	ready chan struct{} // closed when the share has got these bytes
}

// New returns a Memory of `size` bytes. One upload can need up to `most` bytes. So if
// `size` is less than `most`, the Memory has `most` bytes. If an upload has waited as
// long as `wait`, it gets db.ErrBusy.
func New(size, most int64, wait time.Duration) *Memory {
	size = max(size, most)
	return &Memory{
		most: most, spare: max(size/8, most), wait: wait, free: size,
		shares: make(map[*Share]struct{}), clients: make(map[string]*client),
	}
}

// Free returns how many bytes are free: no upload has them.
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

// Share is the part of a Memory that one upload has. Only one goroutine at a time may
// call its methods. The upload must close its Share before its request ends.
type Share struct {
	memory  *Memory
	sender  db.Sender // nil if nothing can end the upload early
	client  *client   // nil before the share gets its first bytes
	name    string    // of client
	number  uint64    // a later share has a higher number
	held    int64     // bytes
	leaving bool
	suspect uint64 // the look after one at which its client had stalled
}

// Share returns an empty share for an upload. `sender` is the client that sends the
// upload; it may be nil.
func (m *Memory) Share(sender db.Sender) Share { return Share{memory: m, sender: sender} }

// enter adds the share to its Memory and to its client, unless this was done before.
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

// Close gives all bytes back. After Close, GiveWay of the sender is not called any
// more.
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

// Get gets n more bytes for the share, and waits for them if necessary. If the wait is
// too long, Get returns db.ErrBusy. If ctx ends, it returns the cause of ctx.
func (s *Share) Get(ctx context.Context, n int64) error {
	return s.GetWithin(ctx, n, s.memory.wait)
}

// GetWithin does the same as Get, but waits at most as long as `wait`.
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

// TryGet gets n more bytes if they are free, and does not wait. It reports whether it
// got them.
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

// reserve returns how many bytes must stay free after an upload has grown to `held`
// bytes. An upload with few bytes must leave more bytes free than an upload with many
// bytes. So the uploads that have the most bytes can always finish. Otherwise the
// uploads could have all bytes together, and all of them would wait for more.
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

// line gets n bytes for s. If they are not free, it returns a waiter for them.
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

// leave ends the waiting of w and returns err. If w has got its bytes meanwhile, leave
// returns nil.
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

// count adds n bytes of s to the bytes of the client. If s is giving way, it adds them
// to the bytes that will soon be free.
func (s *Share) count(n int64) {
	if s.leaving {
		s.memory.leaving += n
	} else {
		s.client.held += n
	}
}
