package variants

import (
	"cmp"
	"context"
	"sync"
)

// flights does each piece of work once for all callers that ask for it at the same time.
// Unlike golang.org/x/sync/singleflight, it cancels the work when the last caller stops
// waiting. The zero value is ready to use.
type flights[T any] struct {
	mu  sync.Mutex
	all map[string]*flight[T]
}

// flight is work in progress. result and err are set when done is closed.
type flight[T any] struct {
	waiting int // the number of callers that wait
	cancel  context.CancelFunc
	done    chan struct{}
	result  T
	err     error
}

// do returns the result of work, or the error of ctx if ctx ends first. The context of work
// ends when the last caller stops waiting. A panic in work becomes an error.
func (g *flights[T]) do(ctx context.Context, key string, work func(context.Context) (T, error)) (T, error) {
	f := g.join(key, work)
	defer g.leave(key, f)
	select {
	case <-f.done:
		return f.result, f.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// join returns the flight under key. It starts one if there is none.
func (g *flights[T]) join(key string, work func(context.Context) (T, error)) *flight[T] {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f, ok := g.all[key]; ok {
		f.waiting++
		return f
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &flight[T]{waiting: 1, cancel: cancel, done: make(chan struct{})}
	if g.all == nil {
		g.all = make(map[string]*flight[T])
	}
	g.all[key] = f
	go func() {
		defer g.land(key, f)
		f.result, f.err = work(ctx)
	}()
	return f
}

// leave cancels the flight when its last caller leaves. A later caller starts another one.
func (g *flights[T]) leave(key string, f *flight[T]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		f.cancel()
		g.forget(key, f)
	}
}

func (g *flights[T]) land(key string, f *flight[T]) {
	f.err = cmp.Or(caught(recover()), f.err)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget(key, f)
	close(f.done)
}

func (g *flights[T]) forget(key string, f *flight[T]) {
	if g.all[key] == f {
		delete(g.all, key)
	}
}
