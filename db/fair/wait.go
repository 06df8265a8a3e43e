package fair

import (
	"slices"
	"time"
)

// serve gives free bytes to the uploads that wait. The client that has the fewest bytes
// is first. Of the uploads of this client, the upload that has the most bytes is first,
// so that it finishes soon. Of uploads with equal numbers of bytes, the newest upload
// is first. If the oldest were first, every upload in a long queue could wait until its
// waiting time is over.
func (m *Memory) serve() {
	for {
		var first *waiter
		for _, w := range m.waiting {
			if m.fits(w.share, w.n) && (first == nil || w.before(first)) {
				first = w
			}
		}
		if first == nil {
			return
		}
		m.take(first.share, first.n)
		m.remove(first)
		close(first.ready)
	}
}

func (w *waiter) before(other *waiter) bool {
	a, b := w.share, other.share
	switch {
	case a.client.held != b.client.held:
		return a.client.held < b.client.held
	case a.held != b.held:
		return a.held > b.held
	}
	return a.number > b.number
}

func (m *Memory) remove(w *waiter) {
	i := slices.Index(m.waiting, w)
	m.waiting = slices.Delete(m.waiting, i, i+1)
}

// watch calls makeRoom now, and again at every tick until no upload waits.
func (m *Memory) watch() {
	if m.watched {
		return
	}
	m.looks++
	if len(m.waiting) == 0 {
		return
	}
	m.makeRoom()
	m.watched = true
	time.AfterFunc(tick, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.watched = false
		m.watch()
	})
}

// makeRoom ends stalled uploads until enough bytes are free, or will be free, for all
// uploads that wait. It begins with the client that has the most bytes. Of the stalled
// uploads of this client, it begins with the upload that has stalled longest.
func (m *Memory) makeRoom() {
	lack, least := m.lack()
	if least == nil || lack <= m.leaving {
		return
	}
	idle := m.idle()
	for lack > m.leaving {
		var v *Share
		for s := range idle {
			if v == nil || s.client.held > v.client.held || s.client == v.client && idle[s] > idle[v] {
				v = s
			}
		}
		if v == nil || v.client.held < least.held {
			return
		}
		delete(idle, v)
		v.giveWay()
	}
}

// lack returns how many bytes are missing for all uploads that wait. It also returns
// `least`: of the clients of these uploads, this client has the fewest bytes. makeRoom
// takes no memory from a client that has fewer bytes than `least`.
func (m *Memory) lack() (bytes int64, least *client) {
	reserve := int64(0)
	for _, w := range m.waiting {
		bytes += w.n
		reserve = max(reserve, m.reserve(w.share.held+w.n))
		if c := w.share.client; least == nil || c.held < least.held {
			least = c
		}
	}
	return bytes + reserve - m.free, least
}

// idle returns the shares whose clients have stalled. For each share it returns how
// long the client has stalled. A client must have stalled at the look before, too: if this
// process did not run for a while, all clients seem to have stalled, until their uploads have
// read what has arrived meanwhile.
func (m *Memory) idle() map[*Share]time.Duration {
	idle := make(map[*Share]time.Duration)
	for s := range m.shares {
		if s.held == 0 || s.leaving || s.sender == nil {
			continue
		}
		d := s.sender.Stalled()
		if d == 0 {
			continue
		}
		if s.suspect == m.looks {
			idle[s] = d
		}
		s.suspect = m.looks + 1
	}
	return idle
}

// giveWay ends the upload. After this, the bytes of the share no longer count as bytes
// of the client.
func (s *Share) giveWay() {
	s.count(-s.held)
	s.leaving = true
	s.count(s.held)
	s.sender.GiveWay()
}
