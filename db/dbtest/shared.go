package dbtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"imageserver/db"
)

// sharedSuite has the tests of several handles on one store.
var sharedSuite = []struct {
	name string
	test func(t *testing.T, handles []db.Store)
}{
	{"Shared/Visible", testSharedVisible},
	{"Shared/Claims", testSharedClaims},
	{"Shared/Trash", testSharedTrash},
	{"Shared/Expiry", testSharedExpiry},
	{"Shared/Budget", testSharedBudget},
	{"Shared/Body", testSharedBody},
	{"Shared/Close", testSharedClose},
}

// spreadSuite has the names of tests in the suite that RunShared also runs with each call on
// another handle. They are the tests with several callers, and the tests that make many
// different calls.
var spreadSuite = []string{
	"Conflict/RenameAgain", "Conflict/RenameMany", "Conflict/Race", "Conflict/RaceSameBytes",
	"Allow/Race", "Allow/CompareAndSwap", "Delete/Race", "Dedup/Concurrent", "List/Churn",
	"Variants/Budget", "Variants/RaceSameKey", "Variants/Race",
	"Trash/Race", "Restore/Race", "Restore/VersionsRace", "Rename/Race", "Rename/AllowRace", "Model", "Load",
}

// sharedHandles is how many handles RunShared opens on one store.
const sharedHandles = 3

// RunShared tests an engine whose stores can be open several times, for example by several
// servers. `place` makes an empty place for one store, and returns a function that opens
// a handle on the store at that place. RunShared closes all handles.
func RunShared(t *testing.T, place func(t *testing.T) (open func() db.Store)) {
	handlesOf := func(t *testing.T) (handles []db.Store) {
		open := place(t)
		for range sharedHandles {
			s := open()
			closeLater(t, s)
			handles = append(handles, s)
		}
		return handles
	}
	for _, c := range sharedSuite {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, handlesOf(t))
		})
	}
	for _, name := range spreadSuite {
		t.Run("Shared/"+name, func(t *testing.T) {
			t.Parallel()
			testOf(name)(t, &spread{handles: handlesOf(t)})
		})
	}
}

// testOf returns the test with this name in the suite.
func testOf(name string) func(t *testing.T, s db.Store) {
	for _, c := range suite {
		if c.name == name {
			return c.test
		}
	}
	panic("no test has the name " + name)
}

// spread is a store that passes each call to the next of several handles.
type spread struct {
	handles []db.Store
	calls   atomic.Int64
}

func (s *spread) next() db.Store { return s.handles[int(s.calls.Add(1))%len(s.handles)] }

func (s *spread) Put(ctx context.Context, name string, body io.Reader, o db.PutOptions) (db.Image, db.Outcome, error) {
	return s.next().Put(ctx, name, body, o)
}
func (s *spread) Get(ctx context.Context, name string) (db.Image, db.Body, error) {
	return s.next().Get(ctx, name)
}
func (s *spread) Stat(ctx context.Context, name string) (db.Image, error) {
	return s.next().Stat(ctx, name)
}
func (s *spread) List(ctx context.Context, o db.ListOptions) ([]db.Image, string, error) {
	return s.next().List(ctx, o)
}
func (s *spread) Delete(ctx context.Context, name string, o db.DeleteOptions) error {
	return s.next().Delete(ctx, name, o)
}
func (s *spread) Rename(ctx context.Context, from, to string, o db.RenameOptions) (db.Image, db.Outcome, error) {
	return s.next().Rename(ctx, from, to, o)
}
func (s *spread) ByDeleteKeyHash(ctx context.Context, hash db.Digest) (db.Image, error) {
	return s.next().ByDeleteKeyHash(ctx, hash)
}
func (s *spread) Restore(ctx context.Context, name string, o db.RestoreOptions) (db.Image, db.Outcome, error) {
	return s.next().Restore(ctx, name, o)
}
func (s *spread) EmptyTrash(ctx context.Context) (int, error) { return s.next().EmptyTrash(ctx) }
func (s *spread) PutVariant(ctx context.Context, source db.Digest, key string, body io.Reader, o db.VariantOptions) (db.Image, error) {
	return s.next().PutVariant(ctx, source, key, body, o)
}
func (s *spread) GetVariant(ctx context.Context, source db.Digest, key string) (db.Image, db.Body, error) {
	return s.next().GetVariant(ctx, source, key)
}
func (s *spread) TrimVariants(ctx context.Context, n int64) error {
	return s.next().TrimVariants(ctx, n)
}
func (s *spread) Usage(ctx context.Context) (db.Usage, error) { return s.next().Usage(ctx) }
func (s *spread) Ready(ctx context.Context) error             { return s.next().Ready(ctx) }
func (s *spread) Close() error                                { return nil } // RunShared closes the handles

// testSharedVisible: when one handle has acknowledged a change, all handles return the result.
func testSharedVisible(t *testing.T, handles []db.Store) {
	for i := range 4 * len(handles) {
		writer := handles[i%len(handles)]
		data := content(uint64(i), 1000)
		img := put(t, writer, "cat.png", data, db.PutOptions{Conflict: db.Replace}, map[bool]db.Outcome{true: db.Created, false: db.Replaced}[i%4 == 0])
		for _, s := range handles {
			wantStored(t, s, img, data)
			wantUsage(t, s, sum([]db.Image{img}))
			wantImages(t, "List", listAll(t, s, db.ListOptions{Limit: 10}), []db.Image{img})
		}
		if i%4 != 3 {
			continue
		}
		remove(t, writer, "cat.png")
		for _, s := range handles {
			wantAbsent(t, s, "cat.png")
			wantUsage(t, s, db.Usage{})
		}
	}
}

// testSharedClaims: if many callers of all handles claim one name, exactly one gets it,
// and all handles return its image.
func testSharedClaims(t *testing.T, handles []db.Store) {
	const callers, rounds = 12, 8
	for round := range rounds {
		name := fmt.Sprintf("%d.png", round)
		var won atomic.Int64
		won.Store(-1)
		race(callers, func(i int) {
			_, _, err := tryPut(t.Context(), handles[i%len(handles)], name, fmt.Append(nil, round, i), db.PutOptions{Conflict: db.Fail})
			switch {
			case errors.Is(err, db.ErrExists):
			case err != nil:
				t.Errorf("Put: %v", err)
			case !won.CompareAndSwap(-1, int64(i)):
				t.Errorf("Put of %s: caller %d and caller %d both got the name", name, i, won.Load())
			}
		})
		for _, s := range handles {
			_, data, err := load(t.Context(), s, name)
			if want := fmt.Sprint(round, won.Load()); err != nil || string(data) != want {
				t.Errorf("Get(%q): got %q and %v, want %q", name, data, err, want)
			}
		}
	}
	wantConsistent(t, handles[0])
}

// testSharedTrash: one handle moves an image to the trash, and another handle restores it.
func testSharedTrash(t *testing.T, handles []db.Store) {
	img := create(t, handles[0], "cat.png", content(1, 100))
	for i := range 2 * len(handles) {
		from, to := handles[i%len(handles)], handles[(i+1)%len(handles)]
		trashed := discard(t, from, "cat.png", time.Hour)
		wantTrash(t, to, trashed)
		wantImage(t, "Restore", restore(t, to, "cat.png", "cat.png", db.Created), img)
	}
	discard(t, handles[0], "cat.png", time.Hour)
	emptyTrash(t, handles[1], 1)
	wantTrash(t, handles[2])
	wantUsage(t, handles[0], db.Usage{})
}

// testSharedExpiry: an image expires for all handles at the same time. If the handle that
// stored the image is closed, another handle deletes the image.
func testSharedExpiry(t *testing.T, handles []db.Store) {
	end := time.Now().Add(300 * time.Millisecond)
	put(t, handles[0], "cat.png", content(1, 100), ending(end), db.Created)
	closeStore(t, handles[0])
	time.Sleep(time.Until(end))
	for _, s := range handles[1:] {
		wantNoTrace(t, s, "cat.png", db.Digest{})
		wantUsageSoon(t, s, db.Usage{})
	}
}

// testSharedBudget: the variants that all handles store together stay within the budget.
func testSharedBudget(t *testing.T, handles []db.Store) {
	const size, budget = 1000, 5500
	cat := create(t, handles[0], "cat.png", content(1, 100))
	race(4*len(handles), func(i int) {
		for j := range 4 {
			_, err := handles[i%len(handles)].PutVariant(t.Context(), cat.SHA256, fmt.Sprint(i, j), io.LimitReader(zeros{}, size), db.VariantOptions{Budget: budget})
			if err != nil && !errors.Is(err, db.ErrBusy) {
				t.Errorf("PutVariant: %v", err)
			}
			u, err := handles[(i+1)%len(handles)].Usage(t.Context())
			if err != nil || u.VariantBytes > budget {
				t.Errorf("Usage: got %d bytes of variants and %v, want at most %d", u.VariantBytes, err, budget)
			}
		}
	})
}

// zeros is a reader of zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// testSharedBody: a body of one handle stays readable while other handles replace and
// delete its image.
func testSharedBody(t *testing.T, handles []db.Store) {
	data := content(1, large)
	create(t, handles[0], "cat.png", data)
	fresh, begun := openBody(t, handles[0], "cat.png"), openBody(t, handles[0], "cat.png")
	wantBytes(t, "begun", read(t, begun, 1000), data[:1000])
	put(t, handles[1], "cat.png", content(2, large), db.PutOptions{Conflict: db.Replace}, db.Replaced)
	remove(t, handles[2], "cat.png")
	wantRest(t, "body not read before", fresh, data)
	wantRest(t, "body read in part before", begun, data[1000:])
	wantUsage(t, handles[0], db.Usage{})
}

// testSharedClose: after one handle is closed, the other handles work as before.
func testSharedClose(t *testing.T, handles []db.Store) {
	data := content(1, large)
	img := create(t, handles[0], "cat.png", data)
	body := openBody(t, handles[1], "cat.png")
	closeStore(t, handles[0])
	_, err := handles[0].Stat(t.Context(), "cat.png")
	wantError(t, "Stat of a closed handle", err, db.ErrClosed)
	wantRest(t, "body of another handle", body, data)
	wantStored(t, handles[1], img, data)
	other := create(t, handles[2], "dog.png", content(2, 100))
	wantStored(t, handles[1], other, content(2, 100))
}
