package tolerant

import (
	"bufio"
)

// peek returns the next bytes, two if the file has them.
func (d *jpegDecoder) peek() ([]byte, error) { return d.r.Peek(2) }

// advance goes on by n bytes that peek has returned.
func (d *jpegDecoder) advance(n int) {
	if d.walking {
		b, _ := d.r.Peek(n)
		d.passed = append(d.passed, b...)
	}
	d.r.Discard(n) // which are in its buffer
}

// Walker finds the end of the only scan of a baseline JPEG, by its Huffman codes.
// A file without an end marker does not say in any other way where the picture
// ends and other data begins. The zero Walker is ready to use.
type Walker struct {
	d        jpegDecoder
	scan     *scan
	ahead    []byte // the end of what was read, whose bits no code has used yet
	unusable bool   // the JPEG is of another kind
	started  bool
}

// Segment notes what a segment in front of the scan says. content is what follows
// its length.
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

// Begin prepares to walk the data of the scan whose header this is. It reports
// whether that is possible: the scan has all components of a baseline JPEG.
func (w *Walker) Begin(header []byte) bool {
	if w.unusable || w.d.scanned || w.d.progressive || !w.d.whole(header) {
		return false
	}
	s, err := w.d.begin(header)
	w.scan = s
	return err == nil
}

// End is where a walk has come to.
type End int

const (
	More   End = iota // there is more of the scan
	Whole             // the picture is complete
	Broken            // the data makes no sense from here on, or ends too early
)

// Walk appends some of the data of the scan to out, about most bytes, and takes it
// out of r. Fill bytes are left out. Behind a scan that is Whole, a few more bytes may
// be taken out of r. The error is one of r, other than its end.
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
	// A code may yet use the bytes that were read ahead, or the scan ends before them.
	n := len(d.passed) - d.unused()
	w.ahead = append(w.ahead[:0], d.passed[n:]...)
	return d.passed[:n], end, nil
}

// end tells where the scan is.
func (w *Walker) end() End {
	switch {
	case !w.scan.done():
		return More
	case w.d.ranOut():
		return Broken
	}
	return Whole
}

// unused returns how many of the last bytes passed no code has used.
func (d *jpegDecoder) unused() (n int) {
	for range (d.n - d.padding) / 8 {
		n++
		if k := len(d.passed) - n; k > 0 && d.passed[k] == 0 && d.passed[k-1] == 0xff {
			n++ // an escape
		}
	}
	return n
}
