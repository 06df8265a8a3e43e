package resize

import (
	"context"
	"errors"
	"io"

	"imageserver/api/imaging/format"
)

// Source is the image from which variants are made.
type Source struct {
	io.ReaderAt
	Size int64 // bytes
	format.Info
	Placeholder bool // the caller wants Result.Placeholder
}

// Upright returns the width and height in pixels after the orientation is applied.
// For a WebP a browser shows another size, see format.Info.
func (s Source) Upright() (w, h int) {
	if s.Type == format.WebP && sideways(s.Orientation) {
		return s.Height, s.Width
	}
	return s.Width, s.Height
}

// Transparent reports whether the picture can have transparent pixels. It reads only the
// header.
func (s Source) Transparent() (bool, error) {
	switch s.Type {
	case format.JPEG:
		return false, nil
	case format.HEIC, format.AVIF:
		h, err := format.ReadHEIF(s, s.Size)
		if errors.Is(err, format.ErrMalformed) { // the decoder will refuse it
			return true, nil
		}
		return h.Alpha != nil, err
	}
	return true, nil
}

// stored returns the width and height of the stored pixels, before the orientation is
// applied.
func (s Source) stored() (w, h int) {
	w, h = s.Upright()
	return swap(w, h, sideways(s.Orientation))
}

// target returns what to draw for the variant p.
func (s Source) target(p Plan) target {
	w, h := swap(p.Width, p.Height, sideways(s.Orientation))
	x, y := source(p.Focus.X, p.Focus.Y, 1, 1, s.Orientation) // a picture of one pixel turns around its centre
	return target{p, w, h, Focus{x, y}, s.Orientation}
}

// swap swaps w and h if yes is set.
func swap(w, h int, yes bool) (int, int) {
	if yes {
		return h, w
	}
	return w, h
}

// Result is a variant that Make has made.
type Result struct {
	Data          []byte
	Type          format.Type // JPEG, PNG or Planes
	Width, Height int         // pixels

	// Placeholder is that of the whole picture, see package placeholder. It is empty if the
	// variant shows only a part, or if no pixel is visible.
	Placeholder string
}

// Make makes the variant p of s. It uses one core, and at most the memory that Cost
// returns. The end of ctx stops it while it reads the picture. Make is safe for
// concurrent use.
func Make(ctx context.Context, s Source, p Plan) (Result, error) {
	f := &file{ctx: ctx, r: s, size: s.Size}
	f.w, f.h = s.stored()
	m, err := paint(f, s.Type, s.target(p))
	if err != nil {
		return Result{}, err
	}
	return finish(s, m, p)
}
