package format

import (
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"math"
)

// A read of the store is dear: it fetches and checks a chunk of 128 KiB. So
// the file is read in blocks, and every look into it is paid for out of one
// budget, which bounds the time a file can take whatever its counts, lengths
// and pointers say.
const (
	// blockSize holds the whole header of most images.
	blockSize = 8 << 10

	// budget allows 256 reads: the size of a JPEG can lie behind 16 MB of
	// metadata in segments of 64 kB. Looks cost nanoseconds and reads some
	// microseconds, so to use it up takes a few milliseconds.
	budget   = 256 * readCost
	readCost = 1024
	lookCost = 1

	// streamBlock is what the store reads and checks at once.
	streamBlock = 128 << 10
)

var (
	errCutOff  = errors.New("is cut off")
	errEndless = errors.New("has a header without end")
)

// window is a file, of which it holds the block read last.
type window struct {
	r      io.ReaderAt
	size   int64
	block  []byte
	off    int64 // of block in the file
	budget int
	stream bool  // see section.stream
	err    error // of r; nothing is read after it
}

// look returns n bytes of the file, which must have them.
func (w *window) look(off int64, n int) ([]byte, error) {
	held := w.off <= off && off+int64(n) <= w.off+int64(len(w.block))
	w.budget -= lookCost
	if !held {
		w.budget -= readCost
	}
	switch {
	case w.err != nil:
		return nil, w.err
	case w.budget < 0:
		return nil, errEndless
	case !held:
		if w.err = w.read(off, max(n, int(w.blockAt(off)))); w.err != nil {
			return nil, w.err
		}
	}
	return w.block[off-w.off:][:n], nil
}

// blockAt returns how many bytes to read at off. In a stream they end where a
// block of the store does, so that the next read does not need it again.
func (w *window) blockAt(off int64) int64 {
	n := int64(blockSize)
	if w.stream {
		n = streamBlock - off%streamBlock
	}
	return min(n, w.size-off)
}

func (w *window) read(off int64, n int) error {
	if n > cap(w.block) {
		w.block = make([]byte, n)
	}
	w.block, w.off = w.block[:n], off
	read, err := w.r.ReadAt(w.block, off)
	switch {
	case read == n: // whatever err: io.EOF may come with the last bytes
		return nil
	case err == nil || err == io.EOF:
		return io.ErrUnexpectedEOF // the file is shorter than its size
	}
	return err
}

// section is a stretch of a file. Offsets count from its beginning.
type section struct {
	w         *window
	off, size int64
}

// wholeFile returns all of a file.
func wholeFile(r io.ReaderAt, size int64) section {
	return section{&window{r: r, size: size, budget: budget}, 0, size}
}

// stream prepares for a walk through the file that never looks back. Whatever the
// file, that takes time in proportion to its size, so there is no budget.
func (s section) stream() {
	s.w.stream, s.w.budget = true, math.MaxInt
}

// sub returns the n bytes at off, or errCutOff where there are fewer.
func (s section) sub(off, n int64) (section, error) {
	if off < 0 || n < 0 || off > s.size-n {
		return section{}, errCutOff
	}
	return section{s.w, s.off + off, n}, nil
}

// from returns what follows the first n bytes.
func (s section) from(n int64) (section, error) { return s.sub(n, s.size-n) }

// bytes returns the content of sub, valid until the next call to any section of
// the file. n depends on the format, never on a number out of the file.
func (s section) bytes(off int64, n int) ([]byte, error) {
	sub, err := s.sub(off, int64(n))
	if err != nil {
		return nil, err
	}
	return s.w.look(sub.off, n)
}

// part is one of the named stretches that files are made of: a segment of
// JPEG, a chunk of PNG or RIFF, a box of HEIF. The section is its content.
type part struct {
	kind string
	section
}

// parts walks s from off on: next returns the part at an offset and the offset
// behind it. The walk ends with s, or behind the first error.
func (s section) parts(off int64, next func(s section, off int64) (part, int64, error)) iter.Seq2[part, error] {
	return func(yield func(part, error) bool) {
		for off < s.size {
			p, end, err := next(s, off)
			if !yield(p, err) || err != nil {
				return
			}
			off = end
		}
	}
}

// The numbers of image headers, wide enough to add and to multiply.
func be16(b []byte) int64 { return int64(binary.BigEndian.Uint16(b)) }
func be32(b []byte) int64 { return int64(binary.BigEndian.Uint32(b)) }
func le16(b []byte) int64 { return int64(binary.LittleEndian.Uint16(b)) }
func le24(b []byte) int64 { return le16(b) | int64(b[2])<<16 }
func le32(b []byte) int64 { return int64(binary.LittleEndian.Uint32(b)) }
