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
	// groupBytes limits the image bytes of one commit. So it also limits the memory of
	// the commit, and how long other callers wait for the commit.
	groupBytes = 8 << 20
	queueLen   = 1024
	// maxPatience limits how long a commit waits for more changes.
	maxPatience = 10 * time.Millisecond
)

// change is what one caller adds to a commit. The committer calls the functions of the
// change in its own goroutine. The transaction may have other changes, too. A function
// may be called more than once.
type change struct {
	// check reads the store and decides. If it returns an error, only this change is
	// refused. If `todo` is false, nothing is written for this change.
	check func(tx *txn) (todo bool, err error)
	// apply writes. If it returns an error, the whole transaction is rolled back.
	apply func(tx *txn) error

	bytes   int64 // bytes of images that apply adds
	variant bool  // true for a PutVariant: on a full disk, no variants are deleted to get space for it
	err     error
	done    chan struct{}
}

// txn is a write transaction. It also records what must be done after the transaction.
type txn struct {
	*bbolt.Tx
	now   time.Time // the time of the whole commit, as db.Stamp returns it
	pins  *pins
	usage db.Usage
	first time.Time // the earliest expiry of the records that were added, or zero
	doom  []uint64  // blobs of which this transaction deletes some or all chunks; see pins
	left  []uint64  // blobs that became orphans
	kept  []uint64  // former orphans: each is now the blob of an image or a variant

	added  []recordKey  // the records that were added; see findable
	chunks []chunkRange // the chunks that were written; see findable

	bytes   int64 // bytes of images that are written
	newest  int   // how many images were added that are newer than all before
	deleted int   // how many chunks were deleted; see dropChunks

	room        int64 // how many bytes of blobs may still be deleted; see reclaim.go
	orphaned    bool  // whether the list of orphans has changed
	orphanBytes int64 // if it has changed: the sum of the sizes in the list
}

// noteExpiry notes the expiry of a record that was added.
func (tx *txn) noteExpiry(end time.Time) {
	if !end.IsZero() && (tx.first.IsZero() || end.Before(tx.first)) {
		tx.first = end
	}
}

// committer is the only part of a Store that writes to the file.
type committer struct {
	queue   chan *change
	closing sync.RWMutex  // locked for reading while a caller adds a change to queue
	closed  atomic.Bool   // set while closing is locked for writing
	idle    chan struct{} // closed when the goroutine has ended
	failed  atomic.Pointer[error]
	stuck   bool          // whether bbolt keeps its lock for writing; see rollBack
	lastTx  atomic.Uint64 // number of the last transaction that was committed
	space   space
	supply  supply

	orphanBytes atomic.Int64 // the sum of the sizes in the list of orphans

	// The last commit; only the goroutine uses it.
	last struct {
		callers int // whose changes it had, or who were waiting when it ended
		took    time.Duration
	}
}

func (s *Store) startCommitter() {
	s.queue = make(chan *change, queueLen)
	s.idle = make(chan struct{})
	go func() {
		defer close(s.idle)
		var group []*change
		for c := range s.queue {
			group = s.gather(append(group[:0], c))
			began := time.Now()
			s.commitGroup(group)
			s.last.callers, s.last.took = len(group)+len(s.queue), time.Since(began)
			for _, c := range group {
				close(c.done)
			}
			clear(group)
		}
	}()
}

// stopCommitter commits the changes that are queued, and refuses later changes.
func (s *Store) stopCommitter() {
	s.closing.Lock()
	s.closed.Store(true)
	close(s.queue)
	s.closing.Unlock()
	<-s.idle
}

// submit waits until c is committed or refused. The wait cannot be cancelled, because
// the committer uses variables of the caller.
func (s *Store) submit(c *change) error {
	if s.readOnly {
		return fmt.Errorf("%w: this process opened it only to read it", db.ErrReadOnly)
	}
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

// gather adds the changes that are already queued to `group`. If several callers submit
// changes, it also waits a little for more changes; see patience.
func (s *Store) gather(group []*change) []*change {
	bytes := group[0].bytes
	var most int
	var timeout <-chan time.Time // nil as long as the queue was not empty
	for bytes < groupBytes {
		var c *change
		select {
		case c = <-s.queue:
		default:
			if timeout == nil {
				var wait time.Duration
				if most, wait = s.patience(len(group)); wait == 0 {
					return group
				}
				timeout = time.After(wait)
			}
			if len(group) >= most {
				return group
			}
			select {
			case c = <-s.queue:
			case <-timeout:
				return group
			}
		}
		if c == nil { // the queue is closed
			return group
		}
		group = append(group, c)
		bytes += c.bytes
	}
	return group
}

// patience returns how many changes a group of n changes should get, and how long gather
// waits for them.
//
// The callers of the last group have just got their answers. If they are clients that
// upload one image after the other, they soon submit the next changes. If gather did not
// wait for them, half of the clients would be in each commit, and each upload would wait
// for two commits. The disk needs almost as long for half of the changes.
//
// A caller that was also alone in the last commit never waits.
func (s *Store) patience(n int) (most int, wait time.Duration) {
	if n >= s.last.callers {
		return n, 0
	}
	return s.last.callers, min(s.last.took/8, maxPatience)
}

// commitGroup commits the changes together. If that fails, it commits each change
// alone, so that one failing change does not make the others fail.
func (s *Store) commitGroup(group []*change) {
	group = s.refill(group)
	if len(group) > 1 && s.commitTight(group) == nil {
		return
	}
	for _, c := range group {
		if err := s.commitAlone(c); err != nil {
			c.err = err // without an error, commit has already set c.err: nil, or why the change was refused
		}
	}
}

// commitAlone commits one change. If there is no space, it deletes variants, because
// they can be made again. If there are no more variants, it deletes images from the
// trash. The loop ends, because each round deletes at least one of them.
func (s *Store) commitAlone(c *change) error {
	group := []*change{c}
	err := s.commitTight(group)
	for errors.Is(err, db.ErrFull) && !c.variant && s.makeSpace(c.bytes) {
		err = s.commitTight(group)
	}
	return err
}

// commitTight commits. If there was no space, it tries again and does not write the
// list of free pages to the file, which saves space; see space.tight.
func (s *Store) commitTight(group []*change) error {
	before := s.space.tight
	err := s.commit(group)
	if errors.Is(err, db.ErrFull) && s.space.tight != before {
		err = s.commit(group)
	}
	return err
}

// commit commits the changes in one transaction. If a change is refused, commit sets
// the err of this change. If commit returns an error, nothing was changed. But if the
// store has stopped writing, it is unknown whether the changes were written.
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
			s.rollBack(tx)
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
	s.mapped.grow(tx.Size())
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
		// After a failed sync, the content of the disk is unknown. A second sync may
		// succeed, although the bytes that the first sync lost are still not written.
		s.fail(err)
		return s.failure()
	}
	s.lastTx.Store(id) // before settle: from now on, no reader uses a lookup from before the commit
	s.space.unlisted = s.db.NoFreelistSync
	if tx.orphaned {
		s.orphanBytes.Store(tx.orphanBytes)
	}
	s.supply.committed(tx)
	if err := s.findable(tx); err != nil {
		s.fail(err)
		return s.failure()
	}
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
	s.supply.begin(t)
	t.usage, err = layout.ReadUsage(tx)
	return t, err
}

// applyAll applies every change that is not refused. It reports whether any change
// wrote data.
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

// finish commits the transaction. Only a damaged file makes bbolt panic here. finish
// returns such a panic as an error, in the same way as a failed write.
func (s *Store) finish(tx *txn) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer datafile.RecoverDamage(&err)
	s.db.NoFreelistSync = s.space.tight
	s.db.MaxSize = s.space.maxSize(tx.bytes > 0)
	return tx.Commit()
}

// rollBack ends a transaction without changes. On some damage, bbolt panics and keeps its lock
// for writing. Then the store stops writing.
func (s *Store) rollBack(tx *txn) {
	var err error
	func() {
		defer datafile.RecoverDamage(&err)
		tx.Rollback() // a second Rollback does nothing
	}()
	if err != nil {
		s.stuck = true
		s.fail(err)
	}
}

// fail stops writing until the store is opened again.
func (s *Store) fail(err error) {
	advice := "restart the server when the disk works again"
	if errors.Is(err, db.ErrDamaged) {
		advice = "stop the server and run imageserver check --repair"
	}
	err = fmt.Errorf("%w after a storage error (%w); %s", db.ErrReadOnly, err, advice)
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
