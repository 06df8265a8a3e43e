package jpeg

import "math/bits"

// progress decodes the data that a scan of a progressive JPEG adds to a block (G.1.2).
func (d *decoder) progress(c *component, s *scan, at int) {
	coeff := c.coeff[at*c.kept:][:c.kept]
	switch {
	case s.from > 0 && s.high > 0:
		d.refine(c, s, coeff, &c.known[at])
	case s.from > 0:
		d.firstAC(c, s, coeff, &c.known[at])
	case s.high > 0:
		coeff[0] |= int16(d.take(1) << s.low)
	default:
		coeff[0] = shifted(d.difference(c), s.low)
	}
}

// shifted returns v shifted by low, or the nearest value that fits.
func shifted(v int32, low uint) int16 {
	return int16(max(-1<<15, min(1<<15-1, int64(v)<<low)))
}

// firstAC decodes coefficients of a band for which no earlier scan had data (G.1.2.2).
// It stores those that are kept, and notes for all whether they are 0.
func (d *decoder) firstAC(c *component, s *scan, coeff []int16, known *uint64) {
	if d.eobRun > 0 {
		d.eobRun--
		return
	}
	for k := s.from; k <= s.to; {
		if d.n < enough {
			d.refill()
		}
		e := c.ac.next(d.acc)
		k += e.advance()
		if k-1 > s.to || e&special != 0 {
			d.endBlock(e)
			return
		}
		v := d.value(e)
		if v == 0 {
			continue
		}
		*known |= 1 << (k - 1)
		if k <= len(coeff) {
			coeff[k-1] = shifted(v, s.low)
		}
	}
}

// value takes a code and returns its value.
func (d *decoder) value(e code) int32 {
	if e&whole != 0 {
		d.acc <<= e.length()
		d.n -= e.length()
		return e.value()
	}
	d.take(e.alone())
	return extend(d.take(e.size()), e.size())
}

// refine decodes one more bit of the coefficients of a band (G.1.2.3).
func (d *decoder) refine(c *component, s *scan, coeff []int16, known *uint64) {
	k := s.from
	for d.eobRun == 0 && k <= s.to {
		if d.n < enough {
			d.refill()
		}
		e := c.ac.next(d.acc)
		if e&special != 0 || e.advance() == endOfBlock {
			d.endBlock(e)
			d.eobRun++ // the code below counts this block
			break
		}
		v := d.value(e)
		k = d.correct(s, coeff, *known, k, e.advance()-1)
		if v != 0 && k <= s.to {
			*known |= 1 << k
			if k < len(coeff) {
				coeff[k] = int16(sign(v) << s.low)
			}
		}
		k++
	}
	if d.eobRun > 0 {
		d.eobRun--
		d.correct(s, coeff, *known, k, 64)
	}
}

// sign returns the value of a code of a refinement: 1 or -1. A size of more than one bit
// is damage.
func sign(v int32) int32 {
	if v < 0 {
		return -1
	}
	return 1
}

// correct reads a bit for each coefficient from k on that is not 0, and skips some zeros.
// It returns the index of the zero after them.
func (d *decoder) correct(s *scan, coeff []int16, known uint64, k, zeros int) int {
	bit := int16(1) << s.low
	for k <= s.to {
		skip := min(bits.TrailingZeros64(known>>k), s.to+1-k) // zeros from k on
		if zeros < skip {
			return k + zeros
		}
		zeros -= skip
		if k += skip; k > s.to {
			break
		}
		if d.take(1) != 0 && k < len(coeff) {
			if coeff[k] >= 0 {
				coeff[k] += bit
			} else {
				coeff[k] -= bit
			}
		}
		k++
	}
	return k
}

// drawRow makes the samples of a row of MCUs from the coefficients of all scans.
func (d *decoder) drawRow(c *component, row int) {
	q := &d.tables.quant[c.quant]
	for y := row * c.v; y < (row+1)*c.v; y++ {
		for x := range c.blocksX {
			var b block
			used := 0
			for i, v := range c.coeff[(y*c.blocksX+x)*c.kept:][:c.kept] {
				if v != 0 {
					b[zigzag[i]] = d.dequantized(int32(v), q[i])
					used = i + 1
				}
			}
			c.draw(x, y, &b, used)
		}
	}
}
