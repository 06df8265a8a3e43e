package variants

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
	"imageserver/api/imaging/worker"
	"imageserver/db"
)

// lateDecoders has decoders of HEIC that are ready only after some time, or never.
type lateDecoders struct {
	after time.Time
	err   error // the error that Ready returns
}

func (d *lateDecoders) Can(t format.Type) bool { return t == format.HEIC }
func (d *lateDecoders) Close()                 {}
func (d *lateDecoders) Prepare(format.Type)    {}

func (d *lateDecoders) Ready(ctx context.Context, _ format.Type) error {
	select {
	case <-time.After(time.Until(d.after)):
		return d.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (d *lateDecoders) Cost(resize.Source, resize.Plan) (int64, error) { return 1 << 20, nil }

func (d *lateDecoders) Make(context.Context, resize.Source, resize.Plan) (resize.Result, error) {
	return resize.Result{Data: []byte("picture")}, nil
}

// TestLateDecoder: a picture waits for its decoder for at most queueTime. Meanwhile it does not
// occupy a turn.
func TestLateDecoder(t *testing.T) {
	heic := resize.Source{Info: format.Info{Type: format.HEIC, Width: 60, Height: 40}}
	for what, c := range map[string]struct {
		late time.Duration
		err  error // the error that Ready returns
		want error
		most time.Duration
	}{
		"in time":     {queueTime - time.Second, nil, nil, queueTime - time.Second},
		"too late":    {queueTime + time.Second, nil, ErrBusy, queueTime},
		"unavailable": {time.Second, worker.ErrUnavailable, ErrNotNow, time.Second},
		"starting":    {time.Second, worker.ErrStarting, ErrBusy, time.Second},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				r := plainResizer(1, 1<<30)
				r.decoders = &lateDecoders{began.Add(c.late), c.err}
				var jobs sync.WaitGroup
				for i := range 3 {
					jobs.Go(func() {
						_, err := r.make(t.Context(), db.Digest{1, byte(i)}, heic, small)
						if took := time.Since(began); !errors.Is(err, c.want) || took != c.most {
							t.Errorf("got %v after %v, want %v after %v", err, took, c.want, c.most)
						}
					})
				}
				synctest.Wait()
				source, _ := newSlowSource(t)
				if _, err := r.make(t.Context(), db.Digest{2}, source, small); err != nil || time.Since(began) >= time.Second {
					t.Errorf("a JPEG: got %v after %v", err, time.Since(began))
				}
				jobs.Wait()
				if n := r.queue.length(); n != 0 {
					t.Errorf("%d jobs are still in the queue", n)
				}
			})
		})
	}
}

// TestLateDecoderDrain: a picture that waits for its decoder is refused at once when the server
// shuts down, or when another client needs its place in the queue.
func TestLateDecoderDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r := plainResizer(1, 1<<30)
		r.decoders = &lateDecoders{after: began.Add(time.Hour)}
		heic := resize.Source{Info: format.Info{Type: format.HEIC, Width: 60, Height: 40}}
		refused := make(chan error, maxQueue)
		for i := range maxQueue {
			d := db.Digest{1, byte(i)}
			r.queue.ask(network(1), variantID(d, small))
			go func() {
				_, err := r.make(t.Context(), d, heic, small)
				refused <- err
			}()
		}
		synctest.Wait()
		source, _ := newSlowSource(t)
		r.queue.ask(network(2), variantID(db.Digest{2}, small))
		if _, err := r.make(t.Context(), db.Digest{2}, source, small); err != nil {
			t.Error(err)
		}
		if err := <-refused; !errors.Is(err, ErrBusy) {
			t.Errorf("for another client: got %v, want %v", err, ErrBusy)
		}
		r.queue.close(db.ErrClosed)
		for range maxQueue - 1 {
			if err := <-refused; !errors.Is(err, db.ErrClosed) {
				t.Errorf("got %v, want %v", err, db.ErrClosed)
			}
		}
		if took := time.Since(began); took >= queueTime {
			t.Errorf("the pictures were refused after %v, want less than %v", took, queueTime)
		}
	})
}
