package variants

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
	"imageserver/api/imaging/worker"
	"imageserver/db"
)

const (
	// Decoding a picture may take decodeTime of processor time, and decodeMegapixel
	// more for each megapixel. Without a limit it could take forever: a progressive
	// JPEG of one megabyte can contain ten thousand scans.
	decodeTime      = 10 * time.Second
	decodeMegapixel = 200 * time.Millisecond

	// largeCost is a limit in bytes. If a variant needed more memory, the garbage of the
	// program is collected as soon as the variant is made.
	largeCost = 32 << 20

	// The memory is divided into smallPart equal parts. One part is for small variants, so
	// that they do not wait for large variants. Three parts are for variants that the store
	// does not keep, while the server sends them to clients.
	smallPart = 32
)

// resizer makes variants, a few at a time and in a limited amount of memory.
type resizer struct {
	failures failures
	decoders Decoders // or nil
	encoder  Encoder  // or nil
	memory   int64    // bytes for all variants that are being made
	queue    *queue
	lender   lender
	made     func(took time.Duration) // or nil
	used     func() time.Duration     // the processor time of the calling thread
}

// newResizer returns a resizer that makes at most n variants at a time, and one more small
// variant. `memory` is in bytes. made, decoders and encoder may be nil.
func newResizer(n int, memory int64, made func(took time.Duration), decoders Decoders, encoder Encoder) *resizer {
	small := memory / smallPart
	lent := 3 * small
	memory -= small + lent
	return &resizer{decoders: decoders, encoder: encoder, memory: memory, queue: newQueue(n, memory, small), lender: lender{budget: lent}, made: made, used: processorTime}
}

// make waits for a turn and makes a variant of the picture with the digest d. It
// refuses a variant that needs more memory than the server allows, and a picture that
// is in the list of failures.
func (r *resizer) make(ctx context.Context, d db.Digest, s resize.Source, p resize.Plan) (resize.Result, error) {
	j := &job{id: variantID(d, p), picture: d}
	leave, err := r.queue.wait(ctx, j, func(ctx context.Context) (int64, error) { return r.ready(ctx, s, p) })
	if err != nil {
		return resize.Result{}, r.remember(picture{d, p.Still}, err)
	}
	defer leave()
	if err := r.failures.of(picture{d, p.Still}); err != nil { // of a job that ran while this one waited
		return resize.Result{}, err
	}
	if j.cost > largeCost {
		// The decoded picture is now garbage. Collect it before the next job allocates as
		// much memory.
		defer runtime.GC()
	}
	began := time.Now()
	c, err := inBackground(func() (resize.Result, error) { return r.run(ctx, s, p, j.cost) })
	if r.made != nil {
		r.made(time.Since(began))
	}
	return c, r.remember(picture{d, p.Still}, err)
}

// elsewhere reports whether other processes decode a type.
func (r *resizer) elsewhere(t format.Type) bool { return r.decoders != nil && r.decoders.Can(t) }

// run makes a variant. If the format is WebP, run draws the variant first, and another process
// encodes it. cost is the memory for both steps, in bytes.
func (r *resizer) run(ctx context.Context, s resize.Source, p resize.Plan, cost int64) (resize.Result, error) {
	made, err := r.draw(ctx, s, p)
	if err != nil || made.Type != resize.Planes {
		return made, err
	}
	if cost > largeCost {
		runtime.GC() // free the memory of the decoder before the encoder needs as much
	}
	made, err = r.encoder.Encode(ctx, made, p.Quality)
	return made, encodeError(err)
}

// encodeError returns the error to respond with when encoding fails. Unlike an error of a
// decoder, it says nothing about the picture, so other variants of the picture can be made.
func encodeError(err error) error {
	switch {
	case errors.Is(err, worker.ErrStarting):
		return ErrBusy
	case errors.Is(err, worker.ErrUnavailable): // the log has the reason
		return ErrNoEncoder
	case errors.Is(err, worker.ErrMemory):
		return ErrMemory
	case errors.Is(err, worker.ErrTooSlow), errors.Is(err, resize.ErrDamaged):
		return fmt.Errorf("%w: %v", ErrEncoder, err)
	}
	return err
}

// draw makes a variant on the calling thread, or in another process. That process has the
// priority of the thread that starts it.
func (r *resizer) draw(ctx context.Context, s resize.Source, p resize.Plan) (resize.Result, error) {
	if r.elsewhere(s.Type) {
		return r.decoders.Make(ctx, s, p)
	}
	limit := decodeTime + time.Duration(s.Width*s.Height/1e6)*decodeMegapixel
	return resize.Make(&limited{Context: ctx, used: r.used, end: r.used() + limit}, s, p)
}

// limited is a context that ends when the thread that decodes has used a certain
// amount of processor time. The time in which other processes use the cores does not
// count, so a picture that is not damaged does not fail on a busy machine. The decoders
// call Err before each read, on that thread.
type limited struct {
	context.Context
	used func() time.Duration
	end  time.Duration
}

// Err returns why the work must stop, or nil. It returns ErrTooSlow when the
// processor time is used up.
func (l *limited) Err() error {
	if err := context.Cause(l.Context); err != nil {
		return err
	}
	if l.used() > l.end {
		return ErrTooSlow
	}
	return nil
}

// ready returns the memory that making a variant needs, in bytes. It waits until the decoder and
// the encoder are ready: a job that waits for them has no turn, so other pictures are made
// meanwhile.
func (r *resizer) ready(ctx context.Context, s resize.Source, p resize.Plan) (int64, error) {
	n, err := r.cost(s, p)
	if err == nil && r.elsewhere(s.Type) {
		err = r.decoders.Ready(ctx, s.Type)
	}
	if err == nil && p.Format == format.WebP {
		err = encodeError(r.encoder.EncoderReady(ctx))
	}
	return n, err
}

// cost returns the memory that making a variant needs, in bytes. It returns ErrMemory
// if that is more than the server allows.
func (r *resizer) cost(s resize.Source, p resize.Plan) (int64, error) {
	cost := resize.Cost
	if r.elsewhere(s.Type) {
		cost = r.decoders.Cost
	}
	n, err := cost(s, p)
	if err == nil && p.Format == format.WebP {
		var encode int64
		encode, err = r.encoder.EncodeCost(s, p)
		n = max(n, encode) // the two steps need their memory one after the other
	}
	if err == nil && n > r.memory {
		err = ErrMemory
	}
	return n, err
}

// remember adds a picture that cannot be resized to the failures. It returns the
// error to respond with.
func (r *resizer) remember(p picture, err error) error {
	switch {
	case errors.Is(err, worker.ErrStarting):
		return ErrBusy
	case errors.Is(err, worker.ErrMemory):
		r.failures.add(p, ErrMemory)
		return ErrMemory
	case errors.Is(err, worker.ErrTooSlow):
		r.failures.add(p, ErrTooSlow)
		return ErrTooSlow
	case errors.Is(err, worker.ErrUnavailable): // the log has the reason
		return ErrNotNow
	case errors.Is(err, ErrTooSlow):
		r.failures.add(p, err)
	case errors.Is(err, resize.ErrUnsupported):
		r.failures.add(p, ErrOriginal)
		return ErrOriginal
	case errors.Is(err, resize.ErrDamaged):
		// A browser may be able to show the picture. A decoder in another process may have
		// ended for a reason that is not in the picture.
		r.failures.add(p, ErrNotNow)
		return ErrNotNow
	}
	return err
}

// variantID identifies a variant of the picture with the digest d.
func variantID(d db.Digest, p resize.Plan) string { return d.String() + p.String() }
