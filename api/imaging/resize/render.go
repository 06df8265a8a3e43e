package resize

import "image"

// render makes the pixels of the variant from m, which is not turned yet. w and h are
// the size of the variant before it is turned.
func render(m image.Image, p Plan, w, h, orientation int, l [3]levels) image.Image {
	rect := image.Rect(0, 0, p.Width, p.Height)
	area := crop(m.Bounds(), p.Cover, w, h)
	switch m := m.(type) {
	case *image.Gray:
		y := renderPlane(plane{m.Pix, m.Stride, m.Rect.Dx(), m.Rect.Dy()}, area, w, h, fine, orientation, l[0])
		return &image.Gray{Pix: y, Stride: p.Width, Rect: rect}
	case *image.Gray16:
		y := renderPlane(newPixels(m), area, w, h, fine, orientation, l[0])
		return &image.Gray{Pix: y, Stride: p.Width, Rect: rect}
	case *image.YCbCr:
		planes := planesOf(m)
		var out [3][]byte
		for i, plane := range planes {
			keep := []float64{fine, coarse, coarse}[i]
			out[i] = renderPlane(plane.plane, area.scaled(plane.across, plane.down), w, h, keep, orientation, l[i])
		}
		return &image.YCbCr{Y: out[0], Cb: out[1], Cr: out[2], YStride: p.Width, CStride: p.Width,
			SubsampleRatio: image.YCbCrSubsampleRatio444, Rect: rect}
	}
	pix := make([]byte, 4*w*h)
	scale(newPixels(m), area, w, h, fine, func(y int, row []float32) { storePixels(pix[4*w*y:], row) })
	return &image.NRGBA{Pix: turned(pix, w, h, 4, orientation), Stride: 4 * p.Width, Rect: rect}
}

// renderPlane scales and turns a raster of one channel.
func renderPlane(r raster, a area, w, h int, keep float64, orientation int, l levels) []byte {
	pix := make([]byte, w*h)
	scale(r, a, w, h, keep, func(y int, row []float32) {
		out := pix[w*y:]
		for x, v := range row {
			out[x] = byte(limit(l.apply(v)) + 0.5)
		}
	})
	return turned(pix, w, h, 1, orientation)
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

// crop returns the part of a picture that becomes the w × h pixels of the variant.
func crop(b image.Rectangle, cover bool, w, h int) area {
	bw, bh := float64(b.Dx()), float64(b.Dy())
	if !cover {
		return area{0, 0, bw, bh}
	}
	f := min(bw/float64(w), bh/float64(h))
	x, y := (bw-f*float64(w))/2, (bh-f*float64(h))/2
	return area{x, y, bw - x, bh - y}
}

func (a area) scaled(x, y float64) area { return area{a.x0 * x, a.y0 * y, a.x1 * x, a.y1 * y} }

// subsampled is a plane of a picture.
type subsampled struct {
	plane
	across, down float64 // samples for each pixel
}

// planesOf returns the planes Y, Cb and Cr. A chroma sample is at the centre of the
// pixels that share it (T.871, section 8), so all planes cover the same area.
func planesOf(m *image.YCbCr) [3]subsampled {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	across, down := chroma(m.SubsampleRatio)
	cw, ch := (w+across-1)/across, (h+down-1)/down
	fx, fy := 1/float64(across), 1/float64(down)
	return [3]subsampled{
		{plane{m.Y[m.YOffset(m.Rect.Min.X, m.Rect.Min.Y):], m.YStride, w, h}, 1, 1},
		{plane{m.Cb[m.COffset(m.Rect.Min.X, m.Rect.Min.Y):], m.CStride, cw, ch}, fx, fy},
		{plane{m.Cr[m.COffset(m.Rect.Min.X, m.Rect.Min.Y):], m.CStride, cw, ch}, fx, fy},
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
