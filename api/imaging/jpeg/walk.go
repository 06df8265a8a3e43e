package jpeg

import (
	"bufio"
	"errors"
	"io"
)

// Walker finds the end of the only scan of a baseline JPEG by decoding its Huffman
// codes. If a file has no end marker, there is no other way to find where the picture
// ends and other data begins. The zero Walker is ready to use.
type Walker struct {
	d        decoder
	s        *scan
	passed   walked
	ahead    []byte // bytes that were read but that no code has used yet
	unusable bool   // the JPEG is not a baseline JPEG
	started  bool
}

// Segment reads a segment before the scan. content is the segment without its marker
// and length.
func (w *Walker) Segment(marker byte, content []byte) {
	if !w.started {
		w.started = true
		w.d.walking = true
		w.d.tables = new(tables)
		w.d.source = &w.passed
	}
	switch {
	case marker == dht, marker == dri:
		w.d.segment(marker, content) // fails only for a frame
	case sof0 <= marker && marker <= 0xcf && marker != jpg && marker != dac:
		w.unusable = w.unusable || marker > sof1 || w.d.readFrame(marker, content) != nil
	}
}

// Begin prepares to walk the data of the scan with this header. It reports whether
// that is possible: the JPEG must be baseline, and the scan must have all components.
func (w *Walker) Begin(header []byte) bool {
	d := &w.d
	if w.unusable || d.scanned || d.components == nil || len(header) == 0 || int(header[0]) != len(d.components) {
		return false
	}
	s, err := d.start(header)
	w.s = s
	return err == nil
}

// End is the state of a walk.
type End int

const (
	More   End = iota // the scan has more data
	Whole             // the picture is complete
	Broken            // the data after this point is damaged, or ends too early
)

// Walk reads some of the data of the scan from r, about most bytes, and appends it to
// out without fill bytes. When the scan is Whole, Walk may have read a few bytes after
// it. The error is that of r, unless it is its end.
func (w *Walker) Walk(r *bufio.Reader, out []byte, most int) ([]byte, End, error) {
	d := &w.d
	w.passed = walked{r: r, data: append(out, w.ahead...)}
	d.buf, d.pos, d.eof = nil, 0, false // the window is empty
	start := len(w.passed.data)
	for !w.s.done() && len(w.passed.data)+d.pos-start < most {
		if d.step(w.s); d.err != nil {
			return out, Broken, d.err
		}
	}
	w.passed.drop(d.buf[:d.pos])
	data := w.passed.data
	end := w.end()
	if end == Broken {
		return data, end, nil
	}
	// The next code can use the bytes that were read ahead. If there is none, they are
	// after the scan.
	n := len(data) - d.unused(data)
	w.ahead = append(w.ahead[:0], data[n:]...)
	return data[:n], end, nil
}

// end returns the state of the walk.
func (w *Walker) end() End {
	switch {
	case !w.s.done():
		return More
	case w.d.ranOut():
		return Broken
	}
	return Whole
}

// unused returns how many of the last bytes of data no code has used.
func (d *decoder) unused(data []byte) (n int) {
	for range (d.n - d.padding) / 8 {
		n++
		if k := len(data) - n; k > 0 && data[k] == 0 && data[k-1] == 0xff {
			n++ // a 255 and its stuffed 0 are one byte of data
		}
	}
	return n
}

// walked is the source of a Walker. It collects what was read, without fill bytes.
type walked struct {
	r    *bufio.Reader
	size int // bytes of the window
	data []byte
}

func (w *walked) next(n int) ([]byte, error) {
	b, _ := w.r.Peek(n)
	w.drop(b)
	_, err := w.r.Peek(w.size - n + 1)
	if errors.Is(err, bufio.ErrBufferFull) {
		err = io.EOF
	}
	b, _ = w.r.Peek(w.r.Buffered())
	w.size = len(b)
	return b, err
}

// drop removes bytes from r. A byte of 255 is a fill byte if 255 follows, or if it is the
// last one: a 255 of the data is never separated from the byte after it.
func (w *walked) drop(b []byte) {
	for i, v := range b {
		if v == 0xff && (i+1 == len(b) || b[i+1] == 0xff) {
			continue
		}
		w.data = append(w.data, v)
	}
	w.r.Discard(len(b)) // cannot fail: the bytes are in the buffer
}
