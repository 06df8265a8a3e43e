package variants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"imageserver/db"
)

// queueTest runs jobs in a queue. Each job is a variant that has a name.
type queueTest struct {
	*testing.T
	q       *queue
	started []string          // names of the jobs that have started, in this order
	leave   map[string]func() // name → function that ends the job, for jobs that have started
	refused map[string]error  // name → error, for jobs that were refused
	cancels []context.CancelFunc
	n       int
	at      chan struct{} // a lock for the fields above
}

func newQueueTest(t *testing.T, turns int, memory int64) *queueTest {
	q := &queueTest{T: t, q: newQueue(turns, memory, 0), leave: make(map[string]func()), refused: make(map[string]error), at: make(chan struct{}, 1)}
	t.Cleanup(func() {
		for _, cancel := range q.cancels {
			cancel()
		}
	})
	return q
}

// add adds a job for a new picture, for which the clients ask.
func (q *queueTest) add(name string, cost int64, clients ...int) {
	q.n++
	q.addOf(db.Digest{1, byte(q.n), byte(q.n >> 8)}, name, cost, clients...)
}

func (q *queueTest) addOf(picture db.Digest, name string, cost int64, clients ...int) {
	for _, c := range clients {
		q.q.ask(network(c), name)
	}
	ctx, cancel := context.WithCancel(q.Context())
	q.cancels = append(q.cancels, cancel)
	go func() {
		leave, err := q.q.wait(ctx, &job{id: name, picture: picture}, func(context.Context) (int64, error) { return cost, nil })
		q.at <- struct{}{}
		if err != nil {
			q.refused[name] = err
		} else {
			q.leave[name] = leave
			q.started = append(q.started, name)
		}
		<-q.at
	}()
	synctest.Wait()
}

// end ends a job and returns the jobs that start then.
func (q *queueTest) end(name string) []string {
	n := len(q.started)
	q.leave[name]()
	synctest.Wait()
	return q.started[n:]
}

func (q *queueTest) want(what string, got []string, want ...string) {
	q.Helper()
	if !slices.Equal(got, want) {
		q.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// TestQueueFair: if a client has 200 requests in the queue, the one request of another
// client is still next.
func TestQueueFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueueTest(t, 1, 1000)
		for i := range 200 {
			q.add(fmt.Sprintf("a%d", i), 1, 1)
		}
		q.add("b", 1, 2)
		q.want("first", q.started, "a0")
		q.want("after a job of the other client", q.end("a0"), "b")
		q.want("after that", q.end("b"), "a1")
		q.add("c0", 1, 3)
		q.add("c1", 1, 3)
		q.add("d", 1, 4)
		q.want("clients take turns", q.end("a1"), "c0")
		q.want("clients take turns", q.end("c0"), "d")
		q.want("clients take turns", q.end("d"), "a2")
		q.want("clients take turns", q.end("a2"), "c1")
	})
}

// TestQueueFull: a full queue refuses the newest requests of the client that has the most
// requests, and no requests of other clients.
func TestQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueueTest(t, 1, 1000)
		for i := range 280 {
			q.add(fmt.Sprintf("a%d", i), 1, 1)
		}
		if len(q.refused) != 280-maxQueue || !errors.Is(q.refused["a279"], ErrBusy) || q.refused["a255"] != nil {
			t.Errorf("%d are refused, want the last %d", len(q.refused), 280-maxQueue)
		}
		q.add("b", 1, 2)
		if !errors.Is(q.refused["a255"], ErrBusy) || q.refused["b"] != nil {
			t.Errorf("a client with one request: got %v; the last request of the other client: got %v", q.refused["b"], q.refused["a255"])
		}
		q.want("next", q.end("a0"), "b")
		for i := range 300 {
			q.add(fmt.Sprintf("c%d", i), 1, 3)
		}
		in := q.q.length()
		accepted := 0
		for i := range 300 {
			if q.refused[fmt.Sprintf("c%d", i)] == nil {
				accepted++
			}
		}
		if in != maxQueue || accepted < maxQueue/2-1 || accepted > maxQueue/2+1 {
			t.Errorf("%d of the %d jobs in the queue belong to the third client, want half", accepted, in)
		}
	})
}

// TestQueuePicture: the limit for one picture is shared in the same way.
func TestQueuePicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueueTest(t, 1, 1000)
		for i := range maxLane + 1 {
			q.addOf(db.Digest{}, fmt.Sprintf("a%d", i), 1, 1)
		}
		q.addOf(db.Digest{}, "b", 1, 2)
		if q.refused["b"] != nil || len(q.refused) != 2 || q.refused["a31"] == nil || q.refused["a32"] == nil {
			t.Errorf("the refused jobs are %v, want the last two of the first client", q.refused)
		}
		q.want("next", q.end("a0"), "b")
	})
}

// TestQueueShared: if several clients wait for a variant, it starts at the turn of the first
// of these clients. Only the turn of this client is used up.
func TestQueueShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueueTest(t, 1, 1000)
		for i := range 10 {
			q.add(fmt.Sprintf("a%d", i), 1, 1)
		}
		q.q.ask(network(2), "a9") // another client wants it, too
		q.want("next", q.end("a0"), "a9")
		q.want("the turn of the first client is not used up", q.end("a9"), "a1")
	})
}

// TestQueueMemory: a job that waits for memory does not occupy a turn. At most maxPassed
// other jobs start before it.
func TestQueueMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueueTest(t, 2, 1000)
		q.add("large", 800, 1)
		q.add("larger", 900, 1)
		for i := range maxPassed + 10 {
			q.add(fmt.Sprintf("small%d", i), 100, 2+i)
		}
		q.want("what fits starts", q.started, "large", "small0")
		for i := 0; ; i++ {
			next := q.end(fmt.Sprintf("small%d", i))
			if len(next) == 0 {
				if i < maxPassed || i > maxPassed+1 {
					t.Errorf("%d jobs passed, want %d", i, maxPassed)
				}
				break
			}
		}
		if next := q.end("large"); !slices.Contains(next, "larger") {
			t.Errorf("when there is memory: got %q, want the job that waits for memory", next)
		}
	})
}

// TestQueueTime: a job that waits too long for memory gets ErrBusy, in the same way as a job
// that waits for a turn.
func TestQueueTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueueTest(t, 2, 1000)
		q.add("a", 800, 1)
		if _, err := q.q.wait(t.Context(), &job{id: "b", picture: db.Digest{9}}, func(context.Context) (int64, error) { return 900, nil }); !errors.Is(err, ErrBusy) {
			t.Errorf("got %v, want %v", err, ErrBusy)
		}
		if n := q.q.length(); n != 1 {
			t.Errorf("%d jobs are in the queue or in progress, want the one in progress", n)
		}
	})
}

// TestQueueSmall: a small job does not wait for large jobs, because one turn is only for
// small jobs.
func TestQueueSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueueTest(t, 2, 1000)
		q.q.small = 10
		q.add("large a", 900, 1)
		q.add("large b", 100, 2)
		q.add("large c", 11, 3)
		q.add("small d", 10, 4)
		q.add("small e", 10, 5)
		q.want("beside two large jobs", q.started, "large a", "large b", "small d")
		q.want("after the small job", q.end("small d"), "small e")
		q.want("after another small job", q.end("small e"))
		q.want("after a large job", q.end("large a"), "large c")
	})
}

// TestQueueForgets: the queue keeps nothing about clients that no longer wait.
func TestQueueForgets(t *testing.T) {
	q := newQueue(1, 1000, 0)
	first, second, third := q.ask(network(1), "a"), q.ask(network(1), "a"), q.ask(network(2), "b")
	first()
	if len(q.clients) != 2 || len(q.asked) != 2 {
		t.Errorf("%d clients and %d variants, want 2 and 2", len(q.clients), len(q.asked))
	}
	second()
	third()
	if len(q.clients) != 0 || len(q.asked) != 0 {
		t.Errorf("%d clients and %d variants are left", len(q.clients), len(q.asked))
	}
}
