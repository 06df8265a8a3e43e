package pg

import (
	"context"
	"time"
)

// Impatient makes a store give up after a second instead of after up to a minute.
func (o *Options) Impatient() {
	o.times = times{acquire: time.Second, query: time.Second, change: 3 * time.Second, lock: time.Second, put: time.Second, idle: time.Second, short: time.Second}
}

// SweepGarbage deletes the garbage that is older than Options.Grace now.
func (s *Store) SweepGarbage(ctx context.Context) error { return s.sweepGarbage(ctx) }
