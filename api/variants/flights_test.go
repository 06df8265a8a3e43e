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

// TestFlightsOnce: however many ask, the work is done once, and all get it.
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
			t.Errorf("after it had landed: got %d, %v, want work of its own", got, err)
		}
		if len(g.all) != 0 {
			t.Errorf("%d flights are left", len(g.all))
		}
	})
}

// TestFlightsLeave: work ends when its last caller has gone, no sooner, and who
// comes after that is not given what was ended.
func TestFlightsLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g flights[string]
		work := func(ctx context.Context) (string, error) {
			select {
			case <-ctx.Done():
				time.Sleep(time.Second) // it takes a while to notice
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
			t.Errorf("who left: got %v, want its deadline", err)
		}
		if err := <-second; err != nil {
			t.Errorf("who stayed: got %v", err)
		}

		start := time.Now()
		<-ask(time.Second)
		if err := <-ask(2 * time.Minute); err != nil {
			t.Errorf("who came after all had left: got %v, want work of its own", err)
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

// TestFlightsPanic: a panic fails those who wait, and nobody else.
func TestFlightsPanic(t *testing.T) {
	var g flights[int]
	_, err := g.do(t.Context(), "a", func(context.Context) (int, error) { panic("oh") })
	if err == nil || !strings.Contains(err.Error(), "panic: oh") {
		t.Errorf("got %v, want the panic", err)
	}
}
