package api

import (
	"crypto/sha256"
	"hash"
	"io"

	"github.com/labstack/echo/v4"

	"imageserver/api/format"
	"imageserver/api/strip"
	"imageserver/db"
)

// A WebP is stripped in memory: so many at a time, of so many bytes at most.
const (
	maxStrips   = 4
	stripMemory = 16 << 20
)

// content is the bytes of an upload on their way to the store.
type content struct {
	io.Reader
	stripped bool
	digest   *db.Digest // what the bytes as they are sent must have, or nil
	sent     hash.Hash  // of those
	close    func()
}

// prepare returns what is to be stored of an upload: all of it, or, where that is
// asked for, what is left without its metadata. The caller closes it.
func (s *Server) prepare(c echo.Context, r io.Reader, t format.Type, digest *db.Digest) (*content, error) {
	p := &content{Reader: r, digest: digest, close: func() {}}
	if digest != nil {
		p.sent = sha256.New()
		p.Reader = io.TeeReader(p.Reader, p.sent)
	}
	if !s.o.Strip && !c.QueryParams().Has("strip") {
		return p, nil
	}
	if t == format.WebP {
		if err := s.strips.Acquire(c.Request().Context(), 1); err != nil {
			return nil, err
		}
		p.close = func() { s.strips.Release(1) }
	}
	var err error
	if p.Reader, err = strip.Reader(p.Reader, t, stripMemory); err != nil {
		p.close()
		return nil, err
	}
	p.stripped = true
	return p, nil
}

// check compares the digest once all has been read.
func (p *content) check() error {
	if p.digest != nil && db.Digest(p.sent.Sum(nil)) != *p.digest {
		return errDigest
	}
	return nil
}
