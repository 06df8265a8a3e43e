package worker

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"

	"imageserver/api/imaging/codec"
	"imageserver/api/imaging/format"
	"imageserver/api/imaging/placeholder"
	"imageserver/api/imaging/resize"
)

// process is a process that makes variants, one at a time.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *firstOutput // the beginning of what it wrote to its standard error
	dead   bool         // it cannot be used again
	once   sync.Once
	ended  chan struct{} // closed after kill, when the process has ended
}

// limits says how much a process may use for one variant.
type limits struct {
	processor time.Duration
	memory    int64 // bytes
}

// deathError is the error of a process that ended.
type deathError struct {
	err    error
	stderr string
}

func (e *deathError) Error() string { return fmt.Sprintf("the process ended: %v: %s", e.err, e.stderr) }
func (e *deathError) Unwrap() error { return e.err }

// start starts a process, and returns when it is ready.
func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, stderr: &firstOutput{}, ended: make(chan struct{})}
	cmd.Env = []string{} // on Windows, os/exec adds SYSTEMROOT, which every program needs
	cmd.Stderr = p.stderr
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	keepDescriptors()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the process: %w", err)
	}
	var a answer
	err = receive(p.out, &a)
	switch {
	case err != nil:
		return nil, p.died(err)
	case a.Failure != none:
		p.kill()
		return nil, a.error()
	}
	return p, nil
}

// kill ends the process. It can be called several times.
func (p *process) kill() {
	p.once.Do(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		go func() {
			_ = p.cmd.Wait()
			close(p.ended)
		}()
	})
}

// died kills the process and returns the error of its end.
func (p *process) died(err error) error {
	p.kill()
	<-p.ended
	return &deathError{err, p.cmd.ProcessState.String() + ", " + p.stderr.String()}
}

// make makes a variant. It kills the process when ctx ends, when the process uses more than its
// limits, and when a message cannot be sent or received.
func (p *process) make(ctx context.Context, s resize.Source, r request, l limits) (resize.Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, p.kill)
	go p.watch(ctx, cancel, l)
	made, a, err := p.exchange(s, r, l)
	if !stop() {
		p.dead = true
		return resize.Result{}, context.Cause(ctx)
	}
	if err != nil {
		p.dead = true
		return resize.Result{}, err
	}
	return made, a.error()
}

// exchange sends a request and its file, and receives the answer.
func (p *process) exchange(s resize.Source, r request, l limits) (made resize.Result, a answer, err error) {
	if err := send(p.in, r); err != nil {
		return made, a, p.died(err)
	}
	file := &source{SectionReader: io.NewSectionReader(s, 0, s.Size)}
	if _, err := io.Copy(p.in, file); err != nil {
		if file.err != nil { // the process waits for the rest, and another file cannot follow
			p.kill()
			return made, a, file.err
		}
		return made, a, p.died(err)
	}
	if err := receive(p.out, &a); err != nil {
		return made, a, p.died(err)
	}
	if a.Size < 0 || a.Size > l.memory {
		return made, a, p.died(errors.New("a message that is too long"))
	}
	made = resize.Result{Data: make([]byte, a.Size), Type: format.Type(a.Type), Width: a.Width, Height: a.Height,
		Placeholder: string(a.Placeholder[:min(len(a.Placeholder), placeholder.MaxBytes)])}
	if _, err := io.ReadFull(p.out, made.Data); err != nil {
		return made, a, p.died(err)
	}
	return made, a, nil
}

// source reads the file of a picture, and keeps the error of the store in err.
type source struct {
	*io.SectionReader
	err error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.SectionReader.Read(b)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// WriteTo hides the method WriteTo of SectionReader, so that io.Copy calls Read.
func (s *source) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{io.Reader(readerFunc(s.Read))})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// error returns the error of an answer, or nil.
func (a answer) error() error {
	kind, ok := map[failure]error{
		none: nil, unsupported: resize.ErrUnsupported, memory: ErrMemory, tooLong: resize.ErrTooLong, forbidden: codec.ErrForbidden,
	}[a.Failure]
	switch {
	case a.Failure == none:
		return nil
	case !ok:
		kind = resize.ErrDamaged
	}
	return fmt.Errorf("%w: %s", kind, a.Text)
}

// watchTime is how often watch measures a process.
const watchTime = 50 * time.Millisecond

// watch cancels with an error when the process uses more than its limits.
func (p *process) watch(ctx context.Context, cancel context.CancelCauseFunc, l limits) {
	tick := time.NewTicker(watchTime)
	defer tick.Stop()
	began := time.Now()
	before := usage{}
	if u, ok := usageOf(p.cmd.Process.Pid); ok {
		before = u
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, ok := usageOf(p.cmd.Process.Pid)
		if !ok { // assume that the process had a core for a third of the time
			now = usage{processor: before.processor + time.Since(began)/3}
		}
		switch {
		case now.processor-before.processor > l.processor:
			cancel(ErrTooSlow)
		case now.memory-before.memory > l.memory:
			cancel(ErrMemory)
		}
	}
}

// usage is what a process has used.
type usage struct {
	processor time.Duration
	memory    int64 // bytes in memory that belong to it alone; 0 if the system does not say
}

// firstOutput keeps the first bytes that are written to it. When a Go program crashes, its
// output begins with the reason.
type firstOutput struct {
	mu sync.Mutex
	b  []byte
}

// maxOutput is the number of bytes that a firstOutput keeps.
const maxOutput = 1 << 10

func (s *firstOutput) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b = append(s.b, b[:min(len(b), maxOutput-len(s.b))]...)
	return len(b), nil
}

func (s *firstOutput) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cmp.Or(string(s.b), "without a message")
}
