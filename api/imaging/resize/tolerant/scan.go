package tolerant

import (
	"bufio"
	"errors"
	"io"
)

// scanHeader is what SOS says of its scan (T.81 B.2.3).
type scanHeader struct {
	components []*component
	from, to   int // coefficients in zigzag order
	high, low  uint
}

func (d *jpegDecoder) scanHeader(b []byte) (s scanHeader, err error) {
	n := 0
	if len(b) > 0 {
		n = int(b[0])
	}
	if d.components == nil || n < 1 || n > len(d.components) || len(b) < 4+2*n {
		return s, ErrUnsupported
	}
	for i := range n {
		id, tables := b[1+2*i], b[2+2*i]
		found := false
		for j := range d.components {
			if c := &d.components[j]; c.id == id && !found {
				c.dcTab, c.ac, found = tables>>4&3, tables&3, true
				s.components = append(s.components, c)
			}
		}
		if !found {
			return s, ErrUnsupported
		}
	}
	s.from, s.to = 0, 63
	if d.progressive {
		rest := b[1+2*n:]
		s.from, s.to, s.high, s.low = int(rest[0]), int(rest[1]), uint(rest[2]>>4), uint(rest[2]&15)
		if s.from > s.to || s.to > 63 || s.low > 13 || s.from == 0 && s.to != 0 || s.from > 0 && n > 1 {
			return s, ErrUnsupported
		}
	}
	return s, nil
}

// scan decodes the data behind SOS.
func (d *jpegDecoder) scan(b []byte) error {
	s, err := d.begin(b)
	for err == nil && !s.done() {
		err = d.step(s)
	}
	return err
}

// scan is how far the decoding of a scan is.
type scan struct {
	scanHeader
	across, total int // MCUs in a row, and in all
	next          int
	single        bool // the MCUs are blocks of one component
}

func (s *scan) done() bool { return s.next >= s.total }

func (d *jpegDecoder) begin(b []byte) (*scan, error) {
	header, err := d.scanHeader(b)
	if err != nil {
		return nil, err
	}
	s := &scan{scanHeader: header, across: d.mcusX, total: d.mcusX * d.mcuY}
	if len(s.components) == 1 { // blocks that only fill up the picture are left out (A.2.2)
		c := s.components[0]
		s.single = true
		s.across = ((d.w*c.h+d.hMax-1)/d.hMax + 7) / 8
		s.total = s.across * (((d.h*c.v+d.vMax-1)/d.vMax + 7) / 8)
	}
	d.scanned = true
	d.restart(header)
	return s, nil
}

// step decodes an MCU. Where data is missing, it goes on behind the next restart
// marker, or ends the scan.
func (d *jpegDecoder) step(s *scan) error {
	mcu := s.next
	s.next++
	if d.interval > 0 && mcu > 0 && mcu%d.interval == 0 {
		more, err := d.resync(byte(mcu/d.interval - 1))
		if err != nil || !more {
			s.next = s.total
			d.stop()
			return err
		}
		d.restart(s.scanHeader)
	}
	if d.ranOut() {
		s.next = s.total
		if d.interval > 0 {
			s.next = min(s.total, mcu-mcu%d.interval+d.interval)
		}
		return nil
	}
	x, y := mcu%s.across, mcu/s.across
	for _, c := range s.components {
		h, v := c.h, c.v
		if s.single {
			h, v = 1, 1
		}
		for i := range h * v {
			if err := d.block(c, s.scanHeader, x*h+i%h, y*v+i/h); err != nil {
				return err
			}
		}
	}
	return nil
}

// restart forgets what carries over from block to block.
func (d *jpegDecoder) restart(s scanHeader) {
	d.bits, d.n, d.missing, d.padding, d.eobRun = 0, 0, false, 0, 0
	for _, c := range s.components {
		c.prediction = 0
	}
}

// resync looks for the restart marker of this number, modulo 8, and passes over
// what is left before it. A marker of one of the next two intervals stays: the data
// of this interval is lost, and that behind the marker belongs to a later one. Those
// of the two before are passed over. Any other number is taken for a writer's
// mistake. So does libjpeg (jpeg_resync_to_restart), and with it the browsers. It
// reports whether there is such a marker: another kind of marker ends the scan. A
// Walker passes over nothing but fill bytes.
func (d *jpegDecoder) resync(number byte) (more bool, err error) {
	for {
		b, err := d.peek()
		if len(b) < 2 {
			return false, notEnd(err)
		}
		if b[0] == 0xff && sof0 <= b[1] && b[1] != 0xff {
			if b[1] < rst0 || b[1] > rst7 {
				return false, nil
			}
			switch (b[1] - rst0 - number) & 7 {
			case 1, 2:
				return true, nil
			case 6, 7: // of an interval before
			default:
				d.advance(2)
				return true, nil
			}
		}
		if d.walking && (b[0] != 0xff || b[1] != 0xff) {
			return false, nil
		}
		d.r.Discard(1)
	}
}

// notEnd returns an error of the reader, or nil for its end.
func notEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, bufio.ErrBufferFull) {
		return nil
	}
	return err
}

// block decodes what a scan has of one block.
func (d *jpegDecoder) block(c *component, s scanHeader, x, y int) error {
	if d.progressive {
		err := d.refine(c, s, c.coeff[64*(y*c.blocksX+x):][:64])
		d.drawn = d.drawn || !d.ranOut()
		return err
	}
	var coeff [64]int16
	if err := d.first(c, s, coeff[:]); err != nil || d.ranOut() {
		return err // or only a part of the block has come
	}
	if !d.walking {
		c.draw(x, y, coeff[:], &d.quant[c.quant])
	}
	d.drawn = true
	return nil
}

// refine decodes what a scan of a progressive JPEG adds to a block (T.81 G.1.2).
func (d *jpegDecoder) refine(c *component, s scanHeader, coeff []int16) error {
	switch {
	case s.high == 0:
		return d.first(c, s, coeff)
	case s.from == 0:
		bit, err := d.take(1)
		coeff[0] |= int16(bit << s.low)
		return err
	}
	return d.refineAC(c, s, coeff)
}

// first decodes the coefficients of a block that no scan before has had.
func (d *jpegDecoder) first(c *component, s scanHeader, coeff []int16) error {
	k := s.from
	if k == 0 {
		size, err := d.symbol(&d.tables[0][c.dcTab])
		if err != nil {
			return err
		}
		diff, err := d.extended(int(size & 15))
		if err != nil {
			return err
		}
		c.prediction += diff
		coeff[0] = int16(c.prediction << s.low)
		k++
	}
	if d.eobRun > 0 && s.to > 0 {
		d.eobRun--
		return nil
	}
	for ; k <= s.to; k++ {
		rs, err := d.symbol(&d.tables[1][c.ac])
		if err != nil {
			return err
		}
		run, size := int(rs>>4), int(rs&15)
		switch {
		case size > 0:
			if k += run; k > s.to {
				return nil
			}
			v, err := d.extended(size)
			if err != nil {
				return err
			}
			coeff[k] = int16(v << s.low)
		case run == 15:
			k += 15
		default:
			return d.endOfBand(run)
		}
	}
	return nil
}

// endOfBand notes for how many blocks there is nothing more (G.1.2.2). This block
// is one of them.
func (d *jpegDecoder) endOfBand(run int) error {
	extra, err := d.take(run)
	d.eobRun = 1<<run + int(extra) - 1
	return err
}

// refineAC adds a bit to the coefficients of a band (G.1.2.3).
func (d *jpegDecoder) refineAC(c *component, s scanHeader, coeff []int16) error {
	bit := int16(1) << s.low
	k := s.from
	if d.eobRun == 0 {
		for k <= s.to {
			rs, err := d.symbol(&d.tables[1][c.ac])
			if err != nil {
				return err
			}
			run, value := int(rs>>4), int16(0)
			if rs&15 != 0 {
				sign, err := d.take(1)
				if err != nil {
					return err
				}
				if value = bit; sign == 0 {
					value = -bit
				}
			} else if run < 15 {
				if err := d.endOfBand(run); err != nil {
					return err
				}
				d.eobRun++ // this block goes on below
				break
			}
			if k, err = d.refineNonZero(coeff, k, s.to, run, bit); err != nil {
				return err
			}
			if value != 0 && k <= s.to {
				coeff[k] = value
			}
			k++
		}
	}
	if d.eobRun > 0 {
		d.eobRun--
		_, err := d.refineNonZero(coeff, k, s.to, -1, bit)
		return err
	}
	return nil
}

// refineNonZero refines the coefficients that are not zero, up to the one behind
// run zeros, whose index it returns. A negative run means all of them.
func (d *jpegDecoder) refineNonZero(coeff []int16, k, to, run int, bit int16) (int, error) {
	for ; k <= to; k++ {
		if coeff[k] == 0 {
			if run == 0 {
				break
			}
			run--
			continue
		}
		add, err := d.take(1)
		if err != nil {
			return k, err
		}
		if add != 0 && coeff[k]&bit == 0 {
			if coeff[k] > 0 {
				coeff[k] += bit
			} else {
				coeff[k] -= bit
			}
		}
	}
	return k, nil
}
