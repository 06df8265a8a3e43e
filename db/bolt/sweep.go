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
	// sweepRecords is how many expired records one commit deletes at most. The limit
	// keeps uploads from waiting long for this commit.
	sweepRecords = 256

	// sweepWait is the longest time that the sweeper sleeps if any image will expire.
	// After an error, the sweeper also waits this long before it tries again. A
	// longer timer would not be reliable: the clock may be set forward, and a timer
	// stops while the machine is suspended.
	sweepWait = time.Minute
)

// sweeper deletes expired images in the background. It also drops orphans that were
// pinned, after their last pin was removed. An orphan is a blob that belongs to no
// image and no variant. It is deleted when uploads need its space; see reclaim.go.
type sweeper struct {
	bell chan struct{} // a value wakes the sweeper; the buffer has space for one value
	quit chan struct{}
	done sync.WaitGroup
	next atomic.Int64 // when the sweeper wakes to delete expired images, in nanoseconds since 1970
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

// wakeBefore wakes the sweeper if it would still sleep at the time `end`.
func (w *sweeper) wakeBefore(end time.Time) {
	if !end.IsZero() && end.UnixNano() < w.next.Load() {
		w.wake()
	}
}

// sleep waits until wake is called. If d is not 0, it waits at most as long as d. It
// returns false when the store is closed.
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
	if s.readOnly {
		return
	}
	s.sweep.wake()
	s.sweep.done.Go(func() {
		for d := time.Duration(0); s.sweep.sleep(d); {
			var err error
			if d, err = s.sweepAll(); err != nil && !errors.Is(err, db.ErrClosed) {
				s.log.Error("could not delete data that no image uses", "err", err)
			}
		}
	})
}

// sweepAll deletes everything that has expired, and drops orphans. It returns how long
// the sweeper may sleep; 0 means until wake is called.
func (s *Store) sweepAll() (wait time.Duration, err error) {
	// From now on, every new expiry wakes the sweeper again. The reason: the code below
	// may not see a record that is added now.
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

// sweepExpired deletes everything that has expired. It returns the time at which the
// next image expires, or zero.
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

// firstExpiry returns the earliest expiry of all records, or zero if nothing expires.
func firstExpiry(tx *bbolt.Tx) time.Time {
	k, _ := tx.Bucket(layout.ExpiryBucket).Cursor().First()
	if len(k) < order.NumberSize {
		return time.Time{}
	}
	return layout.ExpiryTime(k)
}

// hasExpired reports whether something has expired.
func (tx *txn) hasExpired() bool {
	first := firstExpiry(tx.Tx)
	return !first.IsZero() && !tx.now.Before(first)
}

// dropExpired deletes the image that expired first. This image may be in the trash.
// dropExpired reports whether another image has expired.
func (tx *txn) dropExpired() (more bool, err error) {
	k, _ := tx.Bucket(layout.ExpiryBucket).Cursor().First()
	r, err := layout.MustRecord(tx.Tx, k[order.NumberSize:])
	if err != nil || !r.Expiry().Equal(layout.ExpiryTime(k)) {
		// There is no record that belongs to this entry of the index. Delete the entry,
		// so that the next entries are handled.
		err = tx.deleteKey(layout.ExpiryBucket, k)
	} else {
		err = unbind(tx, r)
	}
	return err == nil && tx.hasExpired(), err
}

// deleteKey deletes a key that was just read from the bucket.
func (tx *txn) deleteKey(bucket, k []byte) error {
	if err := tx.canFind(bucket, k); err != nil {
		return err
	}
	return tx.Bucket(bucket).Delete(bytes.Clone(k))
}

// canFind returns db.ErrDamaged if a key that was just read cannot be found. In a
// damaged page, the keys may be out of order, so that bbolt does not find a key. Then
// code that deletes until nothing is left would never end.
func (tx *txn) canFind(bucket, k []byte) error {
	if tx.Bucket(bucket).Get(k) == nil {
		return fmt.Errorf("%w: the keys in %q are out of order", db.ErrDamaged, bucket)
	}
	return nil
}

// several calls `next` until it returns false, or until the commit is large enough.
func (tx *txn) several(next func() (more bool, err error)) error {
	for range sweepRecords {
		if more, err := next(); !more || err != nil {
			return err
		}
	}
	return nil
}
