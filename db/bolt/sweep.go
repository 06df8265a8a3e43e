package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

const (
	// sweepRecords is how many records one commit deletes at most of those
	// that are due, or of the trash, so that no upload waits long for it.
	sweepRecords = 256

	// sweepWait is how long the sweeper sleeps at most while something will be
	// due, and before it tries again what has failed. The clock may be put
	// forward, and a timer stands still while the machine sleeps.
	sweepWait = time.Minute
)

// sweeper deletes in the background what is due and what nobody uses any more:
// orphans, all of them when the store is opened and later each when it is no
// longer pinned, and what comes to its end.
type sweeper struct {
	bell chan struct{} // holds one ring
	quit chan struct{}
	done sync.WaitGroup
	next atomic.Int64 // when it wakes for what is due, in nanoseconds since 1970
}

func (w *sweeper) wake() {
	select {
	case w.bell <- struct{}{}:
	default:
	}
}

func (w *sweeper) stop() {
	close(w.quit)
	w.done.Wait()
}

// expect wakes the sweeper if something is due before it would look.
func (w *sweeper) wakeBefore(end time.Time) {
	if !end.IsZero() && end.UnixNano() < w.next.Load() {
		w.wake()
	}
}

// sleep waits for a ring, for d where that is not 0, or for the end: then it
// returns false.
func (w *sweeper) sleep(d time.Duration) bool {
	var due <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-w.quit:
		return false
	case <-w.bell:
	case <-due:
	}
	return true
}

func (s *Store) startSweeper() {
	s.sweep.bell = make(chan struct{}, 1)
	s.sweep.quit = make(chan struct{})
	s.sweep.wake()
	s.sweep.done.Go(func() {
		for d := time.Duration(0); s.sweep.sleep(d); {
			var err error
			if d, err = s.sweepAll(); err != nil && !errors.Is(err, db.ErrClosed) {
				s.log.Error("deleting what no image uses", "err", err)
			}
		}
	})
}

// sweepAll deletes what is due and what nobody uses. It returns for how long
// there is nothing more to do; 0 means until the bell rings.
func (s *Store) sweepAll() (wait time.Duration, err error) {
	// What is entered from here on rings: it may be too late to be seen below.
	s.sweep.next.Store(math.MaxInt64)
	next, err := s.sweepDue()
	err = errors.Join(err, s.sweepOrphans())
	switch {
	case err != nil:
		return sweepWait, err
	case next.IsZero():
		return 0, nil
	}
	s.sweep.next.Store(next.UnixNano())
	return min(max(next.Sub(s.now()), 1), sweepWait), nil
}

// sweepDue deletes all whose end has come, and returns when the next one is
// due, or zero.
func (s *Store) sweepDue() (next time.Time, err error) {
	for {
		err := s.view(func(tx *bbolt.Tx) error { next = firstDue(tx); return nil })
		if err != nil || next.IsZero() || s.now().Before(next) {
			return next, err
		}
		err = s.submit(&change{
			check: func(tx *txn) (todo bool, err error) { return tx.isDue(), nil },
			apply: func(tx *txn) error { return tx.several(tx.dropDue) },
		})
		if err != nil {
			return next, err
		}
	}
}

// firstDue returns the first end that comes, or zero where none does.
func firstDue(tx *bbolt.Tx) time.Time {
	k, _ := tx.Bucket(layout.DueBucket).Cursor().First()
	if len(k) < layout.TimeSize {
		return time.Time{}
	}
	return layout.DueTime(k)
}

// isDue reports whether an end has come.
func (tx *txn) isDue() bool {
	first := firstDue(tx.Tx)
	return !first.IsZero() && !tx.now.Before(first)
}

// dropDue deletes the image, or the one in the trash, whose end came first,
// and reports whether another one's has come too.
func (tx *txn) dropDue() (more bool, err error) {
	k, _ := tx.Bucket(layout.DueBucket).Cursor().First()
	r, err := layout.MustRecord(tx.Tx, k[layout.TimeSize:])
	if err != nil || !r.End().Equal(layout.DueTime(k)) {
		// It cannot be found by its end, and must not keep the others.
		err = tx.deleteKey(layout.DueBucket, k)
	} else {
		err = unbind(tx, r)
	}
	return err == nil && tx.isDue(), err
}

// deleteKey deletes a key that was just read from a bucket.
func (tx *txn) deleteKey(bucket, k []byte) error {
	if err := tx.canFind(bucket, k); err != nil {
		return err
	}
	return tx.Bucket(bucket).Delete(bytes.Clone(k))
}

// canFind returns db.ErrDamaged where a key that was just read is not found: in
// a damaged page keys may be out of order. Who deletes until nothing is left
// would never end.
func (tx *txn) canFind(bucket, k []byte) error {
	if tx.Bucket(bucket).Get(k) == nil {
		return fmt.Errorf("%w: the keys in %q are out of order", db.ErrDamaged, bucket)
	}
	return nil
}

// some calls next until it reports that there is no more, or until it has been
// enough for one commit.
func (tx *txn) several(next func() (more bool, err error)) error {
	for range sweepRecords {
		if more, err := next(); !more || err != nil {
			return err
		}
	}
	return nil
}
