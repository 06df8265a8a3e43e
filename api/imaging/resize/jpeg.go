package resize

import (
	"image"
	"math"

	"imageserver/api/imaging/jpeg"
)

// jpegPicture is a JPEG that is decoded while it is drawn, in the smallest size that is
// good enough for the variant.
type jpegPicture struct{ *jpeg.Picture }

func openJPEG(f *file) (picture, error) {
	p, err := jpeg.Open(f, f.ended)
	if err != nil {
		return nil, err
	}
	return jpegPicture{p}, nil
}

func (p jpegPicture) size() (w, h int) { return p.Width, p.Height }

func (p jpegPicture) draw(t target) (image.Image, error) {
	r := reduce(p.Frame, p.Model == jpeg.RGB, t)
	p.Scale(r.sides[:]...)
	p.Hold(r.hold[:]...)
	area := t.area(p.size())
	var m image.Image
	switch p.Model {
	case jpeg.Grey:
		m = t.merge(grey, t.renderAll(p.channels(r), area))
	case jpeg.YCbCr:
		m = t.merge(ycbcr, t.renderAll(p.channels(r), area))
	case jpeg.RGB:
		m = t.merge(rgb, t.renderAll(p.channels(r), area))
	default:
		m = t.pixels(newInks(p.Picture), area)
	}
	return m, p.Err()
}

// channels returns the planes of a picture that is not CMYK.
func (p jpegPicture) channels(r reduction) []channel {
	var all []channel
	for i, l := range p.Planes {
		all = append(all, channel{plane{l.Width, l.Height, l.Stride, l.Rows}, l.Across, l.Down, r.keep[i], fullRange[0]})
	}
	return all
}

// reduction says how much the components of a JPEG are reduced while it is decoded.
type reduction struct {
	sides [4]int     // samples of a side of a block: 8, 4, 2 or 1
	hold  [4]int     // rows of samples in memory
	keep  [4]float64 // samples for each pixel of the variant that boxes leave
}

// reduce returns the largest reduction with which each component still has enough samples
// for each pixel of the variant.
func reduce(f jpeg.Frame, rgb bool, t target) (r reduction) {
	across, down := t.area(f.Width, f.Height).density(t.w, t.h)
	most := 0.0 // pixels in a column of a box
	for i := range f.Sampling {
		keep := float64(coarse)
		if i == 0 || rgb {
			keep = fine
		}
		r.sides[i], r.keep[i] = 8, keep+1
		if len(f.Sampling) < 4 { // the inks of CMYK are multiplied before they are averaged
			r.sides[i] = side(keep, func(n int) float64 {
				x, y := f.Density(i, n)
				return min(x*across, y*down)
			})
		}
		_, y := f.Density(i, r.sides[i])
		r.hold[i] = box(y*down, r.keep[i])
		most = max(most, float64(r.hold[i])/y)
	}
	for i := range f.Sampling { // one box is in use, and another component can need the rows of its box
		_, y := f.Density(i, r.sides[i])
		r.hold[i] += int(math.Ceil(most*y)) + 1
	}
	return r
}

// side returns the smallest number of samples on a side of a block that leaves keep samples
// for each pixel of the variant. One sample must leave one more, because it averages the
// block and thus keeps more of the frequencies that are too high. samples returns how many
// samples n leaves.
func side(keep float64, samples func(n int) float64) int {
	if samples(1) >= keep+1 {
		return 1
	}
	for n := 2; n < 8; n *= 2 {
		if samples(n) >= keep {
			return n
		}
	}
	return 8
}

// inks is a raster of a JPEG in CMYK or YCCK. Its colours are those of readCMYK.
type inks struct {
	*jpeg.Picture
	at [4][]int32 // index of the sample of each pixel of a row
}

func newInks(p *jpeg.Picture) *inks {
	k := &inks{Picture: p}
	for i, l := range p.Planes {
		k.at[i] = make([]int32, p.Width)
		for x := range k.at[i] {
			k.at[i][x] = int32(min(int(float64(x)*l.Across), l.Width-1))
		}
	}
	return k
}

func (k *inks) size() (w, h int) { return k.Width, k.Height }
func (k *inks) channels() int    { return 4 }

func (k *inks) row(y int, dst []float32) {
	var lines [4]int
	for i, l := range k.Planes {
		lines[i] = min(int(float64(y)*l.Down), l.Height-1)
		l.Rows(lines[i], 0)
	}
	var rows [4][]byte
	for i, l := range k.Planes {
		rows[i] = l.Rows(lines[i], 1)
	}
	for x := range k.Width {
		var v [4]float32
		for i, row := range rows {
			v[i] = float32(row[k.at[i][x]])
		}
		if k.Model == jpeg.YCCK {
			r, g, b := fromYCbCr(v[0], v[1], v[2])
			v[0], v[1], v[2] = 255-r, 255-g, 255-b
		}
		f := v[3] / 255
		dst[4*x], dst[4*x+1], dst[4*x+2], dst[4*x+3] = v[0]*f, v[1]*f, v[2]*f, 255
	}
}
