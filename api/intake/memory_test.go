package intake

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"imageserver/db"
	"imageserver/db/fair"
)

// TestReserving checks that memory is reserved while bytes arrive, up to the largest number
// of bytes that are buffered at once. If no memory is free, an upload waits. The upload gets
// the memory that another upload releases, or ErrBusy after stripWait.
func TestReserving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := fair.New(2*stripStep, 2*stripStep, stripWait)
		read := func(ctx context.Context, n int) (*reserving, error) {
			m := &reserving{r: bytes.NewReader(make([]byte, n)), ctx: ctx, share: memory.Share(nil), most: 2 * stripStep}
			_, err := io.Copy(io.Discard, m)
			return m, err
		}
		first, err := read(t.Context(), 10*stripStep)
		if err != nil || first.reserved != 2*stripStep || memory.Free() != 0 {
			t.Fatalf("got %d bytes reserved, %v, want %d", first.reserved, err, 2*stripStep)
		}
		start := time.Now()
		second, err := read(t.Context(), 1)
		if !errors.Is(err, db.ErrBusy) || time.Since(start) != stripWait {
			t.Errorf("got %v after %v, want %v after %v", err, time.Since(start), db.ErrBusy, stripWait)
		}
		second.share.Close()
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := read(canceled, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("a client that disconnected: got %v, want %v", err, context.Canceled)
		}
		time.AfterFunc(time.Second, func() { first.share.Close() })
		third, err := read(t.Context(), 1)
		if err != nil || third.reserved != stripStep {
			t.Errorf("after another upload released its memory: got %d bytes reserved, %v, want %d", third.reserved, err, stripStep)
		}
		third.share.Close()
		if got := memory.Free(); got != 2*stripStep {
			t.Errorf("%d bytes are free at the end, want %d", got, 2*stripStep)
		}
	})
}
