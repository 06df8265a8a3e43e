package jpeg

import "fmt"

// scanHeader is the content of SOS (B.2.3).
type scanHeader struct {
	components []*component
	from, to   int  // coefficients in zigzag order
	high, low  uint // bits of the coefficients: see G.1.1.1.2
}

// readHeader reads SOS.
func (d *decoder) readHeader(b []byte) (s scanHeader, err error) {
	damaged := fmt.Errorf("%w: the header of a scan is damaged", ErrDamaged)
	n := 0
	if len(b) > 0 {
		n = int(b[0])
	}
	if d.components == nil || n < 1 || n > len(d.components) || len(b) < 4+2*n {
		return s, damaged
	}
	for i := range n {
		c := d.named(b[1+2*i])
		if c == nil {
			return s, damaged
		}
		tables := b[2+2*i]
		c.dc, c.ac = &d.tables.dc[tables>>4&3], &d.tables.ac[tables&3]
		s.components = append(s.components, c)
		d.odd = d.odd || c.dc.overfull || c.ac.overfull
	}
	s.from, s.to = 0, 63
	if d.frame.Progressive {
		rest := b[1+2*n:]
		s.from, s.to, s.high, s.low = int(rest[0]), int(rest[1]), uint(rest[2]>>4), uint(rest[2]&15)
		if s.from > s.to || s.to > 63 || s.from == 0 && s.to != 0 || s.from > 0 && n > 1 {
			return s, damaged
		}
	}
	return s, nil
}

// named returns the first component with the name, or nil.
func (d *decoder) named(id byte) *component {
	for i := range d.components {
		if d.components[i].id == id {
			return &d.components[i]
		}
	}
	return nil
}

// decodeScans decodes the scan that comes next, and all scans after it.
func (d *decoder) decodeScans() error {
	for header := d.header; header != nil; {
		s, err := d.start(header)
		if err != nil {
			return err
		}
		if d.matters(s) {
			for row := 0; !s.done() && d.err == nil; row++ {
				d.decodeRow(s, row)
			}
		} else {
			d.drawn = true // it counts as decoded, so that the size of the samples has no influence
		}
		d.odd = d.odd || d.eobRun > 0
		if header, err = d.nextScan(); err != nil {
			return err
		}
	}
	d.complete = !d.frame.Progressive
	return d.err
}

// matters reports whether a scan has coefficients that the reduced size needs, or that
// must be known to decode such coefficients of a later scan.
func (d *decoder) matters(s *scan) bool { return s.from == 0 || s.components[0].kept > 1 }

// scan is a scan that is being decoded.
type scan struct {
	scanHeader
	across, total int  // MCUs in a row, and in the whole scan
	next          int  // the next MCU
	single        bool // each MCU is one block of one component
}

func (s *scan) done() bool { return s.next >= s.total }

// start prepares to decode the scan with this header.
func (d *decoder) start(b []byte) (*scan, error) {
	d.tables.standardize(d.walking)
	header, err := d.readHeader(b)
	if err != nil {
		return nil, err
	}
	across, down := d.frame.mcus()
	s := &scan{scanHeader: header, across: across, total: across * down}
	if len(s.components) == 1 { // such a scan has no blocks outside of the picture (A.2.2)
		c := s.components[0]
		h, v := d.frame.most()
		s.single = true
		s.across = cells(cells(d.frame.Width*c.h, h), 8)
		s.total = s.across * cells(cells(d.frame.Height*c.v, v), 8)
	}
	d.scanned = true
	d.restart(header)
	return s, nil
}

// askEvery is the number of MCUs after which the check of the caller is called. They take
// some milliseconds at most.
const askEvery = 1024

// decodeRow decodes a row of MCUs.
func (d *decoder) decodeRow(s *scan, row int) {
	for s.next < min((row+1)*s.across, s.total) && d.err == nil {
		if s.next%askEvery == 0 && d.asked() != nil {
			return
		}
		d.step(s)
	}
}

// step decodes an MCU. If data is missing, it continues after the next restart marker, or
// ends the scan.
func (d *decoder) step(s *scan) {
	mcu := s.next
	s.next++
	if d.interval > 0 && mcu > 0 && mcu%d.interval == 0 {
		if !d.resync(byte(mcu/d.interval - 1)) {
			s.next = s.total
			d.stop()
			return
		}
		d.restart(s.scanHeader)
	}
	if d.ranOut() {
		s.next = s.total
		if d.interval > 0 {
			s.next = min(s.total, mcu-mcu%d.interval+d.interval)
		}
		return
	}
	x, y := mcu%s.across, mcu/s.across
	for _, c := range s.components {
		if s.single {
			d.block(c, s, x, y)
			continue
		}
		for j := range c.v {
			for i := range c.h {
				d.block(c, s, x*c.h+i, y*c.v+j)
			}
		}
	}
}

// restart resets the values that one block passes to the next.
func (d *decoder) restart(s scanHeader) {
	d.reset()
	d.eobRun = 0
	for _, c := range s.components {
		c.prediction = 0
	}
}

// resync looks for the restart marker with this number, modulo 8, and skips the data
// before it. It reports whether there is a restart marker: any other marker ends the
// scan. Like libjpeg (jpeg_resync_to_restart), and so like browsers, it treats wrong
// numbers in three ways. A marker of one of the next two intervals is not skipped: the
// data of this interval is lost, and the data after the marker belongs to the later
// interval. A marker of one of the two intervals before is skipped. Any other number is
// treated as the right number, written wrongly. For a Walker, resync skips only fill
// bytes.
func (d *decoder) resync(number byte) (more bool) {
	for d.peek(2) {
		b := d.buf[d.pos:]
		if b[0] == 0xff && sof0 <= b[1] && b[1] != 0xff {
			if b[1] < rst0 || b[1] > rst7 {
				return false
			}
			switch (b[1] - rst0 - number) & 7 {
			case 1, 2:
				return true
			case 6, 7: // a marker of an earlier interval
			default:
				d.pos += 2
				return true
			}
		}
		if d.walking && (b[0] != 0xff || b[1] != 0xff) {
			return false
		}
		d.pos++
	}
	return false
}

// block decodes the data that a scan has for one block.
func (d *decoder) block(c *component, s *scan, x, y int) {
	if d.frame.Progressive {
		d.progress(c, s, y*c.blocksX+x)
		d.drawn = d.drawn || !d.ranOut()
		return
	}
	var b block
	used := d.sequential(c, &b, &d.tables.quant[c.quant], c.kept)
	if d.ranOut() {
		return // a part of the block is missing
	}
	d.drawn = true
	if !d.walking {
		c.draw(x, y, &b, used)
	}
}
