package resize

import "math"

// raster is a picture that is read row by row. A row contains the values of the
// channels of each pixel, from 0 to 255. Colours are premultiplied with alpha, so
// the colour of a transparent pixel does not spread to its neighbours.
//
// One goroutine reads the rows, in order, each at most once.
type raster interface {
	size() (w, h int) // pixels
	channels() int
	row(y int, dst []float32)
}

// area is a part of a raster, in pixels. Its edges can be inside a pixel.
type area struct{ x0, y0, x1, y1 float64 }

// fine and coarse are the least number of samples of the shrunk raster, across and
// down, for each pixel of the variant. With 2, rings too fine for the variant keep a
// fifth of their contrast. With 3 they keep a seventh, and the PSNR of the variant is
// 48 dB or more against the result of the kernel alone. A larger number takes more
// time. Chroma uses coarse, because the eye sees less detail in colours.
const (
	fine   = 3
	coarse = 2
)

// density is how many samples a picture has for each pixel of its variant, across and
// down.
func (a area) density(w, h int) (across, down float64) {
	return (a.x1 - a.x0) / float64(w), (a.y1 - a.y0) / float64(h)
}

// box returns the number of samples, across or down, that are averaged to one. keep is
// fine or coarse.
func box(density, keep float64) int { return max(1, min(int(density/keep), maxShrink)) }

// scaler scales an area of a raster to w × h pixels, row by row.
//
// Averaging boxes is fast, but its steps are visible. The Catmull-Rom kernel is good,
// but slow. So a scaler averages boxes down to keep times the size of the variant or
// more, and then uses the kernel.
type scaler struct {
	r            raster
	across, down *taps
	ky           int         // rows of the picture in a row of r
	line         []float32   // a row of r
	lines        [][]float32 // the last rows, scaled across; row y is at index y modulo their number
	out          []float32
	next         int // the next row of r to read
	made         int // rows of the variant that were made
	emit         func(y int, row []float32)
}

// newScaler returns a scaler that calls emit for each row of the variant. The row is
// valid until emit returns. keep is fine or coarse.
func newScaler(r raster, a area, w, h int, keep float64, emit func(y int, row []float32)) *scaler {
	across, down := a.density(w, h)
	kx, ky := box(across, keep), box(down, keep)
	if kx > 1 || ky > 1 {
		if p, ok := r.(plane); ok {
			r = p.shrink(kx, ky)
		} else {
			r = shrinkRows(r, kx, ky)
		}
		a = area{a.x0 / float64(kx), a.y0 / float64(ky), a.x1 / float64(kx), a.y1 / float64(ky)}
	}
	rw, rh := r.size()
	c := r.channels()
	s := &scaler{r: r, across: newTaps(a.x0, a.x1, w, rw), down: newTaps(a.y0, a.y1, h, rh), ky: ky, emit: emit}
	s.line, s.out = make([]float32, rw*c), make([]float32, w*c)
	s.lines = make([][]float32, s.down.n)
	for i := range s.lines {
		s.lines[i] = make([]float32, w*c)
	}
	s.next = s.down.first[0]
	return s
}

func (s *scaler) done() bool { return s.made == len(s.down.first) }

// position returns the number of the next row of the picture to read.
func (s *scaler) position() int { return s.next * s.ky }

// step reads a row, and makes the rows of the variant for which that was the last.
func (s *scaler) step() {
	c, n := s.r.channels(), s.down.n
	s.r.row(s.next, s.line)
	s.across.apply(s.lines[s.next%n], s.line, c)
	s.next++
	for !s.done() && s.down.first[s.made]+n <= s.next {
		clear(s.out)
		for i, f := range s.down.of(s.made) {
			if f != 0 {
				addScaled(s.out, s.lines[(s.down.first[s.made]+i)%n], f)
			}
		}
		s.emit(s.made, s.out)
		s.made++
	}
}

// run makes all rows.
func (s *scaler) run() {
	for !s.done() {
		s.step()
	}
}

// addScaled adds f times b to a.
func addScaled(a, b []float32, f float32) {
	b = b[:len(a)]
	for i := range a {
		a[i] += b[i] * f
	}
}

// taps has the samples for each pixel of a row or column, and their factors. Pixel i
// is the weighted sum of n samples from first[i] on.
type taps struct {
	n       int
	first   []int
	factors []float32 // n for each pixel
}

func (t *taps) of(i int) []float32 { return t.factors[i*t.n : (i+1)*t.n] }

// newTaps maps the samples from a to b to n pixels. size is the number of all samples.
func newTaps(a, b float64, n, size int) *taps {
	step := (b - a) / float64(n)
	wide := max(step, 1)         // a kernel narrower than a sample would miss some samples
	reach := kernelRadius * wide // radius of the kernel in samples
	count := int(math.Ceil(2*reach)) + 1
	count = min(count, size)
	t := &taps{count, make([]int, n), make([]float32, n*count)}
	for i := range n {
		centre := a + (float64(i)+0.5)*step - 0.5 // in coordinates in which sample s is at s
		first := int(math.Ceil(centre - reach))
		first = max(0, min(first, size-count))
		t.first[i] = first
		factors, sum := t.of(i), 0.0
		for j := range factors {
			f := kernel((float64(first+j) - centre) / wide)
			factors[j] = float32(f)
			sum += f
		}
		for j := range factors { // at the edges, a part of the kernel is outside of the picture
			factors[j] /= float32(sum)
		}
	}
	return t
}

// apply scales one row of c channels.
func (t *taps) apply(dst, src []float32, c int) {
	switch c {
	case 1:
		for i, first := range t.first {
			f := t.of(i)
			s := src[first:][:len(f)]
			var a, b, c, d float32 // four sums: with one sum, each addition waits for the one before
			for ; len(f) >= 4 && len(s) >= 4; f, s = f[4:], s[4:] {
				a, b, c, d = a+s[0]*f[0], b+s[1]*f[1], c+s[2]*f[2], d+s[3]*f[3]
			}
			for j, f := range f {
				a += s[j] * f
			}
			dst[i] = a + b + c + d
		}
	case 4:
		for i, first := range t.first {
			var r, g, b, a float32
			samples := src[first*4:][:t.n*4]
			for j, f := range t.of(i) {
				s := samples[j*4:][:4]
				r, g, b, a = r+s[0]*f, g+s[1]*f, b+s[2]*f, a+s[3]*f
			}
			d := dst[i*4:][:4]
			d[0], d[1], d[2], d[3] = r, g, b, a
		}
	default:
		panic("resize: a raster has 1 or 4 channels")
	}
}

// kernelRadius is the distance at which the kernel becomes 0.
const kernelRadius = 2

// kernel is the cubic kernel of Catmull and Rom: Keys, "Cubic Convolution
// Interpolation for Digital Image Processing" (1981), with a = -1/2.
func kernel(x float64) float64 {
	x = math.Abs(x)
	switch {
	case x < 1:
		return (1.5*x-2.5)*x*x + 1
	case x < 2:
		return ((-0.5*x+2.5)*x-4)*x + 2
	}
	return 0
}
