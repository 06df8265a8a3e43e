package bolt

import "sync"

// pins keeps blobs from being deleted while they are read or uploaded.
//
// A reader finds the id of a blob in a transaction, and pins it before that ends. A
// commit that wants to delete a blob dooms it first, which fails if it is pinned.
// Between doom and settle it cannot be pinned: the reader waits and looks up the name
// again.
type pins struct {
	mu     sync.Mutex
	count  map[uint64]int
	doomed map[uint64]chan struct{} // closed when the commit has ended
	left   map[uint64]bool          // orphans, which are deleted when their last pin is removed

	// lookup is held for reading from the start of a transaction that looks up a
	// blob until the blob is pinned. While it is held for writing, no reader is
	// between the two with an older view of the file.
	lookup sync.RWMutex
}

func (p *pins) init() {
	p.count = make(map[uint64]int)
	p.doomed = make(map[uint64]chan struct{})
	p.left = make(map[uint64]bool)
}

// pin pins the blob. If the blob is doomed, it returns a channel that is closed when the
// reader should look up the name again.
func (p *pins) pin(id uint64) (wait <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c, ok := p.doomed[id]; ok {
		return c
	}
	p.count[id]++
	return nil
}

// unpin removes one pin, and reports whether the sweeper should delete the blob now.
func (p *pins) unpin(id uint64) (sweep bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count[id]--; p.count[id] > 0 {
		return false
	}
	delete(p.count, id)
	return p.left[id]
}

// doom reports whether the blob may be deleted. If so, it cannot be pinned any more.
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

// pinned reports whether the blob is pinned.
func (p *pins) pinned(id uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count[id] > 0
}

// settle ends what doom began, and notes the new orphans. It wakes the sweeper if there
// is an orphan to delete, or if something expires before the sweeper would wake.
func (s *Store) settle(tx *txn, committed bool) {
	if len(tx.doom) > 0 {
		// When this lock is granted, readers with a view from before the commit have
		// pinned the blob or seen that it is doomed. Later readers see the commit.
		s.pins.lookup.Lock()
		//lint:ignore SA2001 a barrier: what matters is that the lock was granted
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
