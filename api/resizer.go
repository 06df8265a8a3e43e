package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"imageserver/api/resize"
	"imageserver/db"
)

const (
	// maxQueue is how many copies may be made or wait for it. A browser asks one
	// server for six things at once, so it is the pages of forty people.
	maxQueue = 256
	// maxLane is how many of them may be of one picture, of which one is made at a
	// time: nobody takes all turns with the sizes of a single one.
	maxLane = 32
	// queueTime ends the wait.
	queueTime = 30 * time.Second

	// Decoding a picture that was made to take for ever is ended after decodeTime,
	// and some more for each megapixel: a progressive JPEG of a megabyte can hold
	// ten thousand scans.
	decodeTime      = 10 * time.Second
	decodeMegapixel = 200 * time.Millisecond

	// largeCost is memory worth to be collected at once, in bytes.
	largeCost = 32 << 20
)

// resizer makes copies, a few at a time and in a limited amount of memory.
type resizer struct {
	failures failures
	memory   int64               // bytes
	bytes    *semaphore.Weighted // of memory
	turns    *semaphore.Weighted // of copies
	closing  context.Context     // ends when the queue is no longer served
	drain    context.CancelCauseFunc
	metrics  *Metrics

	mu     sync.Mutex
	queued int // those being made with them
	lanes  map[db.Digest]*lane
}

// lane is the queue of one picture.
type lane struct {
	queued int
	turn   *semaphore.Weighted
}

// newResizer returns a resizer of n copies at a time.
func newResizer(n int, memory int64) *resizer {
	r := &resizer{
		memory: memory,
		bytes:  semaphore.NewWeighted(memory),
		turns:  semaphore.NewWeighted(int64(n)),
		lanes:  make(map[db.Digest]*lane),
	}
	r.closing, r.drain = context.WithCancelCause(context.Background())
	return r
}

var (
	errQueue   = refuse(http.StatusServiceUnavailable, "busy", "The server has too many pictures to resize. Try again in a few seconds.")
	errMemory  = refuse(http.StatusUnprocessableEntity, "too_many_pixels", "This picture would take more memory to resize than this server allows for it. The original can be shown.")
	errEndless = refuse(http.StatusUnprocessableEntity, "damaged_picture", "This picture takes too long to decode to be resized. The original can be shown.")
	errSlow    = refuse(http.StatusServiceUnavailable, "busy", "The server was too slow to resize this picture. Try again in a few seconds.")
)

// make makes a copy of the picture with the digest d when it is its turn. It
// refuses one for which there is never enough memory, and one of a picture that
// has failed.
func (r *resizer) make(ctx context.Context, d db.Digest, s resize.Source, p resize.Plan) (resize.Copy, error) {
	leave, err := r.queue(ctx, d)
	if err != nil {
		return resize.Copy{}, err
	}
	defer leave()
	if err := r.failures.of(d); err != nil { // that of one before it
		return resize.Copy{}, err
	}
	free, err := r.reserve(ctx, s, p)
	if err != nil {
		return resize.Copy{}, err
	}
	defer free()
	limit := decodeTime + time.Duration(s.Width*s.Height/1e6)*decodeMegapixel
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errEndless)
	defer cancel()
	began := time.Now()
	c, err := inBackground(func() (resize.Copy, error) { return resize.Make(ctx, s, p) })
	r.metrics.resized(time.Since(began))
	return c, r.remember(d, err)
}

// remember notes what went wrong with a picture, and returns what to say of it.
func (r *resizer) remember(d db.Digest, err error) error {
	switch {
	case errors.Is(err, errEndless) && !r.failures.strike(d):
		return errSlow // the machine may have slept
	case errors.Is(err, errEndless):
		r.failures.add(d, err)
	case errors.Is(err, resize.ErrDamaged), errors.Is(err, resize.ErrUnsupported):
		// That no decoder here reads it does not mean that no browser shows it.
		r.failures.add(d, errOriginal)
		return errOriginal
	}
	return err
}

// queue waits for a turn, first among the copies of the picture and then among
// all. The caller leaves when it is done.
func (r *resizer) queue(ctx context.Context, d db.Digest) (leave func(), err error) {
	l, err := r.enter(d)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, queueTime, errQueue)
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer context.AfterFunc(r.closing, func() { stop(context.Cause(r.closing)) })()
	if l.turn.Acquire(ctx, 1) != nil {
		r.leave(d, l)
		return nil, context.Cause(ctx)
	}
	if r.turns.Acquire(ctx, 1) != nil {
		l.turn.Release(1)
		r.leave(d, l)
		return nil, context.Cause(ctx)
	}
	return func() {
		r.turns.Release(1)
		l.turn.Release(1)
		r.leave(d, l)
	}, nil
}

// reserve waits for the memory that the copy takes. The caller frees it.
func (r *resizer) reserve(ctx context.Context, s resize.Source, p resize.Plan) (free func(), err error) {
	cost, err := resize.Cost(s, p)
	if err != nil {
		return nil, err
	}
	if cost > r.memory {
		return nil, errMemory
	}
	if err := r.bytes.Acquire(ctx, cost); err != nil {
		return nil, err
	}
	return func() {
		if cost > largeCost {
			// What was a large picture is garbage by now, and must be gone before the
			// next one takes as much.
			runtime.GC()
		}
		r.bytes.Release(cost)
	}, nil
}

// enter joins the queue of a picture, unless that or the whole is full.
func (r *resizer) enter(d db.Digest) (*lane, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lanes[d]
	if r.queued == maxQueue || l != nil && l.queued == maxLane {
		return nil, errQueue
	}
	if l == nil {
		l = &lane{turn: semaphore.NewWeighted(1)}
		r.lanes[d] = l
	}
	r.queued++
	l.queued++
	return l, nil
}

// length is how many copies are being made or wait for it.
func (r *resizer) length() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.queued
}

func (r *resizer) leave(d db.Digest, l *lane) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queued--
	if l.queued--; l.queued == 0 {
		delete(r.lanes, d)
	}
}

// lend returns a copy that the store does not have as a body. It counts against
// the memory until that is closed: clients may be slow to take it.
func (r *resizer) lend(data []byte) (db.Body, error) {
	n := int64(len(data))
	if !r.bytes.TryAcquire(n) {
		return nil, errQueue
	}
	return &lentBody{memoryBody{bytes.NewReader(data)}, sync.OnceFunc(func() { r.bytes.Release(n) })}, nil
}

// memoryBody is a body in memory.
type memoryBody struct{ *bytes.Reader }

func (memoryBody) Close() error { return nil }

// lentBody is one that others wait for.
type lentBody struct {
	memoryBody
	release func()
}

func (b *lentBody) Close() error {
	b.release()
	return nil
}
