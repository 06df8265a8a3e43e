package dbtest_test

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"imageserver/db"
)

// handle is one of several handles on a memory. Its faults are mistakes of an engine that
// several servers use at the same time.
type handle struct {
	*memory
	closed atomic.Bool

	hm      sync.Mutex          // guards the fields below
	seen    map[string]db.Image // what Stat returned before, for one of the faults
	trashed map[string]bool     // the names that this handle moved to the trash, for one of the faults
	leaves  int64               // how many images with an expiry this handle stored, for one of the faults
}

// newHandles returns a function that opens handles on a new memory.
func newHandles(fault string, clock time.Duration) func() db.Store {
	m := newMemory(fault, clock)
	return func() db.Store {
		return &handle{memory: m, seen: map[string]db.Image{}, trashed: map[string]bool{}}
	}
}

func (h *handle) Put(ctx context.Context, name string, body io.Reader, o db.PutOptions) (db.Image, db.Outcome, error) {
	if !o.Expires.IsZero() {
		h.hm.Lock()
		h.leaves++
		h.hm.Unlock()
	}
	if h.fault == "claims in two steps" && o.Conflict == db.Fail {
		if _, err := h.memory.Stat(ctx, name); err == nil {
			return db.Image{}, 0, db.ErrExists
		}
		time.Sleep(time.Millisecond) // other handles claim the name, too
		o.Conflict = db.Replace
	}
	return h.memory.Put(ctx, name, body, o)
}

func (h *handle) Stat(ctx context.Context, name string) (db.Image, error) {
	if h.closed.Load() {
		return db.Image{}, db.ErrClosed
	}
	h.hm.Lock()
	defer h.hm.Unlock()
	if img, ok := h.seen[name]; ok {
		return img, nil
	}
	img, err := h.memory.Stat(ctx, name)
	if err == nil && h.fault == "a handle remembers images" {
		h.seen[name] = img
	}
	return img, err
}

func (h *handle) Delete(ctx context.Context, name string, o db.DeleteOptions) error {
	h.hm.Lock()
	if h.fault == "a handle restores only its own" {
		h.trashed[name] = true
	}
	h.hm.Unlock()
	return h.memory.Delete(ctx, name, o)
}

func (h *handle) Restore(ctx context.Context, name string, o db.RestoreOptions) (db.Image, db.Outcome, error) {
	h.hm.Lock()
	own := h.trashed[name]
	h.hm.Unlock()
	if h.fault == "a handle restores only its own" && !own {
		return db.Image{}, 0, db.ErrNotFound
	}
	return h.memory.Restore(ctx, name, o)
}

func (h *handle) PutVariant(ctx context.Context, source db.Digest, key string, body io.Reader, o db.VariantOptions) (db.Image, error) {
	if h.fault == "a budget for each handle" {
		o.Budget *= 3
	}
	return h.memory.PutVariant(ctx, source, key, body, o)
}

func (h *handle) Close() error {
	if h.closed.Swap(true) {
		return nil
	}
	if h.fault == "expired images of a closed handle stay" {
		h.hm.Lock()
		defer h.hm.Unlock()
		h.memory.mu.Lock()
		h.usage.Images += h.leaves
		h.memory.mu.Unlock()
	}
	if h.fault == "close closes all handles" {
		return h.memory.Close()
	}
	return nil
}
