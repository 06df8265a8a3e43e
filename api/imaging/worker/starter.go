package worker

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

// starter starts processes of one type, one at a time, and keeps those that are idle.
type starter struct {
	start  func() (*process, error)
	idle   chan *process
	turn   chan struct{} // has a value while a process starts
	failed chan error    // gets the error of a process that did not start

	prepare sync.Once

	mu     sync.Mutex
	all    map[*process]bool
	used   int // how often a process became idle
	closed bool
}

func newStarter(start func() (*process, error)) *starter {
	return &starter{
		start: start, all: make(map[*process]bool),
		idle: make(chan *process, maxIdle), turn: make(chan struct{}, 1), failed: make(chan error),
	}
}

// acquire returns an idle process, or starts one. If the start takes too long, acquire returns
// ErrStarting. The start continues, and a later caller gets the process.
func (s *starter) acquire(ctx context.Context) (*process, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, ErrStarting)
	defer cancel()
	for {
		select {
		case p := <-s.idle: // first, so that no process is started if one is idle
			return p, nil
		default:
		}
		select {
		case p := <-s.idle:
			return p, nil
		case s.turn <- struct{}{}:
			go s.begin()
		case err := <-s.failed:
			return nil, err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// ready returns when there is a process. It starts one if there is none.
func (s *starter) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, ErrStarting)
	defer cancel()
	for !s.running() {
		select {
		case s.turn <- struct{}{}:
			if s.running() { // another goroutine has just started one
				<-s.turn
				return nil
			}
			go s.begin()
		case err := <-s.failed:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// running reports whether there is a process.
func (s *starter) running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all) > 0
}

// begin starts a process. The process inherits the low priority of the thread that starts it,
// and the thread ends with this goroutine.
func (s *starter) begin() {
	defer func() { <-s.turn }()
	runtime.LockOSThread()
	lowerPriority()
	p, err := s.start()
	if err == nil {
		err = s.add(p)
	}
	if err == nil {
		s.release(p)
		return
	}
	select {
	case s.failed <- err:
	case <-time.After(startTime): // nobody waits for this error any more
	}
}

func (s *starter) add(p *process) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		p.kill()
		return errors.New("the server is shutting down")
	}
	s.all[p] = true
	return nil
}

// release makes a process idle after its work. It ends the process if it cannot be used again,
// if maxIdle others are idle, or if the pool is closed.
func (s *starter) release(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !p.dead && !s.closed {
		select {
		case s.idle <- p:
			s.used++
			used := s.used
			time.AfterFunc(idleTime, func() { s.endIdle(used) })
			return
		default:
		}
	}
	s.end(p)
}

// endIdle ends all idle processes, unless a process has become idle since `used` was read.
func (s *starter) endIdle(used int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used == used {
		s.drain()
	}
}

func (s *starter) drain() {
	for {
		select {
		case p := <-s.idle:
			s.end(p)
		default:
			return
		}
	}
}

func (s *starter) end(p *process) {
	delete(s.all, p)
	p.kill()
}

func (s *starter) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.drain()
	for p := range s.all {
		p.kill()
	}
}
