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

// The longest sides of a JPEG (ITU-T T.81, B.2.2) and of a WebP (RFC 9649, section 2.6).
const (
	maxJPEG = 1<<16 - 1
	maxWebP = 1<<14 - 1
)

// Check returns an ErrTooLong if the format of the plan has no room for its size.
func (p Plan) Check() error {
	longest := map[format.Type]int{format.JPEG: maxJPEG, format.WebP: maxWebP}[p.Format]
	if longest > 0 && max(p.Width, p.Height) > longest {
		return fmt.Errorf("%w: it has %d × %d, and a %s has at most %d on a side", ErrTooLong, p.Width, p.Height, p.Format, longest)
	}
	return nil
}

// finish writes the variant m of s in the format and quality of p, and makes the placeholder.
func finish(s Source, m image.Image, p Plan) (Result, error) {
	if err := p.Check(); err != nil {
		return Result{}, err
	}
	_, grey := m.(*image.Gray)
	icc, err := profile(s, grey && p.Format != format.WebP) // a WebP has colours, even if all are grey
	if err != nil {
		return Result{}, err
	}
	c := Result{Type: Planes, Width: p.Width, Height: p.Height}
	if p.Format == format.WebP {
		c.Data = planesOf(m, icc)
	} else if c, err = encode(m, p, icc); err != nil {
		return Result{}, err
	}
	c.Placeholder, err = s.placeholder(m, p)
	return c, err
}

// encode writes m as a JPEG or PNG, with an ICC profile if icc is not nil.
func encode(m image.Image, p Plan, icc []byte) (Result, error) {
	c := Result{Type: p.Format, Width: p.Width, Height: p.Height}
	rgba, layered := m.(*image.NRGBA)
	opaque := !layered || rgba.Opaque()
	if c.Type == "" {
		c.Type = format.JPEG
		if !opaque || max(p.Width, p.Height) > maxJPEG {
			c.Type = format.PNG
		}
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
