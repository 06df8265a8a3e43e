package resize_test

import (
	"errors"
	"image"
	"slices"
	"strings"
	"testing"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
)

// TestFormats: without a requested format, an opaque picture becomes a JPEG, and any
// other a PNG. A grey picture stays grey.
func TestFormats(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		want format.Type
		grey bool
	}{
		{"gradient.png", format.JPEG, false},
		{"alpha.png", format.PNG, false},
		{"grey16.png", format.JPEG, true},
		{"gradient.gif", format.JPEG, false},
		{"lossy.webp", format.JPEG, false},
		{"lossless.webp", format.JPEG, false},
		{"alpha.webp", format.PNG, false},
		{"alpha.bmp", format.PNG, false},
		{"deep.tif", format.PNG, false},
		{"grey.tif", format.JPEG, true},
		{"cmyk.jpg", format.JPEG, false},
	} {
		s := newSource(t, readSample(t, test.name))
		c := makeVariant(t, s, resize.Request{Width: 16, Quality: 80}.Plan(s.Upright()))
		if c.Type != test.want {
			t.Errorf("%s: got a %s, want a %s", test.name, c.Type, test.want)
		}
		if _, grey := decode(t, c.Data).(*image.Gray); grey != test.grey {
			t.Errorf("%s: got grey %v, want %v", test.name, grey, test.grey)
		}
	}
}

// TestThin: a variant that is too long for a JPEG becomes a PNG.
func TestThin(t *testing.T) {
	t.Parallel()
	s := newSource(t, encodePNG(t, image.NewGray(image.Rect(0, 0, 66000, 1))))
	if c := makeVariant(t, s, resize.Plan{Width: 65536, Height: 1, Quality: 80}); c.Type != format.PNG {
		t.Errorf("got a %s, want a PNG", c.Type)
	}
	if c := makeVariant(t, s, resize.Plan{Width: 65535, Height: 1, Quality: 80}); c.Type != format.JPEG {
		t.Errorf("got a %s, want a JPEG", c.Type)
	}
	_, err := resize.Make(t.Context(), s, resize.Plan{Width: 65536, Height: 1, Format: format.JPEG, Quality: 80})
	if !errors.Is(err, resize.ErrTooLong) {
		t.Errorf("got %v, want ErrTooLong", err)
	}
}

// TestUnsupported lists the samples that cannot be resized. Other files of their types
// can be.
func TestUnsupported(t *testing.T) {
	t.Parallel()
	for _, name := range samples(t) {
		s := newSource(t, readSample(t, name))
		undecodable := !resize.CanDecode(s.Type) || strings.Contains("animated.webp core.bmp rle.bmp bigtiff.tif", name)
		_, err := resize.Make(t.Context(), s, resize.Plan{Width: 16, Height: 16, Quality: 80})
		if undecodable != (err != nil) {
			t.Errorf("%s: got %v, want an error: %v", name, err, undecodable)
		}
	}
}

// TestEveryFormat fails for a type of which nobody has decided whether its images
// are resized.
func TestEveryFormat(t *testing.T) {
	t.Parallel()
	decoded := []format.Type{format.JPEG, format.PNG, format.GIF, format.WebP, format.BMP, format.TIFF}
	refused := []format.Type{format.AVIF, format.HEIC, format.JXL, format.ICO, format.SVG}
	for _, typ := range format.Types() {
		if !slices.Contains(decoded, typ) && !slices.Contains(refused, typ) {
			t.Errorf("%s is missing in this test. Add it to decoded or to refused.", typ)
		}
		if got, want := resize.CanDecode(typ), slices.Contains(decoded, typ); got != want {
			t.Errorf("CanDecode(%q): got %v, want %v", typ, got, want)
		}
		if !slices.ContainsFunc(samples(t), func(name string) bool { return newSource(t, readSample(t, name)).Type == typ }) {
			t.Errorf("%s has no sample in testdata", typ)
		}
	}
}
