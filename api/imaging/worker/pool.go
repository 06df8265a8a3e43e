// Package worker makes variants of AVIF and HEIC, and encodes WebP, in other processes. Package
// codec does the work there. A process is necessary because nothing else can stop the code of
// package codec. Each process runs the same executable as the server. The server starts it for
// the first picture, and keeps it for the next pictures. The process has no environment and no
// open files except its pipes. On Linux, the kernel lets it open no file and no socket, and
// start no program.
//
// The server and a process exchange messages; see message.go. The process gives up its
// permissions (see confine) before it reads the first byte of a picture.
package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"sync"
	"time"

	"imageserver/api/imaging/codec"
	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
)

// The errors of Make and Encode. They also return ErrDamaged, ErrUnsupported and ErrTooLong of
// package resize, errors of the source, and the cause of the end of their context.
var (
	// ErrTooSlow means that the process used too much processor time.
	ErrTooSlow = errors.New("the picture takes too long")

	// ErrMemory means that the process used more memory than the header of the picture
	// promised.
	ErrMemory = errors.New("the picture needs too much memory")

	// ErrStarting means that the decoder or the encoder is not ready yet. A later try can
	// succeed.
	ErrStarting = errors.New("the decoder is not ready yet")

	// ErrUnavailable means that the system cannot start a process, or the process cannot run
	// the decoder or the encoder.
	ErrUnavailable = errors.New("the decoder is not available")
)

const (
	// startTime is the longest wait for a process that starts. The first start compiles the
	// decoder.
	startTime = 30 * time.Second

	// idleTime is how long a process without work is kept.
	idleTime = time.Minute

	// maxIdle is how many processes of a type are kept.
	maxIdle = 4

	// A picture may take decodeTime of processor time, and decodeMegapixel more for each
	// megapixel.
	decodeTime      = 10 * time.Second
	decodeMegapixel = 500 * time.Millisecond

	// encodeMegapixel is the time for each megapixel of a picture that is encoded.
	encodeMegapixel = 2 * time.Second

	// ownMemory is the memory of a process that has no picture, in bytes: the program and the
	// compiled decoder or encoder.
	ownMemory = 24 << 20
)

// Options are the options of a Pool.
type Options struct {
	Types []format.Type // the types to decode; each pool also encodes WebP

	// Command is a program that calls Run, and its arguments. The pool appends two
	// arguments: the type, and the result of Cache.
	Command []string
	Cache   func() string // returns the argument cache of Run; called before each start

	Log *slog.Logger
}

// Pool has the processes. It is safe for concurrent use. It does not limit how many variants
// are made at a time: its caller must do so.
type Pool struct {
	o       Options
	types   map[format.Type]*starter // decoders
	encoder *starter

	life      context.Context // ends in Close
	end       context.CancelFunc
	preparing sync.WaitGroup // the calls of Ready that Prepare has made
}

// Available reports whether the system lets processes run the decoders and the encoder.
func Available() bool { return codec.Available() }

// New returns a Pool. It starts no process.
func New(o Options) *Pool {
	p := &Pool{o: o, types: make(map[format.Type]*starter), encoder: o.starter(format.WebP)}
	p.life, p.end = context.WithCancel(context.Background())
	for _, t := range o.Types {
		p.types[t] = o.starter(t)
	}
	return p
}

func (o Options) starter(t format.Type) *starter {
	return newStarter(func() (*process, error) {
		arguments := append(slices.Clone(o.Command[1:]), string(t), o.Cache())
		return start(exec.Command(o.Command[0], arguments...))
	})
}

// Can reports whether the pool decodes a type.
func (p *Pool) Can(t format.Type) bool { return p.types[t] != nil }

// Prepare starts the first process of a type and does not wait for it. Later calls do nothing.
// After it, no picture waits for the compilation of the decoder.
func (p *Pool) Prepare(t format.Type) {
	if s := p.types[t]; s != nil {
		s.prepare.Do(func() { p.preparing.Go(func() { _ = p.Ready(p.life, t) }) }) // Ready logs the error
	}
}

// Ready returns nil when there is a process that decodes a type. That process may be busy. If
// there is none, Ready starts one, and waits for at most 30 seconds. The errors are ErrStarting,
// ErrUnavailable and the error of ctx. If ctx ends, the start continues.
func (p *Pool) Ready(ctx context.Context, t format.Type) error {
	return p.started(ctx, t, p.types[t].ready(ctx))
}

// EncoderReady is Ready for a process that encodes WebP.
func (p *Pool) EncoderReady(ctx context.Context) error {
	return p.started(ctx, format.WebP, p.encoder.ready(ctx))
}

// started returns the error of a start in the form for the caller. If a process did not start,
// it logs the reason.
func (p *Pool) started(ctx context.Context, t format.Type, err error) error {
	if err == nil || errors.Is(err, ErrStarting) || ctx.Err() != nil {
		return err
	}
	p.o.Log.Warn("a codec did not start", "type", t, "err", err)
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// Close ends all processes. Calls in progress fail.
func (p *Pool) Close() {
	p.end()
	p.encoder.close()
	for _, s := range p.types {
		s.close()
	}
	p.preparing.Wait()
}

// Cost returns the largest number of bytes that Make needs, see resize.Cost.
func (p *Pool) Cost(s resize.Source, plan resize.Plan) (int64, error) {
	_, all, err := decoding(s)
	return all + resize.DrawCost(s, plan) + ownMemory, err
}

// decoding returns how many bytes the decoder needs: `one` is for one picture. `all` is for all
// pictures of the file that are in memory at the same time, and for the file itself.
func decoding(s resize.Source) (one, all int64, err error) {
	h, err := format.ReadHEIF(s, s.Size)
	if errors.Is(err, format.ErrMalformed) { // the process will return ErrDamaged
		return 0, 0, nil
	}
	one = codec.Memory(s.Type, h, s.Size)
	all = one + 2*s.Size
	if s.Type == format.HEIC && h.Alpha != nil {
		all += one
	}
	return one, all, err
}

// Make makes the variant `plan` of s. If ctx ends, Make returns the cause at once, and the
// process ends.
func (p *Pool) Make(ctx context.Context, s resize.Source, plan resize.Plan) (resize.Result, error) {
	types := p.types[s.Type]
	if types == nil {
		return resize.Result{}, resize.ErrUnsupported
	}
	one, all, err := decoding(s)
	if err != nil {
		return resize.Result{}, err
	}
	l := limits{timeFor(s.Width, s.Height, decodeMegapixel), all + resize.DrawCost(s, plan) + ownMemory}
	return p.run(ctx, types, s, plan, one, l)
}

// EncodeCost returns the largest number of bytes that Encode needs for a variant of s. This
// includes the Planes and the WebP, which both processes have in memory.
func (p *Pool) EncodeCost(s resize.Source, plan resize.Plan) (int64, error) {
	transparent, err := s.Transparent()
	return encoding(plan, transparent) + ownMemory, err
}

// encoding returns how many bytes it takes to encode a variant, without ownMemory.
func encoding(p resize.Plan, transparent bool) int64 {
	const (
		perPixel = 2 * (2.5 + 4) // the Planes, and the longest WebP that was measured
		fixed    = 2 << 20       // an ICC profile
	)
	return codec.EncodeMemory(p.Width, p.Height, transparent) + int64(perPixel*float64(p.Width)*float64(p.Height)) + fixed
}

// Encode makes a WebP from the planes of a variant (resize.Planes). `quality` is that of
// resize.Plan. If ctx ends, Encode returns the cause at once, and the process ends.
func (p *Pool) Encode(ctx context.Context, planes resize.Result, quality int) (resize.Result, error) {
	w, h := planes.Width, planes.Height
	file := resize.Source{ReaderAt: bytes.NewReader(planes.Data), Size: int64(len(planes.Data)), Info: format.Info{Type: format.WebP, Width: w, Height: h}}
	plan := resize.Plan{Width: w, Height: h, Format: format.WebP, Quality: quality}
	l := limits{timeFor(w, h, encodeMegapixel), encoding(plan, true) + ownMemory}
	made, err := p.run(ctx, p.encoder, file, plan, codec.EncodeMemory(w, h, true), l)
	made.Placeholder = planes.Placeholder
	return made, err
}

// timeFor returns how much processor time a picture of w × h pixels may take. `megapixel` is
// the time for each megapixel.
func timeFor(w, h int, megapixel time.Duration) time.Duration {
	return decodeTime + time.Duration(float64(w)*float64(h)/1e6*float64(megapixel))
}

// run lets a process make a variant. It starts the process if necessary. The codec may use
// `memory` bytes for one picture.
func (p *Pool) run(ctx context.Context, from *starter, s resize.Source, plan resize.Plan, memory int64, l limits) (resize.Result, error) {
	proc, err := from.acquire(ctx)
	if err := p.started(ctx, s.Type, err); err != nil {
		return resize.Result{}, err
	}
	made, err := proc.make(ctx, s, request{s.Info, planOf(plan), memory, s.Size, s.Placeholder}, l)
	from.release(proc)
	return made, p.failed(err)
}

// failed logs the error of a process that ended, and returns ErrDamaged: the file or the codec
// has a fault. It returns all other errors unchanged.
func (p *Pool) failed(err error) error {
	var died *deathError
	if errors.As(err, &died) {
		p.o.Log.Warn("a codec ended", "err", err)
		return fmt.Errorf("%w: %w", resize.ErrDamaged, err)
	}
	return err
}
