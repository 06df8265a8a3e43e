package tolerant

import (
	"bufio"
)

// peek returns the next two bytes, or fewer at the end of the file.
func (d *jpegDecoder) peek() ([]byte, error) { return d.r.Peek(2) }

// advance skips n bytes that peek has returned.
func (d *jpegDecoder) advance(n int) {
	if d.walking {
		b, _ := d.r.Peek(n)
		d.passed = append(d.passed, b...)
	}
	d.r.Discard(n) // cannot fail: the bytes are in the buffer
}

// Walker finds the end of the only scan of a baseline JPEG by decoding its Huffman
// codes. If a file has no end marker, there is no other way to find where the picture
// ends and other data begins. The zero Walker is ready to use.
type Walker struct {
	d        jpegDecoder
	scan     *scan
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
		w.d.standardTables()
	}
	switch {
	case marker == dht:
		w.d.huffmanTables(content)
	case marker == dri && len(content) >= 2:
		w.d.interval = int(content[0])<<8 | int(content[1])
	case sof0 <= marker && marker <= 0xcf && marker != jpg && marker != dac:
		w.unusable = w.unusable || marker > sof1 || w.d.frame(marker, content) != nil
	}
}

// Begin prepares to walk the data of the scan with this header. It reports whether
// that is possible: the JPEG must be baseline, and the scan must have all components.
func (w *Walker) Begin(header []byte) bool {
	if w.unusable || w.d.scanned || w.d.progressive || !w.d.whole(header) {
		return false
	}
	s, err := w.d.begin(header)
	w.scan = s
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
	d.r, d.passed = r, append(out, w.ahead...)
	start := len(d.passed)
	for !w.scan.done() && len(d.passed)-start < most {
		if err := d.step(w.scan); err != nil {
			return out, Broken, err
		}
	}
	end := w.end()
	if end == Broken {
		return d.passed, end, nil
	}
	// The next code can use the bytes that were read ahead. If there is none, they are
	// after the scan.
	n := len(d.passed) - d.unused()
	w.ahead = append(w.ahead[:0], d.passed[n:]...)
	return d.passed[:n], end, nil
}

// end returns the state of the walk.
func (w *Walker) end() End {
	switch {
	case !w.scan.done():
		return More
	case w.d.ranOut():
		return Broken
	}
	return Whole
}

// unused returns how many of the last bytes in passed no code has used.
func (d *jpegDecoder) unused() (n int) {
	for range (d.n - d.padding) / 8 {
		n++
		if k := len(d.passed) - n; k > 0 && d.passed[k] == 0 && d.passed[k-1] == 0xff {
			n++ // a 255 and its stuffed 0 are one byte of data
		}
	}
	return n
}
