package jpeg

import (
	"bytes"
	"io"
)

// bufferSize is the number of bytes of one read.
const bufferSize = 32 << 10

// source is a file that is read through a window.
type source interface {
	// next drops the first n bytes of the window and returns the window with more
	// bytes. At the end of the file it returns io.EOF and only the rest.
	next(n int) ([]byte, error)
}

// fileSource is the source of a Picture.
type fileSource struct {
	r    io.Reader
	buf  []byte
	used int // bytes of the window
}

func (s *fileSource) next(n int) ([]byte, error) {
	if s.buf == nil {
		s.buf = make([]byte, bufferSize)
	}
	s.used = copy(s.buf, s.buf[n:s.used])
	for tries := 0; ; tries++ {
		n, err := s.r.Read(s.buf[s.used:])
		s.used += n
		switch {
		case n > 0:
			return s.buf[:s.used], nil
		case err == nil && tries < 100:
			continue
		case err == nil:
			err = io.ErrNoProgress
		case err == io.ErrUnexpectedEOF:
			err = io.EOF
		}
		return s.buf[:s.used], err
	}
}

// input reads the bytes of a file.
type input struct {
	source source
	buf    []byte // the window
	pos    int    // index of the next byte in buf
	eof    bool   // there are no bytes after buf
	err    error  // of the source, unless it is io.EOF, or of the check
}

// peek reports whether n bytes are in buf from pos on. It reads more if they are not. n
// is small.
func (in *input) peek(n int) bool {
	for len(in.buf)-in.pos < n {
		if in.eof || in.err != nil {
			return false
		}
		var err error
		in.buf, err = in.source.next(in.pos)
		in.pos = 0
		switch err {
		case nil:
		case io.EOF:
			in.eof = true
		default:
			in.err = err
		}
	}
	return true
}

// full fills b.
func (in *input) full(b []byte) bool {
	for {
		n := copy(b, in.buf[in.pos:])
		in.pos += n
		if b = b[n:]; len(b) == 0 {
			return true
		}
		if !in.peek(1) {
			return false
		}
	}
}

// marker returns the next marker. It skips all other bytes.
func (in *input) marker() (marker byte, ok bool) {
	for in.peek(2) {
		at := bytes.IndexByte(in.buf[in.pos:len(in.buf)-1], 0xff)
		if at < 0 {
			in.pos = len(in.buf) - 1
			continue
		}
		in.pos += at
		if next := in.buf[in.pos+1]; next != 0 && next != 0xff {
			in.pos += 2
			return next, true
		}
		in.pos++
	}
	return 0, false
}
