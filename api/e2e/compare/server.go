package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
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
	process *process // nil for disk
	addr    string
	tls     *tls.Config // nil without TLS
	etags   map[int]string
	again   atomic.Int64 // uploads that were sent again
}

// launch starts a peer in a new folder of its own with the sample images.
func launch(ctx context.Context, p peer, s site, config *tls.Config, samples map[int][]byte) (*server, error) {
	if err := os.MkdirAll(filepath.Join(s.dir, "images"), 0o700); err != nil {
		return nil, err
	}
	for size, img := range samples {
		if err := os.WriteFile(filepath.Join(s.dir, "images", imageName(size)), img, 0o600); err != nil {
			return nil, err
		}
	}
	v := &server{peer: p, site: s, tls: config, etags: map[int]string{}}
	if p.start == nil {
		return v, nil
	}
	var err error
	if v.process, v.addr, err = p.start(ctx, s); err != nil {
		return nil, err
	}
	if p.name == ours {
		err = v.fill(ctx, samples)
	}
	return v, err
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
		return &diskWriter{filepath.Join(s.dir, "images"), func() ([]byte, string) {
			img, number := fresh()
			return img, uploadName(number)
		}}, nil
	}
	return dialHTTP1(s.addr, func() request {
		img, number := fresh()
		return upload(s.addr, img, number)
	}, &s.again)
}

// writeHeaders writes, for the bare server, the header fields of our server's responses.
// ours is nil if our server is not in the comparison.
func writeHeaders(ctx context.Context, dir string, ours *server, samples map[int][]byte) error {
	headers := map[string]http.Header{}
	for size := range samples {
		header := http.Header{"Content-Type": {"image/png"}, "Etag": {fmt.Sprintf("%q", imageName(size))}}
		if ours != nil {
			var err error
			if header, err = ours.header(ctx, size); err != nil {
				return err
			}
		}
		for _, own := range []string{"Date", "Content-Length"} {
			header.Del(own)
		}
		headers[imageName(size)] = header
	}
	text, err := json.Marshal(headers)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, headerFile), text, 0o600)
}
