package jpeg

import "math/bits"

// zigzag gives the position in a block of each coefficient (figure A.6).
var zigzag = [64]byte{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// block has the coefficients of a block after dequantization, row by row.
type block [64]int32

// largest is the largest coefficient after dequantization. A picture of 8 bits has none
// above 2¹¹ (A.3.3). A larger one is damage, and could overflow in the transform.
const largest = 1<<12 - 1

// dequantized returns a coefficient after dequantization (A.3.4).
func (d *decoder) dequantized(v, q int32) int32 {
	if f := int64(v) * int64(q); -largest <= f && f <= largest {
		return int32(f)
	}
	d.odd = true
	if (v < 0) != (q < 0) {
		return -largest
	}
	return largest
}

// difference decodes a DC difference (F.2.2.1) and returns the sum of all of them.
func (d *decoder) difference(c *component) int32 {
	if d.n < enough {
		d.refill()
	}
	e := c.dc.next(d.acc)
	switch {
	case e&whole != 0:
		d.acc <<= e.length()
		d.n -= e.length()
		c.prediction += e.value()
	case e&special != 0:
		d.stop()
	default:
		d.take(e.alone())
		c.prediction += extend(d.take(e.size()), e.size())
	}
	return c.prediction
}

// sequential decodes the block of a sequential JPEG (F.2.2). It stores the first kept
// coefficients in b, and skips the others. It returns the number of coefficients up to
// the last one that is stored, in zigzag order.
//
// This function takes most of the time of the package. It has the bits in variables of its
// own, and decodes nearly all values with one access to a table.
func (d *decoder) sequential(c *component, b *block, q *[64]int32, kept int) (used int) {
	dc := d.difference(c)
	if kept > 0 {
		b[0] = d.dequantized(dc, q[0])
	}
	if d.eobRun > 0 {
		d.eobRun--
		return 1
	}
	look := &c.ac.look
	acc, n, k := d.acc, d.n, 1
	used = 1
	for k < 64 {
		if n < enough {
			d.acc, d.n = acc, n
			d.refill()
			acc, n = d.acc, d.n
		}
		e := look[acc>>(64-lookBits)]
		if e == 0 {
			e = c.ac.long(acc)
		}
		after := k + e.advance()
		if after > 64 || e&special != 0 {
			d.acc, d.n = acc, n
			d.endBlock(e)
			return used
		}
		k = after
		length := e.length()
		if after > kept {
			acc <<= length & 63
			n -= length
			continue
		}
		v := e.value()
		if e&whole == 0 {
			acc <<= e.alone() & 63
			n -= e.alone()
			length = e.size()
			v = extend(int32(acc>>(64-length)&0xffff), length)
		}
		acc <<= length & 63
		n -= length
		b[zigzag[(after-1)&63]] = d.dequantized(v, q[(after-1)&63])
		used = after
	}
	d.acc, d.n = acc, n
	return used
}

// endBlock takes the code that ends a block or a band, but not a value after it: the code
// has no value, or is damaged because it goes beyond the end.
func (d *decoder) endBlock(e code) {
	switch {
	case e == special:
		d.stop()
	case e&special != 0:
		d.take(e.alone())
		run := e.advance() - 1
		d.eobRun = 1<<run + int(d.take(run)) - 1 // without this block
	case e&whole != 0:
		v := e.value()
		d.take(e.length() - bits.Len32(uint32(max(v, -v))))
	default:
		d.take(e.alone())
	}
}
