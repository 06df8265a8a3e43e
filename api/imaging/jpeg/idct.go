package jpeg

// draw transforms the coefficients of a block to samples and stores them in the window.
// Only the first used coefficients, in zigzag order, can differ from 0.
func (c *component) draw(x, y int, b *block, used int) {
	l := c.plane
	pix := l.pix[(y*c.n-l.first)*l.Stride+x*c.n:]
	switch {
	case c.n == 1:
		pix[0] = sample(int(b[0]), 3)
	case used <= 1:
		fill(pix, l.Stride, c.n, sample(int(b[0]), 3))
	case c.n == 2:
		draw2(pix, l.Stride, b)
	case c.n == 4:
		draw4(pix, l.Stride, b)
	default:
		draw8(pix, l.Stride, b)
	}
}

// sample divides v by 2 to the power of shift, shifts the level and limits the result to a
// byte (A.3.1).
func sample(v int, shift uint) byte {
	v = (v+1<<shift>>1)>>shift + 128
	if uint(v) > 255 {
		if v < 0 {
			return 0
		}
		return 255
	}
	return byte(v)
}

// fill stores n × n equal samples.
func fill(pix []byte, stride, n int, v byte) {
	for y := range n {
		row := pix[y*stride:][:n]
		for x := range row {
			row[x] = v
		}
	}
}

// The transforms of n × n samples, for n from 2 to 8, use the n × n coefficients of the
// lowest frequencies. In one dimension, sample x is half of the sum of C(u) F(u) cos((2x+1)
// u π / 2n) over the frequencies u, where C(0) is 1/√2 and all others are 1. For n = 8 this
// is A.3.3. For a smaller n it is the same picture, sampled less often and without the
// frequencies that are too high for that.

// draw2 does this for n = 2, where all cosines are 1/√2.
func draw2(pix []byte, stride int, b *block) {
	top, bottom := pix[:2], pix[stride:][:2]
	s, t := int(b[0]+b[8]), int(b[1]+b[9])
	top[0], top[1] = sample(s+t, 3), sample(s-t, 3)
	s, t = int(b[0]-b[8]), int(b[1]-b[9])
	bottom[0], bottom[1] = sample(s+t, 3), sample(s-t, 3)
}

// The constants have this many bits after the point, and the values between the two
// passes have extraBits more than the samples.
const (
	constBits = 13
	extraBits = 2
)

// The cosines of k π / 16, multiplied by √2 and 2¹³.
const (
	cos1, cos2, cos3 = 11363, 10703, 9633
	cos5, cos6, cos7 = 6436, 4433, 2260
)

// draw4 transforms columns and then rows. Each pass computes √8 times the sum, so the
// result is 8 times the samples.
func draw4(pix []byte, stride int, b *block) {
	var half [16]int
	const shift, round = constBits - extraBits, 1 << (constBits - extraBits - 1)
	for x := range 4 {
		s, t, u, v := four(int(b[x]), int(b[8+x]), int(b[16+x]), int(b[24+x]))
		half[x], half[4+x], half[8+x], half[12+x] = (s+round)>>shift, (t+round)>>shift, (u+round)>>shift, (v+round)>>shift
	}
	for y := range 4 {
		const shift = constBits + extraBits + 3
		s, t, u, v := four(half[4*y], half[4*y+1], half[4*y+2], half[4*y+3])
		row := pix[y*stride:][:4]
		row[0], row[1], row[2], row[3] = sample(s, shift), sample(t, shift), sample(u, shift), sample(v, shift)
	}
}

// four transforms 4 coefficients of one dimension.
func four(a, b, c, d int) (s, t, u, v int) {
	even, odd := (a+c)<<constBits, (a-c)<<constBits
	outer, inner := b*cos2+d*cos6, b*cos6-d*cos2
	return even + outer, odd + inner, odd - inner, even - outer
}

// odd transforms the 4 odd coefficients of 8 of one dimension. It has 9 multiplications
// instead of 16 (Loeffler, Ligtenberg, Moschytz: "Practical Fast 1-D DCT Algorithms with 11
// Multiplications", 1989).
func odd(a, b, c, d int) (s, t, u, v int) {
	all := (a + b + c + d) * cos3
	ad, bc := (a+d)*(cos7-cos3), -(b+c)*(cos1+cos3)
	bd, ac := all-(b+d)*(cos3+cos5), all+(a+c)*(cos5-cos3)
	s = a*(cos1+cos3-cos5-cos7) + ad + ac
	t = b*(cos1+cos3+cos5-cos7) + bc + bd
	u = c*(cos1+cos3-cos5+cos7) + bc + ac
	v = d*(cos3+cos5-cos1-cos7) + ad + bd
	return s, t, u, v
}

// draw8 does the same as draw4 for 8 × 8 samples.
func draw8(pix []byte, stride int, b *block) {
	var half [64]int
	for x := range 8 {
		const shift, round = constBits - extraBits, 1 << (constBits - extraBits - 1)
		if b[8+x]|b[16+x]|b[24+x]|b[32+x]|b[40+x]|b[48+x]|b[56+x] == 0 {
			v := int(b[x]) << extraBits
			half[x], half[8+x], half[16+x], half[24+x], half[32+x], half[40+x], half[48+x], half[56+x] = v, v, v, v, v, v, v, v
			continue
		}
		e, f, g, h := four(int(b[x]), int(b[16+x]), int(b[32+x]), int(b[48+x]))
		s, t, u, v := odd(int(b[8+x]), int(b[24+x]), int(b[40+x]), int(b[56+x]))
		e, f, g, h = e+round, f+round, g+round, h+round
		half[x], half[8+x], half[16+x], half[24+x] = (e+s)>>shift, (f+t)>>shift, (g+u)>>shift, (h+v)>>shift
		half[32+x], half[40+x], half[48+x], half[56+x] = (h-v)>>shift, (g-u)>>shift, (f-t)>>shift, (e-s)>>shift
	}
	for y := range 8 {
		const shift = constBits + extraBits + 3
		r := half[8*y:][:8]
		e, f, g, h := four(r[0], r[2], r[4], r[6])
		s, t, u, v := odd(r[1], r[3], r[5], r[7])
		row := pix[y*stride:][:8]
		row[0], row[1], row[2], row[3] = sample(e+s, shift), sample(f+t, shift), sample(g+u, shift), sample(h+v, shift)
		row[4], row[5], row[6], row[7] = sample(h-v, shift), sample(g-u, shift), sample(f-t, shift), sample(e-s, shift)
	}
}
