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
	// maxQueue is how many variants can be in progress or in the queue together. A
	// browser sends one server six requests at once, so this is enough for the pages
	// of forty people.
	maxQueue = 256
	// maxLane is how many of these variants may be of one picture. Only one variant of a
	// picture is made at a time.
	maxLane = 32
	// Sometimes the next job does not fit into the free memory. maxPassed is how many
	// smaller jobs may then start before it.
	maxPassed = 64
	// queueTime is the longest wait for the decoder and for a turn together.
	queueTime = 30 * time.Second
)

// queue decides which variant is made next. A job needs a turn and memory, and gets both
// at once: a job that waits for memory does not occupy a turn.
//
// Clients share the turns. The client that has waited longest since its last job
// started is next. When the queue is full, the job of a client with few jobs replaces the
// newest job of the client with the most jobs.
//
// One more turn, with separate memory, is for small jobs only. So small pictures do not wait
// until large pictures are made.
//
// Several clients can ask for the same variant. It is one job, which starts at the turn of the
// first of these clients. Only the turn of that client is used up.
type queue struct {
	mu      sync.Mutex
	turns   int    // free turns
	memory  int64  // free bytes
	small   int64  // bytes for the turn that only small jobs can have
	idle    bool   // no small job has that turn
	waiting []*job // in order of arrival
	making  map[db.Digest]bool
	asked   map[string]map[*client]int // requests for each variant, by client
	clients map[netip.Prefix]*client
	started uint64 // number of jobs
	closed  error  // what wait returns after close
}

// client is a client that waits for variants.
type client struct {
	network  netip.Prefix
	requests int
	last     uint64 // number of the last job that started for it
}

// job is a variant that waits for its turn or is being made.
type job struct {
	id      string // of the variant
	picture db.Digest
	cost    int64 // bytes of memory; 0 until it is known
	passed  int   // jobs that started although it was the turn of this job
	small   bool  // the job has the turn for small jobs
	answer  chan error
	cancel  context.CancelFunc // ends the wait
}

// refuse answers a job that was removed from the queue.
func (j *job) refuse(err error) {
	j.answer <- err
	j.cancel()
}

// newQueue returns a queue with a number of turns, whose jobs share `memory` bytes. One more
// turn, for small jobs, has `small` bytes of its own.
func newQueue(turns int, memory, small int64) *queue {
	return &queue{
		small:   small,
		idle:    true,
		turns:   turns,
		memory:  memory,
		making:  make(map[db.Digest]bool),
		asked:   make(map[string]map[*client]int),
		clients: make(map[netip.Prefix]*client),
	}
}

// ask records that a client waits for a variant. The record ends when `done` is called.
// The job for the variant can be in the queue already or enter it later.
func (q *queue) ask(network netip.Prefix, id string) (done func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.clients[network]
	if c == nil {
		// A new client comes after all clients that wait already. It comes before every
		// client that gets a turn from now on.
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

// wait returns nil when the job can start. The caller must call `leave` when the job has ended.
// wait returns ErrBusy if the queue is full or the wait takes longer than queueTime. wait calls
// the function `cost` only after the job got a place in the queue, because that function reads
// a part of the picture and may wait. The job can start only after `cost` has returned.
func (q *queue) wait(ctx context.Context, j *job, cost func(context.Context) (int64, error)) (leave func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, queueTime, ErrBusy)
	defer cancel()
	j.answer, j.cancel = make(chan error, 1), cancel
	if err := q.enter(j); err != nil {
		return nil, err
	}
	n, err := cost(ctx)
	if err != nil {
		if !q.giveUp(j) {
			err = <-j.answer // it was refused meanwhile
		}
		return nil, err
	}
	q.ready(j, n)
	select {
	case err = <-j.answer:
	case <-ctx.Done():
		if q.giveUp(j) {
			return nil, context.Cause(ctx)
		}
		err = <-j.answer // the job started at the same moment
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

// ready sets the cost of a job in the queue. From then on the job can start.
func (q *queue) ready(j *job, cost int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j.cost = cost
	q.start()
}

// displace makes space for j. It removes a waiting job, but only if the clients of that job
// have more waiting jobs than the clients of j. It reports whether it removed a job.
func (q *queue) displace(waiting []*job, j *job) bool {
	jobs := make(map[*client]int)
	for _, o := range slices.Concat(waiting, []*job{j}) {
		for c := range q.asked[o.id] {
			jobs[c]++
		}
	}
	// If several clients wait for a job, the client with the fewest jobs decides.
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
	heaviest.refuse(ErrBusy)
	return true
}

// start starts all jobs that can start.
func (q *queue) start() {
	for q.turns > 0 {
		j := q.next()
		if j == nil {
			break
		}
		q.turns--
		q.memory -= j.cost
		q.begin(j)
	}
	if j := q.nextSmall(); j != nil && q.idle {
		q.idle, j.small = false, true
		q.begin(j)
	}
}

// begin starts a job that has a turn.
func (q *queue) begin(j *job) {
	q.started++
	if c := q.client(j); c != nil {
		c.last = q.started
	}
	q.remove(j)
	q.making[j.picture] = true
	j.answer <- nil
}

// nextSmall returns the small job that starts next, or nil.
func (q *queue) nextSmall() (next *job) {
	for _, j := range q.waiting {
		if j.cost > 0 && j.cost <= q.small && !q.making[j.picture] && (next == nil || q.turn(j) < q.turn(next)) {
			next = j
		}
	}
	return next
}

// next returns the job that starts next, or nil. If the first job needs too much
// memory, up to maxPassed other jobs start before it.
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

// client returns the client whose turn the job uses up, or nil if no client waits for it.
func (q *queue) client(j *job) (first *client) {
	for c := range q.asked[j.id] {
		if first == nil || c.last < first.last {
			first = c
		}
	}
	return first
}

// turn returns the rank of a job: the job with the smallest rank is next.
func (q *queue) turn(j *job) uint64 {
	if c := q.client(j); c != nil {
		return c.last
	}
	return math.MaxUint64
}

// giveUp removes a waiting job from the queue. It reports whether the job was waiting.
func (q *queue) giveUp(j *job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	waits := q.remove(j)
	q.start() // other jobs may fit into the memory now
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
	if j.small {
		q.idle = true
	} else {
		q.turns++
		q.memory += j.cost
	}
	delete(q.making, j.picture)
	q.start()
}

// close makes all waiting and later jobs fail with err.
func (q *queue) close(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = err
	for _, j := range q.waiting {
		j.refuse(err)
	}
	q.waiting = nil
}

// length returns how many variants are being made or wait.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) + len(q.making)
}
