package api

import (
	"sync"
	"time"

	"imageserver/db"
)

const (
	// failureKept is how long a picture that could not be decoded is not tried
	// again. It may have been the server, short of time.
	failureKept = 10 * time.Minute
	maxFailures = 1000
)

// failures remembers pictures that cannot be decoded, the latest of them: one
// made to take half a minute must not be tried for each size that it is asked
// for in. The zero value is ready to use.
type failures struct {
	mu  sync.Mutex
	all map[db.Digest]failed
}

type failed struct {
	err   error
	until time.Time
}

// of returns why the picture could not be decoded, or nil.
func (f *failures) of(d db.Digest) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e, ok := f.all[d]; ok && time.Now().Before(e.until) {
		return e.err
	}
	return nil
}

func (f *failures) add(d db.Digest, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil || len(f.all) >= maxFailures {
		f.all = make(map[db.Digest]failed) // forgetting costs little, and keeping order more
	}
	f.all[d] = failed{err, time.Now().Add(failureKept)}
}
