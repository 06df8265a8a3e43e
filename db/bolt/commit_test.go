package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
)

// TestGroupCommit stops the committer for a while. Everything queued meanwhile must go
// into one transaction, and a refusal must not affect the others.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	mustPut(t, s, "taken.png", content(0, 10))
	hold, held := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		s.Put(ctx, "first.png", bytes.NewReader(nil), db.PutOptions{Allow: func(*db.Image) error {
			close(held)
			<-hold
			return nil
		}})
	})
	<-held
	var txID int
	if err := s.view(func(tx *bbolt.Tx) error { txID = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	const n = 20
	for i := range byte(n) {
		all.Go(func() {
			_, _, err := s.Put(ctx, fmt.Sprintf("%d.png", i), bytes.NewReader(content(i+1, 1000)), db.PutOptions{})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Go(func() {
		_, _, err := s.Put(ctx, "taken.png", bytes.NewReader([]byte("other")), db.PutOptions{Conflict: db.Fail})
		if !errors.Is(err, db.ErrExists) {
			t.Errorf("error %v, want ErrExists", err)
		}
	})
	for len(s.queue) < n+1 {
		time.Sleep(time.Millisecond)
	}
	close(hold)
	all.Wait()
	err := s.view(func(tx *bbolt.Tx) error {
		if got := tx.ID() - txID; got != 2 {
			t.Errorf("%d commits, want one for the upload that was held and one for the rest", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestGroupFails commits a change that fails together with others. Each must get its own
// result.
func TestGroupFails(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	yes := func(*txn) (bool, error) { return true, nil }
	refused, broken := errors.New("refused"), errors.New("broken")
	applied := 0
	group := []*change{
		{check: func(*txn) (bool, error) { return false, refused }},
		{check: yes, apply: func(*txn) error { return broken }},
		{check: yes, apply: func(*txn) error { applied++; return nil }},
		{check: func(*txn) (bool, error) { return false, nil }},
	}
	s.commitGroup(group)
	for i, want := range []error{refused, broken, nil, nil} {
		if got := group[i].err; got != want {
			t.Errorf("change %d: error %v, want %v", i, got, want)
		}
	}
	if applied != 1 {
		t.Errorf("the sound change was applied %d times, want once, by itself", applied)
	}
}

// TestStorageFails closes the file of bbolt. The store must stop writing, say so, and
// continue to read.
func TestStorageFails(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	want := content(1, 1000)
	mustPut(t, s, "a.png", want)
	if err := s.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	s.space.end = 1 << 50 // so that it is the commit that fails
	s.file.Close()
	for range 2 {
		_, _, err := s.Put(ctx, "b.png", bytes.NewReader(want[1:]), db.PutOptions{})
		if !errors.Is(err, db.ErrReadOnly) {
			t.Errorf("error %v, want ErrReadOnly", err)
		}
	}
	if err := s.Delete(ctx, "a.png", db.DeleteOptions{}); !errors.Is(err, db.ErrReadOnly) {
		t.Errorf("delete: error %v, want ErrReadOnly", err)
	}
	if err := s.Ready(ctx); !errors.Is(err, db.ErrReadOnly) {
		t.Errorf("ready: error %v, want ErrReadOnly", err)
	}
	if got := mustRead(t, s, "a.png"); !bytes.Equal(got, want) {
		t.Error("the image stored before reads wrong")
	}
}

// TestFullOr distinguishes a full disk, after which the store continues, from a failed
// sync, which leaves the file in doubt.
func TestFullOr(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	_, closed := f.Write([]byte("x"))
	for _, test := range []struct {
		name string
		err  error
		full bool
	}{
		{"write on a full disk", &os.PathError{Op: "write", Path: "f", Err: errNoSpace}, true},
		{"sync on a full disk", errNoSpace, false},
		{"another error", closed, false},
	} {
		if got := errors.Is(new(space).fullOr(test.err), db.ErrFull); got != test.full {
			t.Errorf("%s: full is %v, want %v", test.name, got, test.full)
		}
	}
}

// TestPins lets a reader and a commit that deletes its blob meet.
func TestPins(t *testing.T) {
	t.Parallel()
	s := &Store{}
	s.pins.init()
	if !s.pins.doom(1) {
		t.Fatal("an idle blob could not be doomed")
	}
	again := s.pins.pin(1)
	if again == nil {
		t.Fatal("a doomed blob was pinned")
	}
	s.pins.lookup.RLock() // a reader between its transaction and its pin
	settled := make(chan struct{})
	go func() {
		s.settle(&txn{doom: []uint64{1}}, true)
		close(settled)
	}()
	select {
	case <-again:
		t.Error("the doom ended while a reader held an older view")
	case <-time.After(20 * time.Millisecond):
	}
	s.pins.lookup.RUnlock()
	<-settled
	select {
	case <-again:
	default:
		t.Error("the reader was not told to look again")
	}
	if s.pins.pin(2) != nil || s.pins.doom(2) {
		t.Error("a pinned blob could be doomed")
	}
}

// lastPinned returns the id of the blob that get opens, which must be the only pinned one.
func lastPinned(t *testing.T, s *Store, get func() (db.Image, db.Body, error)) (id uint64) {
	t.Helper()
	_, b, err := get()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	s.pins.mu.Lock()
	defer s.pins.mu.Unlock()
	if len(s.pins.count) != 1 {
		t.Fatalf("%d blobs are pinned, want one", len(s.pins.count))
	}
	for id = range s.pins.count {
	}
	return id
}

// TestFindPinnedWaits lets a reader find a blob that a commit is deleting. It must look
// again after the commit, which fails here.
func TestFindPinnedWaits(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	source := mustPut(t, s, "a.png", content(1, 100)).SHA256
	mustPutVariant(t, s, source, "w=1", content(2, 100), ample)
	for _, get := range []func() (db.Image, db.Body, error){
		func() (db.Image, db.Body, error) { return s.Get(ctx, "a.png") },
		func() (db.Image, db.Body, error) { return s.GetVariant(ctx, source, "w=1") },
	} {
		id := lastPinned(t, s, get)
		if !s.pins.doom(id) {
			t.Fatal("an idle blob could not be doomed")
		}
		got := make(chan error)
		go func() {
			_, b, err := get()
			if err == nil {
				b.Close()
			}
			got <- err
		}()
		select {
		case <-got:
			t.Fatal("a blob that is being deleted was to be read")
		case <-time.After(20 * time.Millisecond):
		}
		s.settle(&txn{doom: []uint64{id}}, false)
		if err := <-got; err != nil {
			t.Errorf("after the commit failed: %v", err)
		}
	}
}
