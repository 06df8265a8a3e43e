package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// comparison is one run and what it measured.
type comparison struct {
	settings
	work     string        // a folder for all files of the run
	progress io.Writer     // gets a line for each job
	numbers  atomic.Uint64 // of uploads
	began    time.Time
	results  []*result
	notes    []string // what was left out or failed, and why
}

// result has the samples of a job, by the names of the servers. The samples with the
// same index are of the same round.
type result struct {
	job
	samples map[string][]sample
}

// run measures everything. It fails if our server does. If another server is missing or
// fails, a note says so.
func (c *comparison) run(ctx context.Context) error {
	c.began = time.Now()
	for _, name := range c.servers {
		if !slices.Contains(peerNames(), name) {
			return fmt.Errorf("there is no server %q; the servers are %s", name, strings.Join(peerNames(), ", "))
		}
	}
	for _, part := range c.parts {
		if !slices.Contains(partNames, part) {
			return fmt.Errorf("there is no part %q; the parts are %s", part, strings.Join(partNames, ", "))
		}
	}
	if c.program == "" && slices.Contains(c.servers, ours) {
		if err := c.build(ctx); err != nil {
			return err
		}
	}
	for _, group := range c.jobs() {
		if err := c.runGroup(ctx, group); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// build builds the image server as README describes.
func (c *comparison) build(ctx context.Context) error {
	c.program = filepath.Join(c.work, "imageserver.exe") // Windows needs the ending
	cmd := exec.CommandContext(ctx, "go", "build", "-o", c.program, "imageserver")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// note records once what a reader of the tables must know.
func (c *comparison) note(name, what string, err error) {
	text := name + ": " + what
	if err != nil {
		text += ": " + err.Error()
	}
	if !slices.Contains(c.notes, text) {
		c.notes = append(c.notes, text)
		fmt.Fprintln(c.progress, text)
	}
}

// runGroup starts the servers of a group, runs its jobs, and stops the servers.
func (c *comparison) runGroup(ctx context.Context, group []job) (err error) {
	servers, err := c.start(ctx, group)
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.stop())
		}
	}()
	if err != nil {
		return err
	}
	for _, j := range group {
		if err := c.runJob(ctx, j, servers); err != nil {
			return err
		}
	}
	return nil
}

// start starts and checks the servers of a group. On error it returns those that run.
func (c *comparison) start(ctx context.Context, group []job) (servers []*server, err error) {
	samples := map[int][]byte{}
	for _, j := range group {
		samples[j.size] = sampleImage(j.size)
	}
	base, config, err := c.site(group[0].part == partHTTP2)
	if err != nil {
		return nil, err
	}
	var first *server // ours, whose header fields the bare server sends
	for _, p := range oursFirst() {
		if !slices.Contains(c.servers, p.name) || !slices.ContainsFunc(group, p.takes) {
			continue
		}
		at := base
		at.dir = filepath.Join(c.work, p.name)
		if p.name == bare {
			if err := writeHeaders(ctx, at.dir, first, samples); err != nil {
				return servers, err
			}
		}
		s, err := launch(ctx, p, at, config, samples)
		if s != nil {
			servers = append(servers, s)
		}
		if err == nil {
			err = s.check(ctx, slices.DeleteFunc(slices.Clone(group), func(j job) bool { return !p.takes(j) }), samples)
		}
		switch {
		case err != nil && p.name == ours:
			return servers, fmt.Errorf("our server: %w", err)
		case err != nil:
			c.note(p.name, "left out", err)
		case p.name == ours:
			first = s
		}
		if err != nil && s != nil {
			servers = servers[:len(servers)-1]
			if err := s.stop(); err != nil {
				return servers, err
			}
		}
	}
	return servers, ctx.Err()
}

// takes reports whether a peer takes part in a job.
func (p peer) takes(j job) bool { return slices.Contains(p.parts, j.part) }

// oursFirst returns the peers in the order in which they start.
func oursFirst() []peer {
	sorted := slices.Clone(peers)
	slices.SortStableFunc(sorted, func(a, b peer) int {
		switch ours {
		case a.name:
			return -1
		case b.name:
			return 1
		}
		return 0
	})
	return sorted
}

// site returns what all servers of a group have in common, and with TLS the settings of its
// clients.
func (c *comparison) site(secure bool) (site, *tls.Config, error) {
	s := site{program: c.program}
	if !secure {
		return s, nil, nil
	}
	var err error
	if s.cert, s.key, err = writeCertificate(c.work); err != nil {
		return s, nil, err
	}
	text, err := os.ReadFile(s.cert)
	if err != nil {
		return s, nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	return s, &tls.Config{RootCAs: roots, NextProtos: []string{"h2"}}, nil
}

// runJob lets the servers take turns. Each round begins with another server.
func (c *comparison) runJob(ctx context.Context, j job, servers []*server) error {
	servers = slices.DeleteFunc(slices.Clone(servers), func(s *server) bool { return !s.takes(j) })
	began := time.Now()
	r := &result{j, map[string][]sample{}}
	counts := map[string]int{}
	for round := range c.rounds + 1 { // the first one finds how many requests fill a round
		for i := range servers {
			s := servers[(i+round)%len(servers)]
			if s == nil {
				continue
			}
			var err error
			if round == 0 {
				counts[s.name], err = c.calibrate(s, j)
			} else {
				var got sample
				got, err = c.measure(s, j, counts[s.name])
				r.samples[s.name] = append(r.samples[s.name], got)
			}
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil && s.name == ours:
				return fmt.Errorf("our server, %s %s: %w", j.part, j.title, err)
			case err != nil:
				c.note(s.name, "left out of "+j.part+" "+j.title, err)
				delete(r.samples, s.name)
				servers[(i+round)%len(servers)] = nil
			}
		}
	}
	for _, s := range servers {
		if s != nil && s.again.Load() > 0 {
			c.note(s.name, fmt.Sprintf("%s %s: %d uploads failed and were sent again", j.part, j.title, s.again.Swap(0)), nil)
		}
	}
	c.results = append(c.results, r)
	fmt.Fprintf(c.progress, "%-6s %-22s %5.1f s\n", j.part, j.title, time.Since(began).Seconds())
	return nil
}

// calibrate returns how many requests fill a round. It also makes the server warm.
func (c *comparison) calibrate(s *server, j job) (int, error) {
	for n := j.clients; ; n *= 4 {
		began := time.Now()
		got, err := c.measure(s, j, n)
		if took := float64(n) / got.rate; err != nil || took > c.round.Seconds()/6 || time.Since(began) > 10*c.round {
			return max(j.clients, int(got.rate*c.round.Seconds())), err
		}
	}
}

// measure makes a round of n requests.
func (c *comparison) measure(s *server, j job, n int) (sample, error) {
	got, err := load(s, j, n, &c.numbers)
	if j.kind == put {
		err = errors.Join(err, s.clean())
	}
	return got, err
}
