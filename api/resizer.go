package api

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"imageserver/api/resize"
	"imageserver/db"
)

const (
	// maxQueue is how many copies may wait to be made. A browser asks one server
	// for six things at once, so it is the pages of forty people.
	maxQueue = 256
	// decodeTime ends the decoding of a picture that was made to take for ever: a
	// progressive JPEG of a megabyte can hold ten thousand scans.
	decodeTime = 30 * time.Second
	// largeCost is memory worth to be collected at once, in bytes: a photograph of
	// 12 megapixels takes less.
	largeCost = 32 << 20
)

// resizer makes copies, a few at a time and in a limited amount of memory.
type resizer struct {
	failures failures
	memory   int64               // bytes
	turns    *semaphore.Weighted // of copies
	bytes    *semaphore.Weighted
	waiting  atomic.Int64
}

// newResizer returns a resizer of n copies at a time.
func newResizer(n int, memory int64) *resizer {
	return &resizer{
		memory: memory,
		turns:  semaphore.NewWeighted(int64(n)),
		bytes:  semaphore.NewWeighted(memory),
	}
}

var (
	errQueue   = refuse(http.StatusServiceUnavailable, "busy", "The server has too many pictures to resize. Try again in a few seconds.")
	errMemory  = refuse(http.StatusUnprocessableEntity, "too_many_pixels", "This picture would take more memory to resize than this server allows for it. The original can be shown.")
	errEndless = refuse(http.StatusUnprocessableEntity, "damaged_picture", "This picture takes too long to decode to be resized. The original can be shown.")
)

// make makes a copy of the picture with the digest d when it is its turn. It
// refuses one for which there is never enough memory, and one of a picture that
// has just failed.
func (r *resizer) make(ctx context.Context, d db.Digest, s resize.Source, p resize.Plan) (resize.Copy, error) {
	defer r.waiting.Add(-1)
	if r.waiting.Add(1) > maxQueue {
		return resize.Copy{}, errQueue
	}
	if err := r.turns.Acquire(ctx, 1); err != nil {
		return resize.Copy{}, err
	}
	defer r.turns.Release(1)
	if err := r.failures.of(d); err != nil {
		return resize.Copy{}, err
	}
	cost, err := resize.Cost(s, p)
	if err != nil {
		return resize.Copy{}, err
	}
	if cost > r.memory {
		return resize.Copy{}, errMemory
	}
	if err := r.bytes.Acquire(ctx, cost); err != nil {
		return resize.Copy{}, err
	}
	defer r.free(cost)
	ctx, cancel := context.WithTimeoutCause(ctx, decodeTime, errEndless)
	defer cancel()
	c, err := inBackground(func() (resize.Copy, error) { return resize.Make(ctx, s, p) })
	if errors.Is(err, resize.ErrDamaged) || errors.Is(err, errEndless) {
		r.failures.add(d, err)
	}
	return c, err
}

// free gives back the memory of a copy. What was a large picture is garbage by
// now, and must be gone before the next one takes as much.
func (r *resizer) free(cost int64) {
	if cost > largeCost {
		runtime.GC()
	}
	r.bytes.Release(cost)
}
