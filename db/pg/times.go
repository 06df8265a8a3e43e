package pg

import "time"

// times limits how long each call of the database and of the bucket takes. So a part that
// does not answer becomes an error, and never blocks a request forever.
type times struct {
	acquire time.Duration // the wait for a free connection to the database
	query   time.Duration // one query
	change  time.Duration // one transaction, with its waits for locks
	lock    time.Duration // the wait for one lock
	put     time.Duration // one PUT, plus a second for each MiB
	idle    time.Duration // the time in which a GET sends nothing
	short   time.Duration // one HEAD or DELETE
}

var defaultTimes = times{
	acquire: 5 * time.Second,
	query:   10 * time.Second,
	change:  30 * time.Second,
	lock:    5 * time.Second,
	put:     60 * time.Second,
	idle:    20 * time.Second,
	short:   10 * time.Second,
}
