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
	"imageserver/db/order"
)

const (
	// sweepRecords is how many expired records one commit deletes at most, so that
	// no upload waits long for it.
	sweepRecords = 256

	// sweepWait is how long the sweeper sleeps at most while something will expire,
	// and before it retries what failed. It must not rely on one long timer: the
	// clock may be put forward, and a timer stops while the machine is suspended.
	sweepWait = time.Minute
)

// sweeper deletes in the background: expired images, and orphans. When the store is
// opened it deletes all orphans, and later each orphan when its last pin is removed.
type sweeper struct {
	bell chan struct{} // wakes the sweeper; has room for one ring
	quit chan struct{}
	done sync.WaitGroup
	next atomic.Int64 // when it wakes to delete what has expired, in nanoseconds since 1970
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

// wakeBefore wakes the sweeper if it would sleep past the time given.
func (w *sweeper) wakeBefore(end time.Time) {
	if !end.IsZero() && end.UnixNano() < w.next.Load() {
		w.wake()
	}
}

// sleep waits for a ring or, if d is not 0, until d has passed. It returns false when the
// store is closed.
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

// sweepAll deletes everything that has expired, and all orphans. It returns how long
// there is nothing more to do; 0 means until the bell rings.
func (s *Store) sweepAll() (wait time.Duration, err error) {
	// From here on every new expiry rings, because it may come too late for the code
	// below.
	s.sweep.next.Store(math.MaxInt64)
	next, err := s.sweepExpired()
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

// sweepExpired deletes everything that has expired. It returns the next expiry, or zero.
func (s *Store) sweepExpired() (next time.Time, err error) {
	for {
		err := s.view(func(tx *bbolt.Tx) error { next = firstExpiry(tx); return nil })
		if err != nil || next.IsZero() || s.now().Before(next) {
			return next, err
		}
		err = s.submit(&change{
			check: func(tx *txn) (todo bool, err error) { return tx.hasExpired(), nil },
			apply: func(tx *txn) error { return tx.several(tx.dropExpired) },
		})
		if err != nil {
			return next, err
		}
	}
}

// firstExpiry returns the earliest expiry, or zero if nothing expires.
func firstExpiry(tx *bbolt.Tx) time.Time {
	k, _ := tx.Bucket(layout.ExpiryBucket).Cursor().First()
	if len(k) < order.TimeSize {
		return time.Time{}
	}
	return layout.ExpiryTime(k)
}

// hasExpired reports whether something has expired.
func (tx *txn) hasExpired() bool {
	first := firstExpiry(tx.Tx)
	return !first.IsZero() && !tx.now.Before(first)
}

// dropExpired deletes the image that expired first, perhaps in the trash, and reports
// whether another one has expired.
func (tx *txn) dropExpired() (more bool, err error) {
	k, _ := tx.Bucket(layout.ExpiryBucket).Cursor().First()
	r, err := layout.MustRecord(tx.Tx, k[order.TimeSize:])
	if err != nil || !r.Expiry().Equal(layout.ExpiryTime(k)) {
		// The entry leads to no such record. Delete it, so that the others follow.
		err = tx.deleteKey(layout.ExpiryBucket, k)
	} else {
		err = unbind(tx, r)
	}
	return err == nil && tx.hasExpired(), err
}

// deleteKey deletes a key that was just read from a bucket.
func (tx *txn) deleteKey(bucket, k []byte) error {
	if err := tx.canFind(bucket, k); err != nil {
		return err
	}
	return tx.Bucket(bucket).Delete(bytes.Clone(k))
}

// canFind returns db.ErrDamaged if a key that was just read cannot be found: in a damaged
// page the keys may be out of order. Code that deletes until nothing is left would
// never end.
func (tx *txn) canFind(bucket, k []byte) error {
	if tx.Bucket(bucket).Get(k) == nil {
		return fmt.Errorf("%w: the keys in %q are out of order", db.ErrDamaged, bucket)
	}
	return nil
}

// several calls next until it returns false, or until this is enough for one commit.
func (tx *txn) several(next func() (more bool, err error)) error {
	for range sweepRecords {
		if more, err := next(); !more || err != nil {
			return err
		}
	}
	return nil
}
