package strip

import (
	"bufio"
	"errors"
	"io"
	"math"
)

// blockSize is the number of bytes of one read, and of one block of the result.
const blockSize = 8 << 10

var errCutOff = errors.New("is cut off")

// source is the image to strip. If it ends too early, its methods return errCutOff.
// After an error of the caller's reader they return any error; see err.
type source struct {
	buf *bufio.Reader
	r   io.Reader
	err error // the error of r, unless it is io.EOF
}

// newSource returns a source that reads r in blocks.
func newSource(r io.Reader) *source {
	s := &source{r: r}
	s.buf = bufio.NewReaderSize(failing{s}, blockSize)
	return s
}

// failing reads r of a source and remembers its error. From an error of bufio one
// cannot see whether the file has ended or an upload has failed with
// io.ErrUnexpectedEOF.
type failing struct{ s *source }

func (f failing) Read(p []byte) (int, error) {
	n, err := f.s.r.Read(p)
	if err != io.EOF {
		f.s.err = err
	}
	return n, err
}

// byte reads one byte.
func (s *source) byte() (byte, error) {
	b, err := s.buf.ReadByte()
	if err != nil {
		return 0, errCutOff
	}
	return b, nil
}

// full fills b.
func (s *source) full(b []byte) error {
	if _, err := io.ReadFull(s.buf, b); err != nil {
		return errCutOff
	}
	return nil
}

// head reads n bytes, and returns the first most of them.
func (s *source) head(n, most int64) ([]byte, error) {
	b := make([]byte, min(n, most))
	if err := s.full(b); err != nil {
		return nil, err
	}
	return b, s.skip(n - int64(len(b)))
}

// skip skips n bytes.
func (s *source) skip(n int64) error {
	for n > 0 {
		skipped, err := s.buf.Discard(int(min(n, math.MaxInt32)))
		if err != nil {
			return errCutOff
		}
		n -= int64(skipped)
	}
	return nil
}

// peek returns all buffered bytes, at least n, without reading past them.
func (s *source) peek(n int) ([]byte, error) {
	if _, err := s.buf.Peek(n); err != nil {
		return nil, errCutOff
	}
	return s.buf.Peek(s.buf.Buffered())
}

// drain is the last step of each format. It reads r to its end, because an upload that
// breaks off after the end of the image has failed, too.
func (s *source) drain(out []byte) ([]byte, error) {
	if _, err := io.Copy(io.Discard, s.buf); err != nil {
		return out, err
	}
	return out, io.EOF
}
