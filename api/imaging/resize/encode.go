package resize

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"

	"imageserver/api/imaging/format"
)

// maxJPEG is the longest side of a JPEG (ITU-T T.81, B.2.2).
const maxJPEG = 1<<16 - 1

// encode writes the variant m of s, and makes the placeholder.
func (s Source) encode(m image.Image, p Plan, icc []byte) (Result, error) {
	c, err := encode(m, p, icc)
	if err == nil {
		c.Placeholder, err = s.placeholder(m, p)
	}
	return c, err
}

// encode writes m in the format and quality of p, with an ICC profile if icc is not
// nil.
func encode(m image.Image, p Plan, icc []byte) (Result, error) {
	c := Result{Type: p.Format, Width: p.Width, Height: p.Height}
	rgba, layered := m.(*image.NRGBA)
	opaque := !layered || rgba.Opaque()
	fits := p.Width <= maxJPEG && p.Height <= maxJPEG
	if c.Type == "" {
		c.Type = format.JPEG
		if !opaque || !fits {
			c.Type = format.PNG
		}
	}
	if c.Type == format.JPEG && !fits {
		return Result{}, fmt.Errorf("%w, but the variant has %d × %d", ErrTooLong, p.Width, p.Height)
	}
	var b bytes.Buffer
	var err error
	if c.Type == format.JPEG {
		if layered {
			m = onWhite(rgba, opaque)
		}
		err = jpeg.Encode(&b, m, &jpeg.Options{Quality: p.Quality})
	} else {
		err = png.Encode(&b, packed(m))
	}
	if err != nil {
		return Result{}, err
	}
	c.Data = b.Bytes()
	switch {
	case icc == nil:
	case c.Type == format.JPEG:
		c.Data = insertJPEG(c.Data, icc)
	default:
		c.Data = insertPNG(c.Data, icc)
	}
	return c, nil
}

// onWhite draws the picture on white, because a JPEG has no transparency. An opaque
// NRGBA has the same bytes as an RGBA, for which image/jpeg has fast code.
func onWhite(m *image.NRGBA, opaque bool) image.Image {
	if opaque {
		return &image.RGBA{Pix: m.Pix, Stride: m.Stride, Rect: m.Rect}
	}
	out := image.NewRGBA(m.Rect)
	draw.Draw(out, out.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(out, out.Rect, m, m.Rect.Min, draw.Over)
	return out
}

// packed converts a YCbCr picture to RGBA, for which image/png has fast code.
func packed(m image.Image) image.Image {
	if _, ok := m.(*image.YCbCr); !ok {
		return m
	}
	out := image.NewRGBA(m.Bounds())
	draw.Draw(out, out.Rect, m, out.Rect.Min, draw.Src)
	return out
}
