package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// server is a peer that runs.
type server struct {
	peer
	site
	process *process // nil for disk and files
	addr    string
	etags   map[int]string
	again   atomic.Int64 // uploads that were sent again
}

// launch starts a peer in a new folder of its own with the sample images, and checks that it
// responds rightly to what it gets in the jobs of a group.
func launch(ctx context.Context, p peer, at site, group []job) (*server, error) {
	s := &server{peer: p, site: at, etags: map[int]string{}}
	err := s.begin(ctx)
	for _, j := range group {
		if err == nil {
			err = s.check(ctx, j)
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *server) begin(ctx context.Context) (err error) {
	if err := os.MkdirAll(filepath.Join(s.dir, "images"), 0o700); err != nil {
		return err
	}
	for size, img := range s.samples {
		if err := os.WriteFile(filepath.Join(s.dir, "images", imageName(size)), img, 0o600); err != nil {
			return err
		}
	}
	if s.start == nil {
		return nil
	}
	if s.process, s.addr, err = s.start(ctx, s.site); err != nil || s.name != ours {
		return err
	}
	return s.fill(ctx)
}

// stop ends the server and deletes its folder.
func (s *server) stop() error {
	if s.process != nil {
		s.process.stop()
	}
	return os.RemoveAll(s.dir)
}

// clean deletes what was uploaded, so that the kernel does not write it to the disk during
// the rounds of others. Our server keeps it: its file is already on the disk.
func (s *server) clean() error {
	uploads, err := filepath.Glob(filepath.Join(s.dir, "images", uploadPrefix+"*"))
	for _, name := range uploads {
		err = errors.Join(err, os.Remove(name))
	}
	if folder, openErr := os.Open(filepath.Join(s.dir, "images")); openErr == nil {
		folder.Sync() // writes that the files are deleted; some systems cannot
		folder.Close()
	}
	return err
}

func (s *server) cpuTime() (time.Duration, bool) {
	if s.process == nil {
		return 0, false
	}
	return cpuTime(s.process.cmd.Process.Pid)
}

// connect makes the clients of a job. If one of them fails, connect returns those before
// it, too.
func (s *server) connect(j job, numbers *atomic.Uint64) (workers []worker, err error) {
	n := j.clients
	if s.tls != nil {
		n /= streams
	}
	for i := range n {
		w, err := s.client(j, i, numbers)
		if err != nil {
			return workers, err
		}
		workers = append(workers, w)
	}
	return workers, nil
}

// client makes a client of a job. numbers makes the names of uploads, and their bytes,
// different.
func (s *server) client(j job, i int, numbers *atomic.Uint64) (worker, error) {
	switch {
	case s.tls != nil:
		return dialHTTP2(s.addr, s.tls, imagePath(imageName(j.size)), j.size)
	case j.kind != put:
		all := j.requests(s.addr, s.etags[j.size])
		return dialHTTP1(s.addr, func() request {
			i++
			return all[i%len(all)]
		}, &s.again)
	}
	img := sampleImage(j.size)
	fresh := func() ([]byte, uint64) {
		number := numbers.Add(1)
		renumber(img, number)
		return img, number
	}
	if s.process == nil {
		return newDiskWriter(filepath.Join(s.dir, "images"), s.name == disk, func() ([]byte, string) {
			img, number := fresh()
			return img, uploadName(number)
		})
	}
	return dialHTTP1(s.addr, func() request {
		img, number := fresh()
		return upload(s.addr, img, number)
	}, &s.again)
}

// readHeaders returns the header fields of the responses, by the names of the images.
func (s *server) readHeaders(ctx context.Context) (map[string]http.Header, error) {
	all := map[string]http.Header{}
	for size := range s.samples {
		header, err := s.header(ctx, size)
		if err != nil {
			return nil, err
		}
		all[imageName(size)] = header
	}
	return all, nil
}
