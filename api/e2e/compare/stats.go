package main

import (
	"math"
	"slices"
)

// spread is what some rounds have in common: the median, and the quartiles around it.
type spread struct{ low, median, high float64 }

// measure is one of the numbers of a sample, as the tables and the picture show it.
type measure struct {
	title  string
	base   string // the server that the others are compared with
	of     func(sample) float64
	format func(float64) string // an absolute number
}

var (
	getRate    = measure{"Requests per second", bare, func(s sample) float64 { return s.rate }, formatRate}
	getCPU     = measure{"Processor time of the server per request", bare, func(s sample) float64 { return s.cpu }, formatTime}
	uploadRate = measure{"Uploads per second", disk, func(s sample) float64 { return s.rate }, formatRate}
	uploadCPU  = measure{"Processor time of the server per upload", nginx, func(s sample) float64 { return s.cpu }, formatTime}
	uploadWait = measure{"Median time of an upload, for a client that is alone", disk, func(s sample) float64 { return s.latency }, formatTime}
)

// value returns the absolute number of a server.
func (m measure) value(r *result, server string) (spread, bool) {
	return spreadOf(r.samples[server], func(i int, s sample) float64 { return m.of(s) })
}

// ratio returns the number of a server divided by that of another one in the same round.
func (m measure) ratio(r *result, server, base string) (spread, bool) {
	if len(r.samples[base]) != len(r.samples[server]) {
		return spread{}, false
	}
	return spreadOf(r.samples[server], func(i int, s sample) float64 { return m.of(s) / m.of(r.samples[base][i]) })
}

// spreadOf returns false if there are no numbers, or one is not known.
func spreadOf(samples []sample, number func(i int, s sample) float64) (spread, bool) {
	var all []float64
	for i, s := range samples {
		n := number(i, s)
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return spread{}, false
		}
		all = append(all, n)
	}
	if len(all) == 0 {
		return spread{}, false
	}
	slices.Sort(all)
	return spread{quantile(all, 0.25), quantile(all, 0.5), quantile(all, 0.75)}, true
}

// quantile interpolates between sorted numbers.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
