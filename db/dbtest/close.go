package dbtest

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"imageserver/db"
)

func testClosedStore(t *testing.T, s db.Store) {
	source := create(t, s, "cat.png", content(1, 100)).SHA256
	putVariant(t, s, source, "w=1", []byte("variant"), ample)
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	ctx := t.Context()
	for what, call := range map[string]func() error{
		"Put": func() error {
			_, _, err := s.Put(ctx, "dog.png", strings.NewReader("dog"), db.PutOptions{})
			return err
		},
		"Get": func() error {
			_, body, err := s.Get(ctx, "cat.png")
			if err == nil {
				body.Close()
			}
			return err
		},
		"PutVariant": func() error {
			_, err := s.PutVariant(ctx, source, "w=2", strings.NewReader("variant"), db.VariantOptions{Budget: ample})
			return err
		},
		"TrimVariants": func() error { return s.TrimVariants(ctx, 0) },
		"GetVariant": func() error {
			_, body, err := s.GetVariant(ctx, source, "w=1")
			if err == nil {
				body.Close()
			}
			return err
		},
		"Stat":   func() error { _, err := s.Stat(ctx, "cat.png"); return err },
		"List":   func() error { _, _, err := s.List(ctx, db.ListOptions{Limit: 1}); return err },
		"Delete": func() error { return s.Delete(ctx, "cat.png", db.DeleteOptions{}) },
		"Rename": func() error {
			_, _, err := s.Rename(ctx, "cat.png", "dog.png", db.RenameOptions{})
			return err
		},
		"Restore": func() error {
			_, _, err := s.Restore(ctx, "cat.png", db.RestoreOptions{})
			return err
		},
		"ByDeleteKeyHash": func() error { _, err := s.ByDeleteKeyHash(ctx, db.Digest{1}); return err },
		"EmptyTrash":      func() error { _, err := s.EmptyTrash(ctx); return err },
		"Usage":           func() error { _, err := s.Usage(ctx); return err },
		"Ready":           func() error { return s.Ready(ctx) },
	} {
		wantError(t, what+" of a closed store", call(), db.ErrClosed)
	}
	if err := s.Close(); err != nil && !errors.Is(err, db.ErrClosed) {
		t.Errorf("Close again: got %v, want nil or ErrClosed", err)
	}
}

// testClosedStoreBodies reads bodies after the store was closed. If an engine maps a
// file into memory, it must not read the map after Close: the process would crash, and
// recover does not help.
func testClosedStoreBodies(t *testing.T, s db.Store) {
	create(t, s, "cat.png", content(1, large))
	small := create(t, s, "small.png", content(2, 1000))
	putVariant(t, s, small.SHA256, "w=1", content(3, large), ample)
	fresh, begun, deleted := openBody(t, s, "cat.png"), openBody(t, s, "cat.png"), openBody(t, s, "cat.png")
	whole := openBody(t, s, "small.png") // an engine may have all its bytes in memory
	copied := openVariant(t, s, small.SHA256, "w=1")
	for _, body := range []db.Body{begun, deleted, whole} {
		read(t, body, 100)
	}
	remove(t, s, "cat.png")
	if err := s.Close(); err != nil {
		t.Errorf("Close with bodies open: %v", err)
	}
	for i, body := range []db.Body{fresh, begun, deleted, whole, copied} {
		if n, err := body.ReadAt(make([]byte, 10), 500); err == nil {
			t.Errorf("ReadAt of body %d after Close: got %d bytes and nil, want an error", i, n)
		}
		if n, err := io.Copy(io.Discard, body); err == nil {
			t.Errorf("Variant of body %d after Close: got %d bytes and nil, want an error", i, n)
		}
		body.Close() // may return an error, but must not crash
	}
}

// testCloseDuringPut: Close waits for an upload or ends the upload. But Close and the
// upload must not wait for each other forever.
func testCloseDuringPut(t *testing.T, s db.Store) {
	body := newGate(t, content(1, 3<<20), 2<<20)
	var calls sync.WaitGroup
	calls.Go(func() {
		_, _, err := s.Put(t.Context(), "cat.png", body, db.PutOptions{})
		if err := unless(err, db.ErrClosed); err != nil {
			t.Errorf("Put during Close: got %v, want nil or ErrClosed", err)
		}
	})
	<-body.reached
	calls.Go(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close during Put: %v", err)
		}
	})
	time.Sleep(10 * time.Millisecond) // most likely, Close has begun by now
	body.release()
	calls.Wait()
}

// testCloseUnderLoad: each call returns its result or ErrClosed, and nothing crashes.
func testCloseUnderLoad(t *testing.T, s db.Store) {
	data := content(1, large)
	create(t, s, "cat.png", data)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	race(9, func(i int) {
		if i == 0 {
			time.Sleep(50 * time.Millisecond)
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			return
		}
		rnd := rand.New(rand.NewPCG(uint64(i), 1))
		for ctx.Err() == nil {
			if i%2 == 0 {
				_, body, err := s.Get(ctx, "cat.png")
				if err != nil {
					if !errors.Is(err, db.ErrClosed) {
						t.Errorf("Get: got %v, want ErrClosed", err)
					}
					return
				}
				io.Copy(io.Discard, body) // may end with an error at any byte
				body.Close()
				continue
			}
			do := []func(context.Context, db.Store, *rand.Rand) error{step, stepVariants, stepTrash}[i/2%3]
			err := do(ctx, s, rnd)
			if errors.Is(err, db.ErrClosed) {
				return
			}
		}
	})
}
