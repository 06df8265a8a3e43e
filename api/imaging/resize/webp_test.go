package resize_test

import (
	"errors"
	"image"
	"image/color"
	"testing"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
)

// makePlanes makes the planes of a WebP, and its profile.
func makePlanes(t *testing.T, s resize.Source, w, h int) (planes, icc []byte) {
	t.Helper()
	made, err := resize.Make(t.Context(), s, resize.Plan{Width: w, Height: h, Format: format.WebP, Quality: 80})
	if err != nil {
		t.Fatal(err)
	}
	planes, icc, ok := resize.SplitPlanes(made.Data, w, h)
	if made.Type != resize.Planes || made.Width != w || made.Height != h || !ok {
		t.Fatalf("got a %s of %d bytes and %d × %d pixels", made.Type, len(made.Data), made.Width, made.Height)
	}
	return planes, icc
}

// planesOf returns the planes of a variant in full size, as a picture in the levels of JPEG.
func planesOf(t *testing.T, data []byte) *image.NYCbCrA {
	t.Helper()
	s := newSource(t, data)
	w, h := s.Upright()
	planes, _ := makePlanes(t, s, w, h)
	m := image.NewNYCbCrA(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	for i, full := range [][]byte{m.Y, m.Cb, m.Cr, m.A} {
		planes = planes[copy(full, planes):]
		for k, v := range full {
			switch i {
			case 0:
				full[k] = uint8(min(max((int(v)-16)*255/219, 0), 255))
			case 1, 2:
				full[k] = uint8(min(max(128+(int(v)-128)*255/224, 0), 255))
			}
		}
	}
	return m
}

// TestPlanes: the planes have the colours of the picture. The pictures have all types that
// a variant can have: grey, YCbCr, and RGB with and without transparency. Their sizes are
// odd.
func TestPlanes(t *testing.T) {
	t.Parallel()
	soft := painted(61, 43, func(x, y int) color.NRGBA {
		return color.NRGBA{uint8(40 + 3*x), uint8(40 + 4*y), uint8(200 - x - y), 255}
	})
	layered := painted(61, 43, func(x, y int) color.NRGBA {
		c := soft.NRGBAAt(x, y)
		c.A = uint8(255 - 6*y)
		return c
	})
	grey := image.NewGray(image.Rect(0, 0, 61, 43))
	for i := range grey.Pix {
		grey.Pix[i] = uint8(i / 11)
	}
	for name, c := range map[string]struct {
		data []byte
		want image.Image
	}{
		"grey":    {encodePNG(t, grey), grey},
		"YCbCr":   {encodeJPEG(t, soft, 100), soft},
		"RGB":     {encodePNG(t, soft), soft},
		"layered": {encodePNG(t, layered), layered},
		"one":     {encodePNG(t, soft.SubImage(image.Rect(5, 5, 6, 6))), soft.SubImage(image.Rect(5, 5, 6, 6))},
	} {
		t.Run(name, func(t *testing.T) {
			got, b := planesOf(t, c.data), c.want.Bounds()
			for y := range b.Dy() {
				for x := range b.Dx() {
					g, w := color.NRGBAModel.Convert(got.At(x, y)).(color.NRGBA), color.NRGBAModel.Convert(c.want.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA)
					// 219 levels, and the chroma of four pixels
					if g.A != w.A || w.A > 0 && (away(g.R, w.R) > 8 || away(g.G, w.G) > 8 || away(g.B, w.B) > 8) {
						t.Fatalf("at %d, %d: got %v, want %v", x, y, g, w)
					}
				}
			}
		})
	}
}

// TestPlanesOfEdge: the colour of transparent pixels does not change the chroma of the
// pixels beside them.
func TestPlanesOfEdge(t *testing.T) {
	t.Parallel()
	edge := painted(8, 8, func(x, _ int) color.NRGBA {
		if x < 3 {
			return color.NRGBA{200, 40, 40, 255}
		}
		return color.NRGBA{}
	})
	got := planesOf(t, encodePNG(t, edge))
	if a, b := got.NYCbCrAAt(0, 0), got.NYCbCrAAt(2, 0); a.Cb != b.Cb || a.Cr != b.Cr {
		t.Errorf("beside transparent pixels the chroma is %d, %d, want %d, %d", b.Cb, b.Cr, a.Cb, a.Cr)
	}
}

// TestSplitPlanes: too few bytes are refused, and the bytes after the planes are the profile.
func TestSplitPlanes(t *testing.T) {
	t.Parallel()
	const size = 3*3 + 2*2*2 + 3*3
	if _, _, ok := resize.SplitPlanes(make([]byte, size-1), 3, 3); ok {
		t.Error("too few bytes are not refused")
	}
	if planes, icc, ok := resize.SplitPlanes(make([]byte, size), 3, 3); !ok || len(planes) != size || icc != nil {
		t.Errorf("got %d bytes, a profile of %d, %v", len(planes), len(icc), ok)
	}
	if planes, icc, ok := resize.SplitPlanes(make([]byte, size+5), 3, 3); !ok || len(planes) != size || len(icc) != 5 {
		t.Errorf("got %d bytes, a profile of %d, %v", len(planes), len(icc), ok)
	}
}

// TestProfileOfPlanes: the profile is one for colours, because a WebP has no greyscale.
func TestProfileOfPlanes(t *testing.T) {
	t.Parallel()
	rgb, grey := newProfile("RGB ", "tiny", 0), newProfile("GRAY", "tiny", 0)
	flat := encodeJPEG(t, image.NewGray(image.Rect(0, 0, 60, 40)), 80)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"colours": {jpegProfile(readSample(t, "gradient.jpg"), rgb), rgb},
		"layered": {pngProfile(t, readSample(t, "alpha.png"), rgb), rgb},
		"grey":    {jpegProfile(flat, grey), ""},
	} {
		if _, icc := makePlanes(t, newSource(t, c.data), 16, 16); string(icc) != c.want {
			t.Errorf("%s: got a profile of %d bytes, want %d", name, len(icc), len(c.want))
		}
	}
	gamma := afterIHDR(encodePNG(t, image.NewGray(image.Rect(0, 0, 60, 40))), chunk("gAMA", be32(100_000)))
	if _, icc := makePlanes(t, newSource(t, gamma), 16, 16); len(icc) < 128 || string(icc[16:20]) != "RGB " {
		t.Errorf("gAMA: got a profile of %d bytes, want one for RGB", len(icc))
	}
}

// TestTooLong: each format has a longest side.
func TestTooLong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format format.Type
		side   int
		fits   bool
	}{
		{format.JPEG, 65535, true}, {format.JPEG, 65536, false},
		{format.WebP, 16383, true}, {format.WebP, 16384, false},
		{format.PNG, 70_000, true}, {"", 70_000, true},
	} {
		for _, p := range []resize.Plan{{Width: c.side, Height: 1, Format: c.format}, {Width: 1, Height: c.side, Format: c.format}} {
			if err := p.Check(); (err == nil) != c.fits || err != nil && !errors.Is(err, resize.ErrTooLong) {
				t.Errorf("%v: got %v", p, err)
			}
		}
	}
	s := newSource(t, encodePNG(t, image.NewGray(image.Rect(0, 0, 16384, 1))))
	if _, err := resize.Make(t.Context(), s, resize.Plan{Width: 16384, Height: 1, Format: format.WebP}); !errors.Is(err, resize.ErrTooLong) {
		t.Errorf("Make: got %v, want %v", err, resize.ErrTooLong)
	}
}
