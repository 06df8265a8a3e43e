package api

import (
	"bytes"
	"context"
	"errors"
	std "image"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"imageserver/api/format"
	"imageserver/api/resize"
	"imageserver/db"
)

// slowSource is a picture that takes a while to decode. What is read of its
// header, to tell the cost, does not count.
type slowSource struct {
	io.ReaderAt
	reading *readers
}

// readers counts who reads, now and at most.
type readers struct{ now, most atomic.Int32 }

func (s slowSource) ReadAt(p []byte, off int64) (int, error) {
	if off < 64<<10 {
		return s.ReaderAt.ReadAt(p, off)
	}
	now := s.reading.now.Add(1)
	defer s.reading.now.Add(-1)
	for most := s.reading.most.Load(); now > most && !s.reading.most.CompareAndSwap(most, now); most = s.reading.most.Load() {
	}
	time.Sleep(time.Second)
	return s.ReaderAt.ReadAt(p, off)
}

// newSlowSource returns a JPEG of some 200 kB.
func newSlowSource(t *testing.T) (resize.Source, *readers) {
	t.Helper()
	const side = 500
	m := std.NewGray(std.Rect(0, 0, side, side))
	rand.NewChaCha8([32]byte{}).Read(m.Pix)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	r := new(readers)
	info := format.Info{Type: format.JPEG, Width: side, Height: side, Orientation: 1}
	return resize.Source{ReaderAt: slowSource{bytes.NewReader(b.Bytes()), r}, Size: int64(b.Len()), Info: info}, r
}

var small = resize.Plan{Width: 16, Height: 16, Format: format.JPEG, Quality: 80}

// TestResizerTurns: as many at a time as there are turns.
func TestResizerTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, reading := newSlowSource(t)
		r := newResizer(3, 1<<30)
		var jobs sync.WaitGroup
		for range 20 {
			jobs.Go(func() {
				if _, err := r.make(t.Context(), db.Digest{}, source, small); err != nil {
					t.Error(err)
				}
			})
		}
		jobs.Wait()
		if got := reading.most.Load(); got != 3 {
			t.Errorf("%d copies were made at a time, want 3", got)
		}
	})
}

// TestResizerMemory: those under way fit in the memory, and what never fits is
// refused.
func TestResizerMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, reading := newSlowSource(t)
		cost, err := resize.Cost(source, small)
		if err != nil {
			t.Fatal(err)
		}
		r := newResizer(3, 2*cost-1)
		var jobs sync.WaitGroup
		for range 4 {
			jobs.Go(func() {
				if _, err := r.make(t.Context(), db.Digest{}, source, small); err != nil {
					t.Error(err)
				}
			})
		}
		jobs.Wait()
		if got := reading.most.Load(); got != 1 {
			t.Errorf("%d copies were made at a time, want 1", got)
		}
		if _, err := newResizer(3, cost-1).make(t.Context(), db.Digest{}, source, small); !errors.Is(err, errMemory) {
			t.Errorf("with too little memory: got %v, want %v", err, errMemory)
		}
	})
}

// TestResizerQueue: past the limit a copy is refused, and who goes away makes
// room for another.
func TestResizerQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, _ := newSlowSource(t)
		r := newResizer(3, 1<<30)
		var jobs sync.WaitGroup
		enter := func(ctx context.Context, want error) {
			jobs.Go(func() {
				if _, err := r.make(ctx, db.Digest{}, source, small); !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
			})
			synctest.Wait()
		}
		others, end := context.WithCancel(t.Context())
		for range maxQueue - 1 {
			enter(others, context.Canceled)
		}
		leaver, leave := context.WithCancel(t.Context())
		enter(leaver, context.Canceled)
		enter(t.Context(), errQueue)
		leave()
		synctest.Wait()
		enter(others, context.Canceled)
		enter(t.Context(), errQueue)
		end()
		jobs.Wait()
		if got := r.waiting.Load(); got != 0 {
			t.Errorf("%d are still waiting", got)
		}
	})
}

// TestResizerEndless: decoding comes to an end.
func TestResizerEndless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, _ := newSlowSource(t)
		source.ReaderAt = endless{source.ReaderAt, source.Size - 2}
		source.Size = 1 << 40
		r := newResizer(1, 1<<30)
		ask := func(d db.Digest) time.Duration {
			start := time.Now()
			if _, err := r.make(t.Context(), d, source, small); !errors.Is(err, errEndless) {
				t.Errorf("got %v, want %v", err, errEndless)
			}
			return time.Since(start)
		}
		// Those who wait for their turn meanwhile, for other sizes, do not try again.
		var jobs sync.WaitGroup
		for range 20 {
			jobs.Go(func() {
				if took := ask(db.Digest{1}); took > decodeTime+10*time.Second {
					t.Errorf("it took %v, want little more than %v", took, decodeTime)
				}
			})
		}
		jobs.Wait()
		if took := ask(db.Digest{1}); took > time.Second {
			t.Errorf("later it took %v, want no time", took)
		}
		if took := ask(db.Digest{2}); took < decodeTime {
			t.Errorf("of another picture it took %v, want %v", took, decodeTime)
		}
		time.Sleep(failureKept)
		if took := ask(db.Digest{1}); took < decodeTime {
			t.Errorf("much later it took %v, want another try of %v", took, decodeTime)
		}
	})
}

// endless is a JPEG that does not end: behind its picture, comments follow each
// other for ever.
type endless struct {
	io.ReaderAt
	size int64 // without them
}

func (e endless) ReadAt(p []byte, off int64) (int, error) {
	if off < e.size {
		return e.ReaderAt.ReadAt(p[:min(int64(len(p)), e.size-off)], off)
	}
	time.Sleep(time.Second)
	for i := range p {
		p[i] = []byte{0xff, 0xfe, 0, 2}[(off-e.size+int64(i))%4]
	}
	return len(p), nil
}

// TestBackgroundPanic: a panic is an error of its work alone.
func TestBackgroundPanic(t *testing.T) {
	_, err := inBackground(func() (int, error) { panic("oh") })
	if err == nil || !strings.Contains(err.Error(), "panic: oh") {
		t.Errorf("got %v, want the panic", err)
	}
}
