package tolerant

import (
	"bufio"
)

// peek returns the next bytes, two if the file has them.
func (d *jpegDecoder) peek() ([]byte, error) {
	b, err := d.r.Peek(d.ahead + 2)
	return b[min(len(b), d.ahead):], err
}

// advance goes on by n bytes that peek has returned.
func (d *jpegDecoder) advance(n int) {
	if !d.walking {
		d.r.Discard(n) // which are in its buffer
		return
	}
	b, _ := d.r.Peek(d.ahead + n)
	d.passed = append(d.passed, b[d.ahead:]...)
	if d.ahead += n; d.ahead > 1<<10 {
		d.discard(d.ahead - 16)
	}
}

// discard takes n of the bytes that were passed out of the reader.
func (d *jpegDecoder) discard(n int) {
	d.r.Discard(n)
	d.ahead -= n
}

// Walker finds the end of the only scan of a baseline JPEG, by its Huffman codes.
// A file without an end marker does not say in any other way where the picture
// ends and other data begins. The zero Walker is ready to use.
type Walker struct {
	d        jpegDecoder
	scan     *scan
	unusable bool // the JPEG is of another kind
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
// out of r. The error is one of r, other than its end.
func (w *Walker) Walk(r *bufio.Reader, out []byte, most int) ([]byte, End, error) {
	d := &w.d
	d.r, d.passed = r, out
	start := len(out)
	for !w.scan.done() && len(d.passed)-start < most {
		if err := d.step(w.scan); err != nil {
			return out, Broken, err
		}
	}
	end := More
	if w.scan.done() {
		end = w.end()
	}
	if end == Whole {
		d.giveBack()
	}
	if end != More {
		d.discard(d.ahead)
	}
	return d.passed, end, nil
}

// end tells how the scan has ended.
func (w *Walker) end() End {
	if w.d.passedOver || w.d.ranOut() {
		return Broken
	}
	return Whole
}

// giveBack leaves the bytes in the reader that the last code did not use.
func (d *jpegDecoder) giveBack() {
	for range (d.n - d.padding) / 8 {
		n := 1
		if k := len(d.passed); k >= 2 && d.passed[k-1] == 0 && d.passed[k-2] == 0xff {
			n = 2 // an escape
		}
		d.passed = d.passed[:len(d.passed)-n]
		d.ahead -= n
	}
}
