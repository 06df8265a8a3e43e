package main

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// sample is what one round measured. A number that is not known is NaN.
type sample struct {
	rate    float64 // requests per second
	cpu     float64 // processor time of the server per request, in seconds
	latency float64 // the median for a client that is alone, in seconds
}

// load sends n requests to a server from all clients of a job, and measures.
func load(s *server, j job, n int, numbers *atomic.Uint64) (sample, error) {
	workers, err := s.connect(j, numbers)
	defer func() {
		for _, w := range workers {
			w.close()
		}
	}()
	if err == nil {
		err = each(workers, worker.warm)
	}
	if err != nil {
		return sample{}, err
	}
	var left atomic.Int64
	left.Store(int64(n))
	next := func() bool { return left.Add(-1) >= 0 }
	watch := stopwatch{next: next}
	if j.clients == 1 {
		next = watch.lap
	}
	cpuBefore, known := s.cpuTime()
	began := time.Now()
	err = each(workers, func(w worker) error { return w.run(next) })
	took := time.Since(began)
	cpuAfter, _ := s.cpuTime()
	result := sample{float64(n) / took.Seconds(), math.NaN(), watch.median()}
	if known {
		result.cpu = (cpuAfter - cpuBefore).Seconds() / float64(n)
	}
	return result, err
}

// each calls do for all workers at the same time. It returns one of the errors.
func each(workers []worker, do func(worker) error) error {
	var all sync.WaitGroup
	errs := make(chan error, len(workers))
	for _, w := range workers {
		all.Go(func() { errs <- do(w) })
	}
	all.Wait()
	for range workers {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// stopwatch measures the requests of one client: next is called before each request, and
// after the last one.
type stopwatch struct {
	next func() bool
	last time.Time
	laps []time.Duration
}

func (s *stopwatch) lap() bool {
	now := time.Now()
	if !s.last.IsZero() {
		s.laps = append(s.laps, now.Sub(s.last))
	}
	s.last = now
	return s.next()
}

// median is in seconds.
func (s *stopwatch) median() float64 {
	if len(s.laps) == 0 {
		return math.NaN()
	}
	slices.Sort(s.laps)
	return s.laps[len(s.laps)/2].Seconds()
}
