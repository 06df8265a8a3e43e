package intake

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"imageserver/db"
)

// TestReserving: what is read is reserved as it comes; who finds nothing free waits
// a while and is refused, or has what another one leaves.
func TestReserving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := semaphore.NewWeighted(2 * stripStep)
		read := func(n int) (*reserving, error) {
			m := &reserving{r: bytes.NewReader(make([]byte, n)), ctx: t.Context(), memory: memory}
			_, err := io.Copy(io.Discard, m)
			return m, err
		}
		first, err := read(stripStep / 2)
		if err != nil || first.held != stripStep {
			t.Fatalf("got %d bytes reserved, %v, want %d", first.held, err, stripStep)
		}
		start := time.Now()
		second, err := read(2 * stripStep)
		if !errors.Is(err, db.ErrBusy) || time.Since(start) != stripWait {
			t.Errorf("got %v after %v, want %v after %v", err, time.Since(start), db.ErrBusy, stripWait)
		}
		time.AfterFunc(time.Second, func() { second.release() })
		third, err := read(stripStep / 2)
		if err != nil {
			t.Errorf("once another one has left: %v", err)
		}
		first.release()
		third.release()
		if !memory.TryAcquire(2 * stripStep) {
			t.Error("not all has been given back")
		}
		memory.Release(2 * stripStep)

		gone, leave := context.WithCancel(t.Context())
		leave()
		if !memory.TryAcquire(2 * stripStep) {
			t.Fatal("something is taken")
		}
		m := &reserving{r: bytes.NewReader(make([]byte, 1)), ctx: gone, memory: memory}
		if _, err := m.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("of a client that has gone: got %v", err)
		}
	})
}
