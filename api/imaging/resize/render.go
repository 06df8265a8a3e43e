package resize

import (
	"cmp"
	"image"
	"math"
)

// picture is a picture of a file. It is decoded, or its draw decodes it.
type picture interface {
	size() (w, h int) // pixels

	// draw makes the pixels of the variant. The errors are those of Make.
	draw(t target) (image.Image, error)
}

// target describes the variant to draw.
type target struct {
	Plan
	w, h        int   // pixels of the variant before it is turned
	focus       Focus // before the variant is turned
	orientation int
}

// area returns the part of a picture of w × h pixels that becomes the variant.
func (t target) area(w, h int) area { return crop(w, h, t.Cover, t.focus, t.w, t.h) }

// decoded is a picture in memory.
type decoded struct {
	image.Image
	levels [3]levels
}

func (d decoded) size() (w, h int) { return d.Bounds().Dx(), d.Bounds().Dy() }

func (d decoded) draw(t target) (image.Image, error) {
	area := t.area(d.size())
	switch m := d.Image.(type) {
	case *image.Gray:
		y := channel{newPlane(m.Pix, m.Stride, m.Rect.Dx(), m.Rect.Dy()), 1, 1, fine, d.levels[0]}
		return t.merge(grey, t.renderAll([]channel{y}, area)), nil
	case *image.Gray16:
		y := t.render(newPixels(m), area, fine, d.levels[0])
		y.run()
		return t.merge(grey, []*rendered{y}), nil
	case *image.YCbCr:
		return t.merge(ycbcr, t.renderAll(channelsOf(m, d.levels), area)), nil
	}
	return t.pixels(newPixels(d.Image), area), nil
}

// channel is a plane of a picture.
type channel struct {
	plane
	across, down float64 // samples for each pixel of the picture
	keep         float64 // fine or coarse
	levels
}

// rendered is a channel of the variant while it is made.
type rendered struct {
	*scaler
	pix []byte
}

// render begins to scale a raster of one channel.
func (t target) render(r raster, a area, keep float64, l levels) *rendered {
	pix := make([]byte, t.w*t.h)
	return &rendered{newScaler(r, a, t.w, t.h, keep, func(y int, row []float32) {
		out := pix[t.w*y:]
		for x, v := range row {
			out[x] = byte(limit(l.apply(v)) + 0.5)
		}
	}), pix}
}

// renderAll scales channels. The channel that is furthest behind takes the next step, so
// that a picture that is decoded meanwhile has few rows in memory.
func (t target) renderAll(channels []channel, a area) []*rendered {
	all := make([]*rendered, len(channels))
	for i, c := range channels {
		all[i] = t.render(c.plane, a.scaled(c.across, c.down), c.keep, c.levels)
		c.rows(all[i].position(), 0)
	}
	for {
		var behind *rendered
		least := math.Inf(1)
		for i, r := range all {
			if at := float64(r.position()) / channels[i].down; !r.done() && at < least {
				behind, least = r, at
			}
		}
		if behind == nil {
			return all
		}
		behind.step()
	}
}

// The functions of merge.
const (
	grey = iota
	ycbcr
	rgb
)

// merge makes a picture from its channels, and turns it.
func (t target) merge(kind int, channels []*rendered) image.Image {
	rect := image.Rect(0, 0, t.Width, t.Height)
	for _, c := range channels {
		c.pix = turned(c.pix, t.w, t.h, 1, t.orientation)
	}
	c := channels
	switch kind {
	case grey:
		return &image.Gray{Pix: c[0].pix, Stride: t.Width, Rect: rect}
	case ycbcr:
		return &image.YCbCr{Y: c[0].pix, Cb: c[1].pix, Cr: c[2].pix, YStride: t.Width, CStride: t.Width,
			SubsampleRatio: image.YCbCrSubsampleRatio444, Rect: rect}
	}
	m := image.NewNRGBA(rect)
	for i := range t.Width * t.Height {
		m.Pix[4*i], m.Pix[4*i+1], m.Pix[4*i+2], m.Pix[4*i+3] = c[0].pix[i], c[1].pix[i], c[2].pix[i], 255
	}
	return m
}

// pixels scales and turns a raster of four channels.
func (t target) pixels(r raster, a area) image.Image {
	pix := make([]byte, 4*t.w*t.h)
	newScaler(r, a, t.w, t.h, fine, func(y int, row []float32) { storePixels(pix[4*t.w*y:], row) }).run()
	return &image.NRGBA{Pix: turned(pix, t.w, t.h, 4, t.orientation), Stride: 4 * t.Width, Rect: image.Rect(0, 0, t.Width, t.Height)}
}

// storePixels stores a row, without the premultiplication of its colours.
func storePixels(pix []byte, row []float32) {
	for i := 0; i+4 <= len(row); i += 4 {
		d, s := pix[i:i+4], row[i:i+4]
		a := limit(s[3])
		if a < 0.5 {
			continue // transparent: d is 0 already
		}
		f := 255 / a
		d[0], d[1], d[2], d[3] = byte(limit(s[0]*f)+0.5), byte(limit(s[1]*f)+0.5), byte(limit(s[2]*f)+0.5), byte(a+0.5)
	}
}

// crop returns the part of a picture of pw × ph pixels that becomes the w × h pixels of
// the variant.
func crop(pw, ph int, cover bool, focus Focus, w, h int) area {
	bw, bh := float64(pw), float64(ph)
	if !cover {
		return area{0, 0, bw, bh}
	}
	across, down := bw/float64(w), bh/float64(h)
	f := min(across, down)
	x0, x1 := around(focus.X, bw, bw-f*float64(w), across > f)
	y0, y1 := around(focus.Y, bh, bh-f*float64(h), down > f)
	return area{x0, y0, x1, y1}
}

// around returns the ends of the part of a side that is kept. rest is the length that is
// cut off.
func around(focus int, side, rest float64, cut bool) (begin, end float64) {
	if !cut {
		return 0, side
	}
	begin = min(max(rest/2+side*float64(focus)/(2*focusSteps), 0), rest)
	return begin, side - (rest - begin)
}

// nearest returns the focus nearest to the centre that has the same crop as f.
func (f Focus) nearest(pw, ph, w, h int) Focus {
	all := crop(pw, ph, true, f, w, h)
	for next := f; f.X != 0; f = next {
		if next.X -= cmp.Compare(f.X, 0); crop(pw, ph, true, next, w, h) != all {
			break
		}
	}
	for next := f; f.Y != 0; f = next {
		if next.Y -= cmp.Compare(f.Y, 0); crop(pw, ph, true, next, w, h) != all {
			break
		}
	}
	return f
}

func (a area) scaled(x, y float64) area { return area{a.x0 * x, a.y0 * y, a.x1 * x, a.y1 * y} }

// channelsOf returns the channels Y, Cb and Cr. A chroma sample is at the centre of the
// pixels that share it (T.871, section 8), so all channels cover the same area.
func channelsOf(m *image.YCbCr, l [3]levels) []channel {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	across, down := chroma(m.SubsampleRatio)
	cw, ch := cells(w, across), cells(h, down)
	fx, fy := 1/float64(across), 1/float64(down)
	c := m.COffset(m.Rect.Min.X, m.Rect.Min.Y)
	return []channel{
		{newPlane(m.Y[m.YOffset(m.Rect.Min.X, m.Rect.Min.Y):], m.YStride, w, h), 1, 1, fine, l[0]},
		{newPlane(m.Cb[c:], m.CStride, cw, ch), fx, fy, coarse, l[1]},
		{newPlane(m.Cr[c:], m.CStride, cw, ch), fx, fy, coarse, l[2]},
	}
}

// chroma returns how many pixels share a chroma sample, across and down.
func chroma(r image.YCbCrSubsampleRatio) (across, down int) {
	switch r {
	case image.YCbCrSubsampleRatio422:
		return 2, 1
	case image.YCbCrSubsampleRatio420:
		return 2, 2
	case image.YCbCrSubsampleRatio440:
		return 1, 2
	case image.YCbCrSubsampleRatio411:
		return 4, 1
	case image.YCbCrSubsampleRatio410:
		return 4, 2
	}
	return 1, 1
}
