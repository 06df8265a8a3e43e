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
	// groupBytes bounds the image bytes of one commit, and with them the
	// memory it takes and the time that others wait for it.
	groupBytes = 8 << 20
	queueLen   = 1024
)

// A change is one caller's part of a commit. Its functions run on the
// committer's goroutine, in a transaction shared with other changes, and may
// run more than once.
type change struct {
	// check looks at the store as it is and decides. An error refuses this
	// change alone; nothing is written when todo is false.
	check func(tx *txn) (todo bool, err error)
	// apply writes. An error undoes the whole transaction.
	apply func(tx *txn) error

	bytes int64 // of image data that apply adds
	copy  bool  // of a PutCopy: on a full disk no other copy gives way to it
	err   error
	done  chan struct{}
}

// txn is a write transaction and what must follow its end.
type txn struct {
	*bbolt.Tx
	now   time.Time // of the whole commit; as stamp returns it
	pins  *pins
	usage db.Usage
	first time.Time // the first end that was entered, or zero
	doom  []uint64  // blobs that are deleted, in part or whole; see pins
	left  []uint64  // blobs that became orphans
	kept  []uint64  // orphans that became an image's or a copy's

	bytes   int64 // of image data
	deleted int   // chunks; see dropChunks
}

// expect notes an end that has been entered.
func (tx *txn) noteExpiry(end time.Time) {
	if !end.IsZero() && (tx.first.IsZero() || end.Before(tx.first)) {
		tx.first = end
	}
}

// committer owns all writing.
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

// stopCommitter lets what is queued finish and refuses everything after.
func (s *Store) stopCommitter() {
	s.closing.Lock()
	s.closed.Store(true)
	close(s.queue)
	s.closing.Unlock()
	<-s.idle
}

// submit has c committed and waits for that, however long it takes: what c
// refers to is in use until then.
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

// commitGroup commits the changes together. When that fails, each is tried by
// itself, so that one that cannot be done does not fail its neighbours.
func (s *Store) commitGroup(group []*change) {
	if len(group) > 1 && s.commitTight(group) == nil {
		return
	}
	for _, c := range group {
		if err := s.commitAlone(c); err != nil {
			c.err = err // and otherwise what commit left there: nil or a refusal
		}
	}
}

// commitAlone commits one change. Where it finds no space, copies give way to
// it, which can be made again, and then the trash. Each round drops some, so
// this ends.
func (s *Store) commitAlone(c *change) error {
	group := []*change{c}
	err := s.commitTight(group)
	for errors.Is(err, db.ErrFull) && !c.copy && s.makeSpace(c.bytes) {
		err = s.commitTight(group)
	}
	return err
}

// commitTight commits, and where writing found no space left, tries again with
// less to write; see space.
func (s *Store) commitTight(group []*change) error {
	before := s.space.tight
	err := s.commit(group)
	if errors.Is(err, db.ErrFull) && s.space.tight != before {
		err = s.commit(group)
	}
	return err
}

// commit runs the changes in one transaction. Refusals are left in the
// changes; an error returned means that nothing was done, or, when the store
// has stopped writing, that it is not known.
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
		// What a failed sync leaves on the disk is unknown, and a second sync
		// may succeed without having written what the first one lost.
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
	t = &txn{Tx: tx, now: layout.Stamp(s.now()), pins: &s.pins}
	t.usage, err = layout.ReadUsage(tx)
	return t, err
}

// applyAll runs every change that is not refused and reports whether any wrote.
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

// finish commits. A panic in bbolt, which only a damaged file brings about,
// counts as a failure to write.
func (s *Store) finish(tx *txn) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer datafile.RecoverDamage(&err)
	s.db.NoFreelistSync = s.space.tight
	s.db.MaxSize = s.space.bound(tx.bytes > 0)
	return tx.Commit()
}

// fail stops all writing until the store is opened again.
func (s *Store) fail(err error) {
	err = fmt.Errorf("%w after a failure of the storage (%w); restart the server once the disk is sound", db.ErrReadOnly, err)
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
