package tolerant

import (
	"bufio"
	"errors"
	"io"
)

// scanHeader is the content of SOS (T.81 B.2.3).
type scanHeader struct {
	components []*component
	from, to   int // coefficients in zigzag order
	high, low  uint
}

// scanHeader reads SOS.
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

// scan decodes the data after SOS.
func (d *jpegDecoder) scan(b []byte) error {
	s, err := d.begin(b)
	for err == nil && !s.done() {
		err = d.step(s)
	}
	return err
}

// scan is a scan that is being decoded.
type scan struct {
	scanHeader
	across, total int  // MCUs in a row, and in the whole scan
	next          int  // the next MCU
	single        bool // each MCU is one block of one component
}

func (s *scan) done() bool { return s.next >= s.total }

// begin prepares to decode the scan with this header.
func (d *jpegDecoder) begin(b []byte) (*scan, error) {
	header, err := d.scanHeader(b)
	if err != nil {
		return nil, err
	}
	s := &scan{scanHeader: header, across: d.mcusX, total: d.mcusX * d.mcuY}
	if len(s.components) == 1 { // such a scan has no blocks outside of the picture (A.2.2)
		c := s.components[0]
		s.single = true
		s.across = ((d.w*c.h+d.hMax-1)/d.hMax + 7) / 8
		s.total = s.across * (((d.h*c.v+d.vMax-1)/d.vMax + 7) / 8)
	}
	d.scanned = true
	d.restart(header)
	return s, nil
}

// step decodes an MCU. If data is missing, it continues after the next restart
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

// restart resets the values that one block passes to the next.
func (d *jpegDecoder) restart(s scanHeader) {
	d.bits, d.n, d.missing, d.padding, d.eobRun = 0, 0, false, 0, 0
	for _, c := range s.components {
		c.prediction = 0
	}
}

// resync looks for the restart marker with this number, modulo 8, and skips the data
// before it. It reports whether there is a restart marker: any other marker ends the
// scan. Like libjpeg (jpeg_resync_to_restart), and so like browsers, it treats wrong
// numbers in three ways. A marker of one of the next two intervals is not skipped:
// the data of this interval is lost, and the data after the marker belongs to the
// later interval. A marker of one of the two intervals before is skipped. Any other
// number is treated as the right number, written wrongly. For a Walker, resync skips
// only fill bytes.
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
			case 6, 7: // a marker of an earlier interval
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

// notEnd returns err, or nil if err is the end of the reader.
func notEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, bufio.ErrBufferFull) {
		return nil
	}
	return err
}

// block decodes the data that a scan has for one block.
func (d *jpegDecoder) block(c *component, s scanHeader, x, y int) error {
	if d.progressive {
		err := d.refine(c, s, c.coeff[64*(y*c.blocksX+x):][:64])
		d.drawn = d.drawn || !d.ranOut()
		return err
	}
	var coeff [64]int16
	if err := d.first(c, s, coeff[:]); err != nil || d.ranOut() {
		return err // without an error, a part of the block is missing
	}
	if !d.walking {
		c.draw(x, y, coeff[:], &d.quant[c.quant])
	}
	d.drawn = true
	return nil
}

// refine decodes the data that a scan of a progressive JPEG adds to a block (T.81
// G.1.2).
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

// first decodes coefficients of a block for which no earlier scan had data.
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

// endOfBand reads how many blocks have no further coefficients (G.1.2.2). The number
// includes the current block.
func (d *jpegDecoder) endOfBand(run int) error {
	extra, err := d.take(run)
	d.eobRun = 1<<run + int(extra) - 1
	return err
}

// refineAC decodes one more bit of the coefficients of a band (G.1.2.3).
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
				d.eobRun++ // the code below counts this block
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

// refineNonZero refines the coefficients that are not zero and skips run zeros. It
// returns the index of the zero after them. A negative run means all coefficients up
// to the index to.
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
