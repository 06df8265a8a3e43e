package placeholder

import (
	"image"
	"math"
)

// A ThumbHash (https://evanw.github.io/thumbhash/) has the lowest frequencies of a picture,
// in 5 to 25 bytes. It divides the colours into four channels, each from 0 to 1, or from -1
// to 1 for the differences: L is the luminance, P is yellow minus blue, Q is red minus
// green, and A is the opacity.
//
// The header of 5 bytes, with the lowest bit first:
//
//	6 bits  average of L
//	6 bits  average of P
//	6 bits  average of Q
//	5 bits  scale of L
//	1 bit   1 if a pixel is transparent
//	3 bits  frequencies of L on the shorter side
//	6 bits  scale of P
//	6 bits  scale of Q
//	1 bit   1 for a landscape
//
// If a pixel is transparent, a byte follows: 4 bits for the average of A, and 4 bits for its
// scale. Then each frequency of L, P, Q and A has 4 bits.

// thumbHash returns the ThumbHash of a picture of at most MaxSide × MaxSide pixels, of
// which at least one is visible.
func thumbHash(m *image.NRGBA) []byte {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	channels, transparent := split(m)
	longest := 7 // frequencies of L on the longer side
	if transparent {
		longest = 5
	}
	along := func(side int) int { return max(1, round(float64(longest*side)/float64(max(w, h)))) }
	nx, ny := along(w), along(h)

	d := newDCT(w, h)
	l := d.transform(channels[0], max(3, nx), max(3, ny))
	p, q := d.transform(channels[1], 3, 3), d.transform(channels[2], 3, 3)
	all := []spectrum{l, p, q}

	head := round(63*l.average) | round(31.5+31.5*p.average)<<6 | round(31.5+31.5*q.average)<<12 | round(31*l.scale)<<18
	tail := nx
	if w > h {
		tail = ny | 1<<15
	}
	tail |= round(63*p.scale)<<3 | round(63*q.scale)<<9
	if transparent {
		head |= 1 << 23
	}
	hash := append(make([]byte, 0, 25), byte(head), byte(head>>8), byte(head>>16), byte(tail), byte(tail>>8))
	if transparent {
		a := d.transform(channels[3], 5, 5)
		all = append(all, a)
		hash = append(hash, byte(round(15*a.average)|round(15*a.scale)<<4))
	}
	half := false // whether the upper 4 bits of the last byte are still free
	for _, s := range all {
		for _, f := range s.rest {
			v := byte(round(15 * s.part(f)))
			if half {
				hash[len(hash)-1] |= v << 4
			} else {
				hash = append(hash, v)
			}
			half = !half
		}
	}
	return hash
}

// split returns the channels L, P, Q and A of a picture. It draws the picture on a ground of the
// average colour, as the format requires.
func split(m *image.NRGBA) (channels [4][]float64, transparent bool) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	behind, transparent := average(m)
	for i := range channels {
		channels[i] = make([]float64, w*h)
	}
	l, p, q, opacity := channels[0], channels[1], channels[2], channels[3]
	for y := range h {
		row := m.Pix[y*m.Stride:][:4*w]
		for x := range w {
			s, i := row[4*x:][:4], y*w+x
			a := float64(s[3]) / 255
			r, g, b := a/255*float64(s[0]), a/255*float64(s[1]), a/255*float64(s[2])
			r, g, b = r+(1-a)*behind[0], g+(1-a)*behind[1], b+(1-a)*behind[2]
			l[i], p[i], q[i], opacity[i] = (r+g+b)/3, (r+g)/2-b, r-g, a
		}
	}
	return channels, transparent
}

// average returns the average colour of a picture, in numbers from 0 to 1. Each pixel is
// multiplied by its alpha. average also reports whether a pixel is transparent.
func average(m *image.NRGBA) (rgb [3]float64, transparent bool) {
	var r, g, b, opacity uint64
	for y := range m.Rect.Dy() {
		row := m.Pix[y*m.Stride:][:4*m.Rect.Dx()]
		for ; len(row) >= 4; row = row[4:] {
			a := uint64(row[3])
			r, g, b, opacity = r+a*uint64(row[0]), g+a*uint64(row[1]), b+a*uint64(row[2]), opacity+a
			transparent = transparent || a < 255
		}
	}
	n := float64(255 * opacity)
	return [3]float64{float64(r) / n, float64(g) / n, float64(b) / n}, transparent
}

// spectrum is a channel as a sum of cosines.
type spectrum struct {
	average float64
	rest    []float64 // the frequencies above 0, row by row
	scale   float64   // the largest absolute value in rest
}

// part converts f, which is from -scale to scale, to a number from 0 to 1.
func (s spectrum) part(f float64) float64 {
	if s.scale == 0 {
		return f
	}
	return 0.5 + 0.5*f/s.scale
}

// dct is the discrete cosine transform of pictures of w × h pixels.
type dct struct {
	w, h         int
	across, down [7][]float64 // the values of each cosine
}

func newDCT(w, h int) *dct {
	d := &dct{w: w, h: h}
	for k := range d.across {
		d.across[k], d.down[k] = cosine(k, w), cosine(k, h)
	}
	return d
}

// cosine returns the n values of the cosine with the frequency k.
func cosine(k, n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = math.Cos(math.Pi / float64(n) * float64(k) * (float64(i) + 0.5))
	}
	return values
}

// transform returns the frequencies (x, y) of a channel for which x/nx + y/ny < 1.
func (d *dct) transform(channel []float64, nx, ny int) (s spectrum) {
	rows := make([]float64, nx*d.h) // each row, transformed; the values of a frequency are next to each other
	for y := range d.h {
		row := channel[y*d.w:][:d.w]
		for k := range nx {
			rows[k*d.h+y] = dot(row, d.across[k])
		}
	}
	for y := range ny {
		for x := 0; x*ny < nx*(ny-y); x++ {
			f := dot(rows[x*d.h:][:d.h], d.down[y]) / float64(d.w*d.h)
			if x == 0 && y == 0 {
				s.average = f
				continue
			}
			s.rest = append(s.rest, f)
			s.scale = max(s.scale, math.Abs(f))
		}
	}
	return s
}

// dot returns the sum of the products of a and b.
func dot(a, b []float64) float64 {
	b = b[:len(a)]
	var s, t float64 // two sums are faster: with one sum, each addition must wait for the previous one
	i := 0
	for ; i+2 <= len(a); i += 2 {
		s, t = s+a[i]*b[i], t+a[i+1]*b[i+1]
	}
	if i < len(a) {
		s += a[i] * b[i]
	}
	return s + t
}

// round rounds a number that is not negative.
func round(v float64) int { return int(v + 0.5) }
