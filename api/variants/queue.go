package variants

import (
	"context"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"

	"imageserver/db"
)

const (
	// maxQueue is how many copies may be made or wait for it. A browser asks one
	// server for six things at once, so it is the pages of forty people.
	maxQueue = 256
	// maxLane is how many of them may be of one picture, of which one is made at a
	// time.
	maxLane = 32
	// maxPassed is how many smaller jobs may start before one whose turn it is but
	// that does not fit into the free memory.
	maxPassed = 64
	// queueTime ends the wait.
	queueTime = 30 * time.Second
)

// queue decides which copy is made next. A copy needs a turn and memory, and
// gets both at once: a job that waits for memory does not occupy a turn.
//
// The clients share the turns: the next job is that of the client whose last job
// started longest ago. A client here is what [access.Network] returns. When the
// queue is full, a client that has few jobs in it takes the place of the newest
// job of the client that has most.
//
// Several clients can ask for the same copy, which is made once. Such a job is
// next as soon as it is next for one of them. It uses up the turn of that client
// only.
type queue struct {
	mu      sync.Mutex
	turns   int    // free
	memory  int64  // free, in bytes
	waiting []*job // in order of arrival
	making  map[db.Digest]bool
	asked   map[string]map[*client]int // requests for each copy, by client
	clients map[netip.Prefix]*client
	started uint64 // number of jobs
	closed  error  // the answer to all jobs once the queue is closed
}

// client is someone who asks for copies now.
type client struct {
	network  netip.Prefix
	requests int
	last     uint64 // number of the last job that started for it
}

// job is a copy that waits for its turn, or is made.
type job struct {
	id      string    // names the copy
	picture db.Digest // of which it is
	cost    int64     // bytes of memory; 0 until it is known
	passed  int       // jobs that started although it was this one's turn
	answer  chan error
}

func newQueue(turns int, memory int64) *queue {
	return &queue{
		turns:   turns,
		memory:  memory,
		making:  make(map[db.Digest]bool),
		asked:   make(map[string]map[*client]int),
		clients: make(map[netip.Prefix]*client),
	}
}

// ask notes that the client waits for a copy, until it calls done. The job for
// the copy may be waiting already, or come later.
func (q *queue) ask(network netip.Prefix, id string) (done func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.clients[network]
	if c == nil {
		// Clients that wait already are not kept waiting by new ones, and those
		// that were served since are.
		c = &client{network: network, last: max(q.started, 1) - 1}
		q.clients[network] = c
	}
	c.requests++
	if q.asked[id] == nil {
		q.asked[id] = make(map[*client]int)
	}
	q.asked[id][c]++
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if c.requests--; c.requests == 0 {
			delete(q.clients, network)
		}
		if q.asked[id][c]--; q.asked[id][c] == 0 {
			delete(q.asked[id], c)
		}
		if len(q.asked[id]) == 0 {
			delete(q.asked, id)
		}
	}
}

// wait returns when the job can start, or with an error. The caller leaves when
// the job has ended. Only a job that has a place in the queue is asked for its
// cost, because that reads a part of the picture.
func (q *queue) wait(ctx context.Context, j *job, cost func() (int64, error)) (leave func(), err error) {
	j.answer = make(chan error, 1)
	if err := q.enter(j); err != nil {
		return nil, err
	}
	n, err := cost()
	if err != nil {
		q.giveUp(j)
		return nil, err
	}
	q.ready(j, n)
	ctx, cancel := context.WithTimeoutCause(ctx, queueTime, ErrBusy)
	defer cancel()
	select {
	case err = <-j.answer:
	case <-ctx.Done():
		if q.giveUp(j) {
			return nil, context.Cause(ctx)
		}
		err = <-j.answer // which came at the same moment
	}
	if err != nil {
		return nil, err
	}
	return func() { q.leave(j) }, nil
}

// enter appends a job to the queue.
func (q *queue) enter(j *job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed != nil {
		return q.closed
	}
	lane := slices.DeleteFunc(slices.Clone(q.waiting), func(o *job) bool { return o.picture != j.picture })
	room := true
	switch {
	case len(lane) == maxLane, len(lane) == maxLane-1 && q.making[j.picture]:
		room = q.displace(lane, j)
	case len(q.waiting)+len(q.making) == maxQueue:
		room = q.displace(q.waiting, j)
	}
	if !room {
		return ErrBusy
	}
	q.waiting = append(q.waiting, j)
	return nil
}

// ready lets a job start that has entered.
func (q *queue) ready(j *job, cost int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j.cost = cost
	q.start()
}

// displace refuses one of the waiting jobs so that j can have its place, if the
// clients of that job have more of them waiting than those of j.
func (q *queue) displace(waiting []*job, j *job) bool {
	jobs := make(map[*client]int)
	for _, o := range slices.Concat(waiting, []*job{j}) {
		for c := range q.asked[o.id] {
			jobs[c]++
		}
	}
	// A job counts as its client's that has the fewest.
	weight := func(o *job) int {
		least := math.MaxInt
		for c := range q.asked[o.id] {
			least = min(least, jobs[c])
		}
		return least
	}
	heaviest := j
	for _, o := range waiting {
		if weight(o) >= weight(heaviest) {
			heaviest = o
		}
	}
	if weight(heaviest) <= weight(j) {
		return false
	}
	q.remove(heaviest)
	heaviest.answer <- ErrBusy
	return true
}

// start starts all jobs that can.
func (q *queue) start() {
	for q.turns > 0 {
		j := q.next()
		if j == nil {
			return
		}
		q.started++
		if c := q.client(j); c != nil {
			c.last = q.started
		}
		q.remove(j)
		q.turns--
		q.memory -= j.cost
		q.making[j.picture] = true
		j.answer <- nil
	}
}

// next returns the job that starts next, or nil. Where the one whose turn it is
// does not fit into the memory, others may pass it, but not for ever.
func (q *queue) next() *job {
	var first, fits *job
	for _, j := range q.waiting {
		if j.cost == 0 || q.making[j.picture] {
			continue
		}
		if first == nil || q.turn(j) < q.turn(first) {
			first = j
		}
		if j.cost <= q.memory && (fits == nil || q.turn(j) < q.turn(fits)) {
			fits = j
		}
	}
	if fits != nil && fits != first {
		if first.passed == maxPassed {
			return nil
		}
		first.passed++
	}
	return fits
}

// client returns the client whose turn a job is, or nil if nobody waits for it.
func (q *queue) client(j *job) (first *client) {
	for c := range q.asked[j.id] {
		if first == nil || c.last < first.last {
			first = c
		}
	}
	return first
}

// turn orders jobs: the smallest is next.
func (q *queue) turn(j *job) uint64 {
	if c := q.client(j); c != nil {
		return c.last
	}
	return math.MaxUint64
}

// giveUp takes a job that waits out of the queue.
func (q *queue) giveUp(j *job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	waits := q.remove(j)
	q.start() // others may have waited behind it
	return waits
}

func (q *queue) remove(j *job) bool {
	i := slices.Index(q.waiting, j)
	if i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
	return i >= 0
}

func (q *queue) leave(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.turns++
	q.memory += j.cost
	delete(q.making, j.picture)
	q.start()
}

// close refuses the jobs that wait and those to come.
func (q *queue) close(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = err
	for _, j := range q.waiting {
		j.answer <- err
	}
	q.waiting = nil
}

// length is how many copies are being made or wait for it.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) + len(q.making)
}
