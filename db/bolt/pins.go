package bolt

import "sync"

// pins keeps blobs from being deleted while someone reads or stages them.
//
// A reader finds a blob's id in a transaction and pins it before that ends; a
// commit that would delete a blob dooms it first, which fails while it is
// pinned. Between doom and settle no new pin succeeds: the reader waits and
// looks the name up again.
type pins struct {
	mu     sync.Mutex
	count  map[uint64]int
	doomed map[uint64]chan struct{} // closed when the blob's commit has ended
	left   map[uint64]bool          // orphans: to be swept when the last pin goes

	// lookup is held for reading from the start of a transaction that looks a
	// blob up until the blob is pinned. Who holds it for writing knows that
	// no reader is between the two with an older view of the file.
	lookup sync.RWMutex
}

func (p *pins) init() {
	p.count = make(map[uint64]int)
	p.doomed = make(map[uint64]chan struct{})
	p.left = make(map[uint64]bool)
}

// pin pins the blob, or returns a channel that is closed when it is time to
// look again.
func (p *pins) pin(id uint64) (wait <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c, ok := p.doomed[id]; ok {
		return c
	}
	p.count[id]++
	return nil
}

// unpin takes one pin back and reports whether the blob now waits to be swept.
func (p *pins) unpin(id uint64) (sweep bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count[id]--; p.count[id] > 0 {
		return false
	}
	delete(p.count, id)
	return p.left[id]
}

// doom reports whether the blob may be deleted, and if so keeps new pins off it.
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

// pinned reports whether someone uses the blob.
func (p *pins) pinned(id uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count[id] > 0
}

// settle ends what doom began, keeps the list of orphans, and has those swept
// that nobody reads, and in time what comes to its end.
func (s *Store) settle(tx *txn, committed bool) {
	if len(tx.doom) > 0 {
		// Readers with a view from before the commit have pinned or seen the
		// doom by the time this lock is granted; later ones see the commit.
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
