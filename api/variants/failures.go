package variants

import (
	"maps"
	"sync"
	"time"

	"imageserver/db"
)

const (
	// failureKept is how long the server refuses a picture that it could not decode, before
	// it tries again.
	failureKept = 10 * time.Minute
	maxFailures = 1000
)

// failures remembers the latest pictures that could not be resized. Without it, the server
// would decode a picture that is designed to be slow again for each size that a client
// requests. The zero value is ready to use.
type failures struct {
	mu  sync.Mutex
	all map[picture]failed
}

// picture identifies a picture: the image with this digest, or only its first frame.
type picture struct {
	db.Digest
	still bool
}

type failed struct {
	err   error
	until time.Time
}

// of returns why the picture could not be resized, or nil.
func (f *failures) of(p picture) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e := f.all[p]; time.Now().Before(e.until) {
		return e.err
	}
	return nil
}

// add remembers that the picture could not be resized because of err. If the
// list is full, it deletes expired failures or, if none has expired, any other failure.
func (f *failures) add(p picture, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = make(map[picture]failed)
	}
	if _, known := f.all[p]; !known && len(f.all) >= maxFailures {
		now := time.Now()
		maps.DeleteFunc(f.all, func(_ picture, e failed) bool { return now.After(e.until) })
		for other := range f.all {
			if len(f.all) < maxFailures {
				break
			}
			delete(f.all, other)
		}
	}
	f.all[p] = failed{err, time.Now().Add(failureKept)}
}
