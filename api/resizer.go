package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"runtime"
	"time"

	"imageserver/api/resize"
	"imageserver/db"
)

const (
	// Decoding a picture that was made to take for ever is ended after this much
	// processor time and some more for each megapixel: a progressive JPEG of a
	// megabyte can hold ten thousand scans.
	decodeTime      = 10 * time.Second
	decodeMegapixel = 200 * time.Millisecond

	// largeCost is memory worth to be collected at once, in bytes.
	largeCost = 32 << 20

	// lentPart is the part of the memory that is for copies which the store does
	// not keep, while clients read them.
	lentPart = 8
)

// resizer makes copies, a few at a time and in a limited amount of memory.
type resizer struct {
	failures failures
	memory   int64 // bytes, for the copies that are being made
	queue    *queue
	lender   lender
	metrics  *Metrics
	used     func() time.Duration // the processor time that the calling thread has used
}

// newResizer returns a resizer of n copies at a time.
func newResizer(n int, memory int64) *resizer {
	lent := memory / lentPart
	memory -= lent
	return &resizer{memory: memory, queue: newQueue(n, memory), lender: lender{budget: lent}, used: processorTime}
}

var (
	errQueue   = refuse(http.StatusServiceUnavailable, "busy", "The server has too many pictures to resize. Try again in a few seconds.")
	errMemory  = refuse(http.StatusUnprocessableEntity, "too_many_pixels", "This picture would take more memory to resize than this server allows for it. The original can be shown.")
	errEndless = refuse(http.StatusUnprocessableEntity, "damaged_picture", "This picture takes too long to decode to be resized. The original can be shown.")
)

// make makes a copy of the picture with the digest d when it is its turn. It
// refuses one for which there is never enough memory, and one of a picture that
// has failed.
func (r *resizer) make(ctx context.Context, d db.Digest, s resize.Source, p resize.Plan) (resize.Copy, error) {
	j := &job{id: copyID(d, p), picture: d}
	leave, err := r.queue.wait(ctx, j, func() (int64, error) { return r.cost(s, p) })
	if err != nil {
		return resize.Copy{}, err
	}
	defer leave()
	if err := r.failures.of(d); err != nil { // that of one before it
		return resize.Copy{}, err
	}
	if j.cost > largeCost {
		// What was a large picture is garbage by then, and must be gone before the
		// next one takes as much.
		defer runtime.GC()
	}
	limit := decodeTime + time.Duration(s.Width*s.Height/1e6)*decodeMegapixel
	began := time.Now()
	c, err := inBackground(func() (resize.Copy, error) {
		return resize.Make(&limited{Context: ctx, used: r.used, end: r.used() + limit}, s, p)
	})
	r.metrics.resized(time.Since(began))
	return c, r.remember(d, err)
}

// limited is a context that ends when its thread has used a certain processor time.
// A busy machine does not bring the end any nearer. The decoders ask for it each
// time they read, which is on that thread.
type limited struct {
	context.Context
	used func() time.Duration
	end  time.Duration
}

// Err makes the processor time that is used up the cause of the end.
func (l *limited) Err() error {
	if err := context.Cause(l.Context); err != nil {
		return err
	}
	if l.used() > l.end {
		return errEndless
	}
	return nil
}

// cost returns the memory that a copy takes, or errMemory if there never is so much.
func (r *resizer) cost(s resize.Source, p resize.Plan) (int64, error) {
	n, err := resize.Cost(s, p)
	if err == nil && n > r.memory {
		err = errMemory
	}
	return n, err
}

// remember notes what went wrong with a picture, and returns what to say of it.
func (r *resizer) remember(d db.Digest, err error) error {
	switch {
	case errors.Is(err, errEndless):
		r.failures.add(d, err)
	case errors.Is(err, resize.ErrDamaged), errors.Is(err, resize.ErrUnsupported):
		// That no decoder here reads it does not mean that no browser shows it.
		r.failures.add(d, errOriginal)
		return errOriginal
	}
	return err
}

// copyID names a copy of the picture with the digest d.
func copyID(d db.Digest, p resize.Plan) string { return d.String() + p.String() }

// memoryBody is a body in memory.
type memoryBody struct{ *bytes.Reader }

func (memoryBody) Close() error { return nil }
