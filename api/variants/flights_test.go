package variants

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestFlightsOnce: if many callers ask at the same time, the work is done once, and all
// callers get its result.
func TestFlightsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g flights[int]
		var done atomic.Int32
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() {
				got, err := g.do(t.Context(), "a", func(context.Context) (int, error) {
					time.Sleep(time.Second)
					return int(done.Add(1)), nil
				})
				if got != 1 || err != nil {
					t.Errorf("got %d, %v, want 1", got, err)
				}
			})
		}
		callers.Wait()
		if got := done.Load(); got != 1 {
			t.Errorf("the work was done %d times, want once", got)
		}
		got, err := g.do(t.Context(), "a", func(context.Context) (int, error) { return 7, nil })
		if got != 7 || err != nil {
			t.Errorf("after the flight has ended: got %d, %v, want the result of new work", got, err)
		}
		if len(g.all) != 0 {
			t.Errorf("%d flights are left", len(g.all))
		}
	})
}

// TestFlightsLeave: work is cancelled when its last caller leaves, and not earlier. A later
// caller starts new work, and does not get the cancelled work.
func TestFlightsLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g flights[string]
		work := func(ctx context.Context) (string, error) {
			select {
			case <-ctx.Done():
				time.Sleep(time.Second) // real work also needs some time before it ends
				return "", ctx.Err()
			case <-time.After(time.Minute):
				return "done", nil
			}
		}
		ask := func(d time.Duration) <-chan error {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			answer := make(chan error, 1)
			go func() {
				defer cancel()
				_, err := g.do(ctx, "a", work)
				answer <- err
			}()
			return answer
		}
		first, second := ask(time.Second), ask(2*time.Minute)
		if err := <-first; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller that left: got %v, want its deadline", err)
		}
		if err := <-second; err != nil {
			t.Errorf("the caller that stayed: got %v", err)
		}

		start := time.Now()
		<-ask(time.Second)
		if err := <-ask(2 * time.Minute); err != nil {
			t.Errorf("the caller that came after all others had left: got %v, want the result of new work", err)
		}
		if took := time.Since(start); took != time.Second+time.Minute {
			t.Errorf("it took %v, want %v", took, time.Second+time.Minute)
		}
		synctest.Wait()
		if len(g.all) != 0 {
			t.Errorf("%d flights are left", len(g.all))
		}
	})
}

// TestFlightsPanic: if the work panics, its callers get an error.
func TestFlightsPanic(t *testing.T) {
	var g flights[int]
	_, err := g.do(t.Context(), "a", func(context.Context) (int, error) { panic("oh") })
	if err == nil || !strings.Contains(err.Error(), "panic: oh") {
		t.Errorf("got %v, want the panic", err)
	}
}
