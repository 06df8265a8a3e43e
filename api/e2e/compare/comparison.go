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
	machine  string // with how busy it was at the start
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
	c.began, c.machine = time.Now(), machine()
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

// start starts the servers of a group. On error it returns those that run.
func (c *comparison) start(ctx context.Context, group []job) (servers []*server, err error) {
	at, err := c.site(group)
	if err != nil {
		return nil, err
	}
	for _, p := range peers {
		if !slices.Contains(c.servers, p.name) || !slices.Contains(p.parts, group[0].part) {
			continue
		}
		at.dir = filepath.Join(c.work, p.name)
		s, err := launch(ctx, p, at, group)
		switch {
		case err == nil && p.name == ours:
			servers = append(servers, s)
			if at.headers, err = s.readHeaders(ctx); err != nil {
				return servers, err
			}
		case err == nil:
			servers = append(servers, s)
		case p.name == ours:
			return servers, fmt.Errorf("our server: %w", err)
		default:
			c.note(p.name, "left out", err)
		}
	}
	return servers, ctx.Err()
}

// site returns what all servers of a group have in common.
func (c *comparison) site(group []job) (site, error) {
	s := site{program: c.program, samples: map[int][]byte{}}
	for _, j := range group {
		s.samples[j.size] = sampleImage(j.size)
	}
	if group[0].part != partHTTP2 {
		return s, nil
	}
	var err error
	if s.cert, s.key, err = writeCertificate(c.work); err != nil {
		return s, err
	}
	text, err := os.ReadFile(s.cert)
	if err != nil {
		return s, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	s.tls = &tls.Config{RootCAs: roots, NextProtos: []string{"h2"}}
	return s, nil
}

// A job that takes too long ends after minRounds rounds, such as uploads of 8 MB from 64
// clients to a slow disk.
const (
	longJob   = 20 * time.Second
	minRounds = 2
)

// runJob lets the servers take turns. Each round begins with another server.
func (c *comparison) runJob(ctx context.Context, j job, servers []*server) error {
	servers = slices.Clone(servers) // nil is put in the place of one that fails
	began := time.Now()
	r := &result{j, map[string][]sample{}}
	counts := map[string]int{}
	for round := range c.rounds + 1 { // the first one finds how many requests fill a round
		if round > minRounds && time.Since(began) > longJob {
			break
		}
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
