package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/semaphore"

	"imageserver/api/format"
	"imageserver/api/strip"
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

// content is the bytes of an upload on their way to the store.
type content struct {
	r        io.Reader
	err      error // of r, but for its end
	stripped bool
	sent     hash.Hash // of the bytes as they came, where others are stored and a digest is to be checked
	close    func()
}

// prepare returns what is to be stored of an upload: all of it, or, where that is
// asked for, what is left without its metadata. Unless it fails the caller closes
// what it returns. checked says that a digest will be checked.
func (s *Server) prepare(c echo.Context, r io.Reader, t format.Type, checked bool) (*content, error) {
	p := &content{r: r, close: func() {}}
	asked, err := flag(c.QueryParams(), "strip")
	if err != nil || !s.o.Strip && !asked {
		return p, err
	}
	if checked {
		p.sent = sha256.New()
		p.r = io.TeeReader(p.r, p.sent)
	}
	if t == format.WebP {
		m := &reserving{r: p.r, ctx: c.Request().Context(), memory: s.strips}
		p.r, p.close = m, m.release
	}
	p.stripped = true
	if p.r, err = strip.Reader(p.r, t, maxWebP); err != nil {
		p.close()
	}
	return p, err
}

// Read remembers the error: the store would put it into words of its own.
func (p *content) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if err != io.EOF {
		p.err = err
	}
	return n, err
}

// explain returns the reader's own error in the place of the store's.
func (p *content) explain(err error) error {
	if err != nil && p.err != nil && errors.Is(err, p.err) {
		return p.err
	}
	return err
}

// digest is that of the bytes as they came, of which those stored have this one.
func (p *content) digest(stored db.Digest) db.Digest {
	if p.sent == nil {
		return stored
	}
	return db.Digest(p.sent.Sum(nil))
}

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
