package resize

import "encoding/binary"

// maxShrink keeps the sum of a column of bytes inside 16 bits.
const maxShrink = 256

// plane is one channel of a picture, a byte a sample.
type plane struct {
	pix    []byte
	stride int
	w, h   int
}

func (p plane) size() (w, h int) { return p.w, p.h }
func (p plane) channels() int    { return 1 }

func (p plane) row(y int, dst []float32) {
	for x, v := range p.pix[y*p.stride:][:p.w] {
		dst[x] = float32(v)
	}
}

// shrink averages boxes of kx × ky samples.
func (p plane) shrink(kx, ky int) raster {
	return &shrunkPlane{p, kx, ky, make([]uint16, p.w)}
}

// shrunkPlane is a plane of which every box of kx × ky samples is averaged to
// one. The boxes at the right and lower edge average what there is.
type shrunkPlane struct {
	plane
	kx, ky int
	sums   []uint16 // of the columns in the row of boxes asked for
}

func (s *shrunkPlane) size() (w, h int) { return cells(s.w, s.kx), cells(s.h, s.ky) }

func (s *shrunkPlane) row(y int, dst []float32) {
	n := min(s.ky, s.h-y*s.ky)
	s.sumColumns(s.pix[y*s.ky*s.stride:], n)
	whole := s.w / s.kx // boxes
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

// sumColumns adds up n rows, eight columns at a time: two words hold the even
// and the odd ones, in 16 bits each. It is where a JPEG spends its time after
// decoding, and four times as fast as a loop over the bytes.
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

// shrunk is shrunkPlane for any raster.
type shrunk struct {
	raster
	kx, ky int
	line   []float32 // a row of the raster
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

// addBoxes adds the row in s.line to the boxes it lies in.
func (s *shrunk) addBoxes(dst []float32, c int) {
	if c == 4 { // nearly every picture that is no plane
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

// cells is how many boxes of k samples cover n.
func cells(n, k int) int { return (n + k - 1) / k }
