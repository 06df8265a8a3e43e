package resize

import (
	"image"
	"image/draw"

	"imageserver/api/imaging/placeholder"
)

// placeholderSide is how many pixels the longer side of a variant must have for a
// placeholder, because a store keeps the first one. In two photos, the dominant colour of 16
// pixels was 11 and 35 of 255 away from that of 400 pixels, and that of 32 pixels was 1 away.
const placeholderSide = 32

// placeholder makes the placeholder of the picture from the pixels of its variant m, which
// is upright. It is empty if the variant shows only a part of the picture, or if a larger
// variant would give a better one.
func (s Source) placeholder(m image.Image, p Plan) (string, error) {
	tiny := max(p.Width, p.Height) < min(placeholderSide, max(s.Width, s.Height))
	if !s.Placeholder || tiny || !s.target(p).whole(s.stored()) {
		return "", nil
	}
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	small := Request{Width: placeholder.MaxSide, Height: placeholder.MaxSide}.Plan(w, h)
	if small.Width != w || small.Height != h {
		var err error
		if m, err = (decoded{m, fullRange}).draw(target{Plan: small, w: small.Width, h: small.Height, orientation: 1}); err != nil {
			return "", err
		}
	}
	return placeholder.Make(unmultiplied(m)), nil
}

// whole reports whether the variant shows the whole picture of w × h pixels. Rounding may
// cut off one pixel of the variant.
func (t target) whole(w, h int) bool {
	a := t.area(w, h)
	across, down := a.density(t.w, t.h)
	return a.x1-a.x0 > float64(w)-across && a.y1-a.y0 > float64(h)-down
}

// unmultiplied converts a variant to NRGBA. A variant of another kind has no transparency.
func unmultiplied(m image.Image) *image.NRGBA {
	if layered, ok := m.(*image.NRGBA); ok {
		return layered
	}
	out := image.NewRGBA(m.Bounds()) // has the same bytes, and image/draw has fast code for it
	draw.Draw(out, out.Rect, m, out.Rect.Min, draw.Src)
	return &image.NRGBA{Pix: out.Pix, Stride: out.Stride, Rect: out.Rect}
}
