package resize

import "encoding/binary"

// maxShrink is the largest side of a box. With it the sum of a column of bytes fits
// into 16 bits.
const maxShrink = 256

// plane is one channel of a picture, with one byte for each sample.
type plane struct {
	w, h   int // samples
	stride int

	// rows returns n rows from row y on. It is called like raster.row. With n = 0, it
	// announces that no row before y will be requested.
	rows func(y, n int) []byte
}

// newPlane returns a plane in memory.
func newPlane(pix []byte, stride, w, h int) plane {
	return plane{w, h, stride, func(y, _ int) []byte { return pix[y*stride:] }}
}

func (p plane) size() (w, h int) { return p.w, p.h }
func (p plane) channels() int    { return 1 }

func (p plane) row(y int, dst []float32) {
	for x, v := range p.rows(y, 1)[:p.w] {
		dst[x] = float32(v)
	}
}

// shrink averages boxes of kx × ky samples.
func (p plane) shrink(kx, ky int) raster {
	return &shrunkPlane{p, kx, ky, make([]uint16, p.w)}
}

// shrunkPlane is a plane in which each box of kx × ky samples is averaged to one
// sample. The boxes at the right and lower edge can be smaller.
type shrunkPlane struct {
	plane
	kx, ky int
	sums   []uint16 // sums of the columns in the current row of boxes
}

func (s *shrunkPlane) size() (w, h int) { return cells(s.w, s.kx), cells(s.h, s.ky) }

func (s *shrunkPlane) row(y int, dst []float32) {
	n := min(s.ky, s.h-y*s.ky)
	s.sumColumns(s.rows(y*s.ky, n), n)
	whole := s.w / s.kx // number of boxes that are not cut off at the edge
	f := 1 / float32(s.kx*n)
	for x := range whole {
		dst[x] = float32(sum(s.sums[x*s.kx:][:s.kx])) * f
	}
	if rest := s.sums[whole*s.kx:]; len(rest) > 0 {
		dst[whole] = float32(sum(rest)) / float32(len(rest)*n)
	}
}

func sum(values []uint16) (sum uint32) {
	for _, v := range values {
		sum += uint32(v)
	}
	return sum
}

// sumColumns adds up n rows, eight columns at a time: one word contains the sums of
// the even columns and another those of the odd columns, in 16 bits each. After
// decoding, a JPEG spends most of its time here. It is four times as fast as a loop
// over the bytes.
func (s *shrunkPlane) sumColumns(pix []byte, n int) {
	const lanes = 0x00ff00ff00ff00ff
	x := 0
	for ; x+8 <= s.w; x += 8 {
		var even, odd uint64
		for y := range n {
			v := binary.LittleEndian.Uint64(pix[y*s.stride+x:])
			even += v & lanes
			odd += v >> 8 & lanes
		}
		sums := s.sums[x : x+8]
		for i := 0; i < 8; i += 2 {
			sums[i], sums[i+1] = uint16(even), uint16(odd)
			even, odd = even>>16, odd>>16
		}
	}
	for ; x < s.w; x++ {
		sum := uint16(0)
		for y := range n {
			sum += uint16(pix[y*s.stride+x])
		}
		s.sums[x] = sum
	}
}

// shrunk does the same as shrunkPlane for any raster.
type shrunk struct {
	raster
	kx, ky int
	line   []float32 // the row of the raster that was read last
}

func shrinkRows(r raster, kx, ky int) *shrunk {
	w, _ := r.size()
	return &shrunk{r, kx, ky, make([]float32, w*r.channels())}
}

func (s *shrunk) size() (w, h int) {
	w, h = s.raster.size()
	return cells(w, s.kx), cells(h, s.ky)
}

func (s *shrunk) row(y int, dst []float32) {
	w, h := s.raster.size()
	n, c := min(s.ky, h-y*s.ky), s.channels()
	clear(dst)
	for i := range n {
		s.raster.row(y*s.ky+i, s.line)
		s.addBoxes(dst, c)
	}
	for x := 0; x*c < len(dst); x++ {
		f := 1 / float32(n*min(s.kx, w-x*s.kx))
		for i := range c {
			dst[x*c+i] *= f
		}
	}
}

// addBoxes adds the row in s.line to its row of boxes.
func (s *shrunk) addBoxes(dst []float32, c int) {
	if c == 4 { // nearly all pictures that are not a plane
		for x := 0; x*4 < len(dst); x++ {
			var r, g, b, a float32
			box := s.line[x*s.kx*4 : min((x+1)*s.kx*4, len(s.line))]
			for ; len(box) >= 4; box = box[4:] {
				r, g, b, a = r+box[0], g+box[1], b+box[2], a+box[3]
			}
			out := dst[x*4:][:4]
			out[0], out[1], out[2], out[3] = out[0]+r, out[1]+g, out[2]+b, out[3]+a
		}
		return
	}
	for i, v := range s.line {
		dst[i/c/s.kx*c+i%c] += v
	}
}

// cells returns how many boxes of k samples are needed to cover n samples.
func cells(n, k int) int { return (n + k - 1) / k }
