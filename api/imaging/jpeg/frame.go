package jpeg

import (
	"encoding/binary"
	"fmt"
)

// Frame describes the encoding of the samples of a JPEG.
type Frame struct {
	Width, Height int // pixels
	Progressive   bool

	// Interleaved is set if the first scan has all components. The rest of a
	// sequential JPEG is not part of the picture then.
	Interleaved bool

	// Sampling has the sampling factors of each component, across and down (A.1.1).
	Sampling [][2]int
}

// readFrame reads SOF (B.2.2).
func (d *decoder) readFrame(marker byte, b []byte) error {
	switch {
	case d.components != nil:
		return fmt.Errorf("%w: it has a second frame", ErrDamaged)
	case marker > sof2:
		return fmt.Errorf("%w: SOF%d", ErrUnsupported, marker-sof0)
	case len(b) < 6:
		return fmt.Errorf("%w: its frame header is too short", ErrDamaged)
	case b[0] != 8:
		return fmt.Errorf("%w: samples of %d bits", ErrUnsupported, b[0])
	}
	f, n := &d.frame, int(b[5])
	f.Progressive = marker == sof2
	f.Height, f.Width = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
	switch {
	case n != 1 && n != 3 && n != 4 && !d.walking:
		return fmt.Errorf("%w: %d components", ErrUnsupported, n)
	case f.Width == 0 || f.Height == 0 || n < 1 || n > 4 || len(b) < 6+3*n:
		return fmt.Errorf("%w: its frame header is damaged", ErrDamaged)
	}
	components := make([]component, n)
	for i := range components {
		c, spec := &components[i], b[6+3*i:]
		c.id, c.h, c.v, c.quant = spec[0], int(spec[1]>>4), int(spec[1]&15), spec[2]&3
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return fmt.Errorf("%w: sampling factors %d × %d", ErrDamaged, c.h, c.v)
		}
		if n == 1 { // its blocks are not grouped (A.2.2)
			c.h, c.v = 1, 1
		}
		f.Sampling = append(f.Sampling, [2]int{c.h, c.v})
	}
	across, down := f.mcus()
	for i := range components {
		c := &components[i]
		c.blocksX, c.blocksY = across*c.h, down*c.v
	}
	d.components = components
	return nil
}

// most returns the largest sampling factors, at least 1.
func (f Frame) most() (h, v int) {
	h, v = 1, 1
	for _, s := range f.Sampling {
		h, v = max(h, s[0]), max(v, s[1])
	}
	return h, v
}

// mcus returns the number of MCUs in a row and in a column of the picture (A.2.3).
func (f Frame) mcus() (across, down int) {
	h, v := f.most()
	return cells(f.Width, 8*h), cells(f.Height, 8*v)
}

// cells returns how many cells of k are needed to cover n.
func cells(n, k int) int { return (n + k - 1) / k }

// Density returns how many samples component i has for each pixel, across and down, if
// the sides of its blocks have n samples.
func (f Frame) Density(i, n int) (across, down float64) {
	h, v := f.most()
	return float64(f.Sampling[i][0]*n) / float64(8*h), float64(f.Sampling[i][1]*n) / float64(8*v)
}

// Memory returns the number of bytes that a Picture needs after Scale(n...) and
// Hold(rows...), without its buffer and its tables.
func (f Frame) Memory(n, rows [4]int) (bytes float64) {
	across, down := f.mcus()
	for i, s := range f.Sampling {
		stride, strip := across*s[0]*n[i], s[1]*n[i]
		bytes += float64(stride) * float64(f.window(strip, down, rows[i]))
		if f.Progressive {
			bytes += float64(across*s[0]) * float64(down*s[1]) * float64(2*kept(n[i])+8)
		}
	}
	return bytes
}

// window returns the number of rows of samples that are in memory for a component. A
// row of MCUs has strip rows of the component. The caller holds some rows more.
func (f Frame) window(strip, mcus, hold int) int {
	if !f.Progressive && !f.Interleaved {
		return strip * mcus
	}
	return min(strip*mcus, strip+hold)
}

// kept returns how many coefficients of a block are needed for n samples on a side, in
// zigzag order.
func kept(n int) int { return [...]int{1: 1, 2: 5, 4: 25, 8: 64}[n] }
