package api

import (
	"maps"
	"sync"
	"time"

	"imageserver/db"
)

const (
	// failureKept is how long a picture that could not be decoded is not tried again.
	failureKept = 10 * time.Minute
	maxFailures = 1000
)

// failures remembers pictures that cannot be resized, the latest of them: one made
// to take long must not be tried for each size that it is asked for in. The zero
// value is ready to use.
type failures struct {
	mu  sync.Mutex
	all map[db.Digest]failed
}

type failed struct {
	err   error // nil after a first strike
	until time.Time
}

// of returns why the picture could not be resized, or nil.
func (f *failures) of(d db.Digest) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.get(d).err
}

func (f *failures) get(d db.Digest) failed {
	if e := f.all[d]; time.Now().Before(e.until) {
		return e
	}
	return failed{}
}

func (f *failures) add(d db.Digest, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.put(d, failed{err, time.Now().Add(failureKept)})
}

// strike notes that a picture took too long, and reports whether that was not the
// first time.
func (f *failures) strike(d db.Digest) (out bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.get(d).until.IsZero() {
		return true
	}
	f.put(d, failed{nil, time.Now().Add(failureKept)})
	return false
}

// put enters e. When all places are taken those whose time is over make room, or
// else any one.
func (f *failures) put(d db.Digest, e failed) {
	if f.all == nil {
		f.all = make(map[db.Digest]failed)
	}
	if _, known := f.all[d]; !known && len(f.all) >= maxFailures {
		now := time.Now()
		maps.DeleteFunc(f.all, func(_ db.Digest, e failed) bool { return now.After(e.until) })
		for other := range f.all {
			if len(f.all) < maxFailures {
				break
			}
			delete(f.all, other)
		}
	}
	f.all[d] = e
}
