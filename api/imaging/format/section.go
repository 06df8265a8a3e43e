package format

import (
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"math"
	"sync"
)

// A read of the store is expensive: it fetches and checks a chunk of 128 KiB. So
// the file is read in blocks. Each access to the file also uses up a part of one
// budget. The budget limits the time that a file can take, whatever its counts,
// lengths and pointers are.
const (
	// blockSize is enough for the whole header of most images.
	blockSize = 8 << 10

	// budget allows 256 reads: the size of a JPEG can come after 16 MB of metadata
	// in segments of 64 kB. An access to the block in memory takes nanoseconds, and a
	// read takes some microseconds. So the whole budget takes a few milliseconds.
	budget     = 256 * readCost
	readCost   = 1024
	accessCost = 1

	// streamBlock is the number of bytes that the store reads and checks at once.
	streamBlock = 128 << 10
)

var (
	errCutOff  = errors.New("is cut off")
	errEndless = errors.New("has a header that does not end")
)

// window is a file with a buffer for the block that was read last.
type window struct {
	r      io.ReaderAt
	size   int64
	block  []byte
	off    int64 // of block in the file
	budget int
	stream bool  // see section.stream
	err    error // the first error of r; nothing is read after it
}

// bytes returns the n bytes at off. The file must be long enough.
func (w *window) bytes(off int64, n int) ([]byte, error) {
	buffered := w.off <= off && off+int64(n) <= w.off+int64(len(w.block))
	w.budget -= accessCost
	if !buffered {
		w.budget -= readCost
	}
	switch {
	case w.err != nil:
		return nil, w.err
	case w.budget < 0:
		return nil, errEndless
	case !buffered:
		if w.err = w.read(off, max(n, int(w.blockAt(off)))); w.err != nil {
			return nil, w.err
		}
	}
	return w.block[off-w.off:][:n], nil
}

// blockAt returns how many bytes to read at off. In a stream they end at the end of
// a block of the store, so that the next read does not need that block again.
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
	case read == n: // ignore err: io.EOF may come with the last bytes
		return nil
	case err == nil || err == io.EOF:
		return io.ErrUnexpectedEOF // the file is shorter than its size
	}
	return err
}

// section is a part of a file. Offsets count from the beginning of the section.
type section struct {
	w         *window
	off, size int64
}

// windows are the windows of files that were closed.
var windows = sync.Pool{New: func() any { return &window{block: make([]byte, 0, blockSize)} }}

// wholeFile returns all of a file. A caller that keeps no bytes of the file can close it.
func wholeFile(r io.ReaderAt, size int64) section {
	w := windows.Get().(*window)
	*w = window{r: r, size: size, budget: budget, block: w.block[:0]}
	return section{w, 0, size}
}

// close lets other files use the buffer. After close, no section of the file and none of
// its bytes may be used. A large buffer is not kept.
func (s section) close() {
	if cap(s.w.block) > blockSize {
		return
	}
	s.w.r = nil
	windows.Put(s.w)
}

// stream prepares for a walk through the file that never goes back. Such a walk
// takes time in proportion to the size of the file, so it needs no budget.
func (s section) stream() {
	s.w.stream, s.w.budget = true, math.MaxInt
}

// sub returns the section of n bytes at off, or errCutOff if s ends before that.
func (s section) sub(off, n int64) (section, error) {
	if off < 0 || n < 0 || off > s.size-n {
		return section{}, errCutOff
	}
	return section{s.w, s.off + off, n}, nil
}

// from returns the section without its first n bytes.
func (s section) from(n int64) (section, error) { return s.sub(n, s.size-n) }

// bytes returns the content of the section sub(off, n). It is valid until the next
// call to any section of the file. n depends on the format, or on a number of the
// file that the caller has limited.
func (s section) bytes(off int64, n int) ([]byte, error) {
	sub, err := s.sub(off, int64(n))
	if err != nil {
		return nil, err
	}
	return s.w.bytes(sub.off, n)
}

// part is one of the named sections that a file consists of: a segment of a JPEG,
// a chunk of a PNG or RIFF, a box of a HEIF. The section is its content.
type part struct {
	kind string
	section
}

// parts iterates over the parts of s from off on. next returns the part at an
// offset and the offset of the part after it. The iteration ends at the end of s or
// after the first error.
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

// These functions read the numbers of image headers. The results are wide enough to
// be added and multiplied.
func be16(b []byte) int64 { return int64(binary.BigEndian.Uint16(b)) }
func be32(b []byte) int64 { return int64(binary.BigEndian.Uint32(b)) }
func le16(b []byte) int64 { return int64(binary.LittleEndian.Uint16(b)) }
func le24(b []byte) int64 { return le16(b) | int64(b[2])<<16 }
func le32(b []byte) int64 { return int64(binary.LittleEndian.Uint32(b)) }
