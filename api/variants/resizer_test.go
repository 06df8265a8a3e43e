package variants

import (
	"bytes"
	"context"
	"errors"
	std "image"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
	"imageserver/db"
)

// slowSource is a picture that takes some time to decode, because each read after the header
// takes 100 ms. It counts these reads.
type slowSource struct {
	io.ReaderAt
	reading *readers
}

// readers has the number of reads at this moment, and the largest number so far.
type readers struct{ now, most atomic.Int32 }

func (s slowSource) ReadAt(p []byte, off int64) (int, error) {
	if off < 64<<10 {
		return s.ReaderAt.ReadAt(p, off)
	}
	now := s.reading.now.Add(1)
	defer s.reading.now.Add(-1)
	for most := s.reading.most.Load(); now > most && !s.reading.most.CompareAndSwap(most, now); most = s.reading.most.Load() {
	}
	time.Sleep(100 * time.Millisecond)
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

// plainResizer returns a resizer without the turn that is for small pictures only.
func plainResizer(n int, memory int64) *resizer {
	r := newResizer(n, memory, nil, nil, nil)
	r.queue.small = 0
	return r
}

// TestResizerTurns: no more variants are made at a time than there are turns.
func TestResizerTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, reading := newSlowSource(t)
		r := plainResizer(3, 1<<30)
		var jobs sync.WaitGroup
		for i := range 20 {
			jobs.Go(func() {
				if _, err := r.make(t.Context(), db.Digest{byte(i)}, source, small); err != nil {
					t.Error(err)
				}
			})
		}
		jobs.Wait()
		if got := reading.most.Load(); got != 3 {
			t.Errorf("%d variants were made at a time, want 3", got)
		}
	})
}

// TestResizerMemory: the variants that are made at a time fit in the memory. A variant that
// needs more than all memory is refused.
func TestResizerMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, reading := newSlowSource(t)
		cost, err := resize.Cost(source, small)
		if err != nil {
			t.Fatal(err)
		}
		r := plainResizer(3, 2*cost-1)
		var jobs sync.WaitGroup
		for i := range 4 {
			jobs.Go(func() {
				if _, err := r.make(t.Context(), db.Digest{byte(i)}, source, small); err != nil {
					t.Error(err)
				}
			})
		}
		jobs.Wait()
		if got := reading.most.Load(); got != 1 {
			t.Errorf("%d variants were made at a time, want 1", got)
		}
		if _, err := plainResizer(3, cost-1).make(t.Context(), db.Digest{}, source, small); !errors.Is(err, ErrMemory) {
			t.Errorf("with too little memory: got %v, want %v", err, ErrMemory)
		}
	})
}

// TestResizerQueue: if the queue is full, or the part of one picture in it, a request is
// refused. A client that stops waiting makes space for another request.
func TestResizerQueue(t *testing.T) {
	for what, of := range map[string]struct {
		limit   int
		picture func(i int) db.Digest
	}{
		"of all":         {maxQueue, func(i int) db.Digest { return db.Digest{byte(i)} }},
		"of one picture": {maxLane, func(int) db.Digest { return db.Digest{} }},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, _ := newSlowSource(t)
				r := plainResizer(3, 1<<30)
				var jobs sync.WaitGroup
				enter := func(ctx context.Context, i int, want error) {
					jobs.Go(func() {
						if _, err := r.make(ctx, of.picture(i), source, small); !errors.Is(err, want) {
							t.Errorf("got %v, want %v", err, want)
						}
					})
					synctest.Wait()
				}
				others, end := context.WithCancel(t.Context())
				for i := range of.limit - 1 {
					enter(others, i, context.Canceled)
				}
				leaver, leave := context.WithCancel(t.Context())
				enter(leaver, 0, context.Canceled)
				enter(t.Context(), 0, ErrBusy)
				leave()
				synctest.Wait()
				enter(others, 0, context.Canceled)
				enter(t.Context(), 0, ErrBusy)
				end()
				jobs.Wait()
				if n := r.queue.length(); n != 0 {
					t.Errorf("%d jobs are still in the queue", n)
				}
			})
		})
	}
}

// TestResizerLanes: only one variant of a picture is made at a time, so that other pictures
// get turns.
func TestResizerLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, reading := newSlowSource(t)
		r := plainResizer(3, 1<<30)
		var jobs sync.WaitGroup
		for range 10 {
			jobs.Go(func() {
				if _, err := r.make(t.Context(), db.Digest{1}, source, small); err != nil {
					t.Error(err)
				}
			})
		}
		jobs.Wait()
		if got := reading.most.Load(); got != 1 {
			t.Errorf("%d variants of one picture were made at a time, want 1", got)
		}
	})
}

// TestResizerDrain: when the queue is closed, the job that has a turn finishes, and all
// waiting jobs are refused.
func TestResizerDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, _ := newSlowSource(t)
		r := plainResizer(1, 1<<30)
		answers := make(chan error, 10)
		for i := range 10 {
			go func() {
				_, err := r.make(t.Context(), db.Digest{byte(i)}, source, small)
				answers <- err
			}()
		}
		synctest.Wait()
		r.queue.close(db.ErrClosed)
		done := 0
		for range 10 {
			switch err := <-answers; {
			case err == nil:
				done++
			case !errors.Is(err, db.ErrClosed):
				t.Errorf("got %v, want %v", err, db.ErrClosed)
			}
		}
		if done != 1 {
			t.Errorf("%d variants were made, want the one that was in progress", done)
		}
	})
}

// TestResizerBusy: decoding may take any time while other processes use the cores, because
// only the processor time of the decoder is limited.
func TestResizerBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, _ := newSlowSource(t)
		source.ReaderAt = delayed{source.ReaderAt}
		r := plainResizer(1, 1<<30)
		r.used = func() time.Duration { return 0 }
		if _, err := r.make(t.Context(), db.Digest{1}, source, small); err != nil {
			t.Errorf("got %v, want the copy", err)
		}
	})
}

// delayed reads as slowly as a thread that rarely gets a core.
type delayed struct{ io.ReaderAt }

func (d delayed) ReadAt(p []byte, off int64) (int, error) {
	time.Sleep(decodeTime)
	return d.ReaderAt.ReadAt(p, off)
}

// TestFailures: the list has a limit, and forgets expired failures first.
func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f failures
		number := func(i int) picture { return picture{Digest: db.Digest{byte(i), byte(i >> 8)}} }
		for i := range maxFailures / 2 {
			f.add(number(i), ErrTooSlow)
		}
		time.Sleep(failureKept / 2)
		for i := maxFailures / 2; i < maxFailures; i++ {
			f.add(number(i), ErrTooSlow)
		}
		time.Sleep(failureKept/2 + time.Second)
		f.add(number(maxFailures), ErrTooSlow)
		if len(f.all) != maxFailures/2+1 || f.of(number(maxFailures-1)) == nil || f.of(number(0)) != nil {
			t.Errorf("got %d failures, want the newer half and one more", len(f.all))
		}
		for i := range 2 * maxFailures {
			f.add(number(i), ErrTooSlow)
		}
		if len(f.all) != maxFailures {
			t.Errorf("got %d failures, want %d", len(f.all), maxFailures)
		}
	})
}

// TestResizerEndless: decoding ends when the processor time is used up.
func TestResizerEndless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, _ := newSlowSource(t)
		source.ReaderAt = endless{progressive(t, source), source.Size - 2}
		source.Size = 1 << 40
		r := plainResizer(2, 1<<30)
		began := time.Now()
		r.used = func() time.Duration { return time.Since(began) } // the clock of synctest
		limit := decodeTime + 2*time.Second                        // the last read may end later
		ask := func(d db.Digest, want error, most time.Duration) {
			t.Helper()
			start := time.Now()
			_, err := r.make(t.Context(), d, source, small)
			if took := time.Since(start); !errors.Is(err, want) || took > most {
				t.Errorf("got %v after %v, want %v within %v", err, took, want, most)
			}
		}
		ask(db.Digest{1}, ErrTooSlow, limit)
		ask(db.Digest{1}, ErrTooSlow, 0) // it is not decoded again
		time.Sleep(failureKept)

		// One of these decodes the picture. The others wait for it, and do not decode.
		var jobs sync.WaitGroup
		for range 20 {
			jobs.Go(func() { ask(db.Digest{1}, ErrTooSlow, limit) })
		}
		jobs.Wait()
	})
}

// progressive returns a baseline JPEG with the headers of a progressive JPEG. The data of the
// picture is then damaged, but a decoder reads all segments after the data.
func progressive(t *testing.T, s resize.Source) io.ReaderAt {
	t.Helper()
	data, err := io.ReadAll(io.NewSectionReader(s, 0, s.Size))
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.Replace(data, []byte("\xff\xc0"), []byte("\xff\xc2"), 1)
	return bytes.NewReader(bytes.Replace(data, []byte("\x00\x3f\x00"), []byte("\x00\x00\x00"), 1))
}

// endless is a JPEG that does not end: after its picture, comments follow forever.
type endless struct {
	io.ReaderAt
	size int64 // the size of the JPEG without the comments, in bytes
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

// TestBackgroundPanic: a panic in the work becomes an error.
func TestBackgroundPanic(t *testing.T) {
	_, err := inBackground(func() (int, error) { panic("oh") })
	if err == nil || !strings.Contains(err.Error(), "panic: oh") {
		t.Errorf("got %v, want the panic", err)
	}
}

// TestBackgroundProcessors: work in the background does not change GOMAXPROCS. Each
// change stops all goroutines of the process.
func TestBackgroundProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	during, err := inBackground(func() (int, error) { return runtime.GOMAXPROCS(0), nil })
	if err != nil || during != before {
		t.Errorf("got %d processors and %v, want %d", during, err, before)
	}
}
