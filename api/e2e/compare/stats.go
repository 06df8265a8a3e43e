package main

import (
	"math"
	"slices"
)

// spread is what some rounds have in common: the median, and the quartiles around it.
type spread struct{ low, median, high float64 }

// measure is one of the numbers of a sample, as a table and the picture show it.
type measure struct {
	title  string
	isFor  func(job) bool
	base   string // the server that the others are compared with
	of     func(sample) float64
	format func(float64) string // an absolute number
}

func (j job) downloads() bool { return j.kind != put }
func (j job) uploads() bool   { return j.kind == put }
func (j job) alone() bool     { return j.kind == put && j.clients == 1 }

func rateOf(s sample) float64    { return s.rate }
func cpuOf(s sample) float64     { return s.cpu }
func latencyOf(s sample) float64 { return s.latency }

var (
	getRate    = measure{"GET: requests per second", job.downloads, bare, rateOf, formatRate}
	getCPU     = measure{"GET: processor time per request", job.downloads, bare, cpuOf, formatTime}
	uploadRate = measure{"Upload: images per second", job.uploads, disk, rateOf, formatRate}
	uploadWait = measure{"Upload: median time for a client that is alone", job.alone, disk, latencyOf, formatTime}
	uploadCPU  = measure{"Upload: processor time per image", job.uploads, nginx, cpuOf, formatTime}
)

// measures are in the order of the page.
var measures = []measure{getRate, getCPU, uploadRate, uploadWait, uploadCPU}

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
