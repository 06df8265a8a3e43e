package bolt

import "sync"

// pins keeps blobs from being deleted while they are read or uploaded. A blob is the
// bytes of an image or a variant. Each reader and each upload adds a pin to its blob.
//
// A reader finds the id of a blob in a transaction, or remembers it since the last
// commit (see lookups), and pins the blob while `lookup` is locked for reading. Before a
// commit deletes a blob, it calls doom. doom fails if the blob is pinned. Between doom
// and settle, the blob cannot be pinned. A reader that needs the blob then waits until
// settle is called, and looks up the name of the image again.
type pins struct {
	mu     sync.Mutex
	count  map[uint64]int
	doomed map[uint64]chan struct{} // the channel is closed when the commit has ended
	left   map[uint64]bool          // orphans: the sweeper is woken when their last pin is removed

	// lookup is locked for reading from the start of a lookup until the blob is pinned.
	// So when lookup is locked for writing, no reader has found a blob that it has not
	// yet pinned.
	lookup sync.RWMutex
}

func (p *pins) init() {
	p.count = make(map[uint64]int)
	p.doomed = make(map[uint64]chan struct{})
	p.left = make(map[uint64]bool)
}

// pin pins the blob. If the blob is doomed, pin returns a channel instead. The channel
// is closed when the reader should look up the name again.
func (p *pins) pin(id uint64) (wait <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c, ok := p.doomed[id]; ok {
		return c
	}
	p.count[id]++
	return nil
}

// unpin removes one pin. It reports whether the sweeper should delete the blob now.
func (p *pins) unpin(id uint64) (sweep bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count[id]--; p.count[id] > 0 {
		return false
	}
	delete(p.count, id)
	return p.left[id]
}

// doom reports whether the blob may be deleted. If it may, the blob cannot be pinned
// until settle is called.
func (p *pins) doom(id uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count[id] > 0 {
		return false
	}
	if _, ok := p.doomed[id]; !ok {
		p.doomed[id] = make(chan struct{})
	}
	return true
}

// ready returns the orphans whose last pin was removed, and forgets them.
func (p *pins) ready() (ids []uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.left {
		if p.count[id] == 0 {
			ids = append(ids, id)
			delete(p.left, id)
		}
	}
	return ids
}

// setLeft says that the blob is an orphan.
func (p *pins) setLeft(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left[id] = true
}

// leave reports whether an orphan is pinned. If it is pinned, the sweeper is woken when
// the last pin is removed.
func (p *pins) leave(id uint64) (pinned bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count[id] > 0 {
		p.left[id] = true
	}
	return p.count[id] > 0
}

// settle ends what doom began for the blobs of tx, and remembers the new orphans. It
// wakes the sweeper if there is an orphan to delete. It also wakes the sweeper if an
// added image expires before the time at which the sweeper would wake.
func (s *Store) settle(tx *txn, committed bool) {
	if len(tx.doom) > 0 {
		// Some readers have a view or a remembered lookup from before the commit. When
		// this lock is granted, they have pinned the blob or seen that it is doomed.
		// Later readers see the commit.
		s.pins.lookup.Lock()
		//lint:ignore SA2001 the only purpose is to wait until the lock is granted
		s.pins.lookup.Unlock()
	}
	sweep := false
	s.pins.mu.Lock()
	for _, id := range tx.doom {
		if c, ok := s.pins.doomed[id]; ok {
			close(c)
			delete(s.pins.doomed, id)
		}
		if committed {
			delete(s.pins.left, id)
		}
	}
	if committed {
		for _, id := range tx.kept {
			delete(s.pins.left, id)
		}
		for _, id := range tx.left {
			s.pins.left[id] = true
			sweep = sweep || s.pins.count[id] == 0
		}
	}
	s.pins.mu.Unlock()
	if sweep {
		s.sweep.wake()
	}
	if committed {
		s.sweep.wakeBefore(tx.first)
	}
}
