package bolt

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/datafile"
	"imageserver/db/bolt/internal/layout"
)

const (
	// groupBytes limits the image bytes of one commit, and so its memory and the
	// time that others wait for it.
	groupBytes = 8 << 20
	queueLen   = 1024
)

// change is what one caller adds to a commit. Its functions run in the goroutine of the
// committer, in a transaction with other changes, and perhaps more than once.
type change struct {
	// check reads the store and decides. An error refuses this change only. If todo
	// is false, nothing is written for it.
	check func(tx *txn) (todo bool, err error)
	// apply writes. An error rolls back the whole transaction.
	apply func(tx *txn) error

	bytes   int64 // of image data that apply adds
	variant bool  // of a PutVariant: on a full disk no other variants are deleted for it
	err     error
	done    chan struct{}
}

// txn is a write transaction, and what must be done after its end.
type txn struct {
	*bbolt.Tx
	now   time.Time // of the whole commit, as Stamp returns it
	pins  *pins
	usage db.Usage
	first time.Time // the earliest expiry that was added, or zero
	doom  []uint64  // blobs that are deleted, at least in part; see pins
	left  []uint64  // blobs that became orphans
	kept  []uint64  // orphans that became the blob of an image or a variant

	bytes   int64 // of image data
	deleted int   // chunks; see dropChunks
}

// noteExpiry notes the expiry of a record that was added.
func (tx *txn) noteExpiry(end time.Time) {
	if !end.IsZero() && (tx.first.IsZero() || end.Before(tx.first)) {
		tx.first = end
	}
}

// committer does all writing.
type committer struct {
	queue   chan *change
	closing sync.RWMutex  // held for reading while a change is queued
	closed  atomic.Bool   // set with closing held for writing
	idle    chan struct{} // closed when the goroutine has ended
	failed  atomic.Pointer[error]
	lastTx  atomic.Uint64 // number of the last transaction that was committed
	space   space
}

func (s *Store) startCommitter() {
	s.queue = make(chan *change, queueLen)
	s.idle = make(chan struct{})
	go func() {
		defer close(s.idle)
		var group []*change
		for c := range s.queue {
			group = s.gather(append(group[:0], c))
			s.commitGroup(group)
			for _, c := range group {
				close(c.done)
			}
			clear(group)
		}
	}()
}

// stopCommitter commits what is queued, and refuses later changes.
func (s *Store) stopCommitter() {
	s.closing.Lock()
	s.closed.Store(true)
	close(s.queue)
	s.closing.Unlock()
	<-s.idle
}

// submit waits until c is committed or refused. It cannot be cancelled, because the
// committer uses what c refers to.
func (s *Store) submit(c *change) error {
	if err := s.failure(); err != nil {
		return err
	}
	c.done = make(chan struct{})
	s.closing.RLock()
	if s.closed.Load() {
		s.closing.RUnlock()
		return db.ErrClosed
	}
	s.queue <- c
	s.closing.RUnlock()
	<-c.done
	return c.err
}

// gather adds to group what has queued up by now, and waits for nothing.
func (s *Store) gather(group []*change) []*change {
	for bytes := group[0].bytes; bytes < groupBytes; {
		select {
		case c, ok := <-s.queue:
			if !ok {
				return group
			}
			group = append(group, c)
			bytes += c.bytes
		default:
			return group
		}
	}
	return group
}

// commitGroup commits the changes together. If that fails, it commits each one alone, so
// that a change that fails does not fail the others.
func (s *Store) commitGroup(group []*change) {
	if len(group) > 1 && s.commitTight(group) == nil {
		return
	}
	for _, c := range group {
		if err := s.commitAlone(c); err != nil {
			c.err = err // otherwise commit has set it: nil or a refusal
		}
	}
}

// commitAlone commits one change. If there is no space, it deletes variants, which
// can be made again, and then images in the trash. Each round deletes some, so this
// ends.
func (s *Store) commitAlone(c *change) error {
	group := []*change{c}
	err := s.commitTight(group)
	for errors.Is(err, db.ErrFull) && !c.variant && s.makeSpace(c.bytes) {
		err = s.commitTight(group)
	}
	return err
}

// commitTight commits. If there was no space, it tries again and writes less; see space.
func (s *Store) commitTight(group []*change) error {
	before := s.space.tight
	err := s.commit(group)
	if errors.Is(err, db.ErrFull) && s.space.tight != before {
		err = s.commit(group)
	}
	return err
}

// commit commits the changes in one transaction. Refusals are set in the changes. An
// error means that nothing was changed or, if the store has stopped writing, that the
// outcome is unknown.
func (s *Store) commit(group []*change) error {
	if err := s.failure(); err != nil {
		return err
	}
	began := time.Now()
	tx, err := s.begin()
	if err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed {
			tx.Rollback() // a second one does nothing
		}
		s.settle(tx, committed)
	}()
	todo, err := s.applyAll(tx, group)
	if err != nil {
		return s.space.fullOr(err)
	}
	if !todo {
		return nil
	}
	id, before := uint64(tx.ID()), s.head.TxIDs()
	err = s.finish(tx)
	if err == nil {
		err = s.head.Wrote(before, id)
		committed = err == nil
	}
	if err != nil {
		if full := s.space.fullOr(err); errors.Is(full, db.ErrFull) {
			s.space.tight = true
			return full
		}
		// After a failed sync the content of the disk is unknown. A second sync may
		// succeed although what the first one lost is not written.
		s.fail(err)
		return s.failure()
	}
	s.lastTx.Store(id)
	s.committed(time.Since(began), len(group))
	return readOnly(s.named())
}

// begin starts the write transaction.
func (s *Store) begin() (t *txn, err error) {
	var tx *bbolt.Tx
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch {
		case err == nil:
		case tx != nil:
			tx.Rollback()
		case errors.Is(err, db.ErrDamaged):
			s.fatal(noTransaction(err))
		}
	}()
	defer datafile.RecoverDamage(&err)
	if tx, err = s.db.Begin(true); err != nil {
		return nil, err
	}
	next := s.lastTx.Load() + 1
	if err := s.inPlace(tx, next, next); err != nil {
		return nil, err
	}
	t = &txn{Tx: tx, now: db.Stamp(s.now()), pins: &s.pins}
	t.usage, err = layout.ReadUsage(tx)
	return t, err
}

// applyAll applies every change that is not refused, and reports whether any wrote.
func (s *Store) applyAll(tx *txn, group []*change) (todo bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer datafile.RecoverDamage(&err)
	for _, c := range group {
		tx.bytes += c.bytes
	}
	if tx.bytes > 0 {
		if err := s.space.reserve(s.file, tx.Tx, tx.bytes); err != nil {
			return false, err
		}
	}
	before := tx.usage
	for _, c := range group {
		c.err = nil
		do, err := c.check(tx)
		if err != nil {
			c.err = err
			continue
		}
		if !do {
			continue
		}
		todo = true
		if err := c.apply(tx); err != nil {
			return false, err
		}
	}
	if tx.usage != before {
		err = layout.WriteUsage(tx.Tx, tx.usage)
	}
	return todo, err
}

// finish commits. A panic in bbolt, which only a damaged file causes, counts as a failed
// write.
func (s *Store) finish(tx *txn) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer datafile.RecoverDamage(&err)
	s.db.NoFreelistSync = s.space.tight
	s.db.MaxSize = s.space.bound(tx.bytes > 0)
	return tx.Commit()
}

// fail stops writing until the store is opened again.
func (s *Store) fail(err error) {
	err = fmt.Errorf("%w after a storage error (%w); restart the server when the disk works again", db.ErrReadOnly, err)
	s.failed.CompareAndSwap(nil, &err)
	s.log.Error("the data file can no longer be written", "err", err)
}

// failure returns why the store has stopped writing, or nil.
func (s *Store) failure() error {
	if p := s.failed.Load(); p != nil {
		return *p
	}
	return nil
}
