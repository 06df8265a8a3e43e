package resize_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	xdraw "golang.org/x/image/draw"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/placeholder"
	"imageserver/api/imaging/resize"
)

// wantSimilar fails if two placeholders differ by more than the rounding of a few pixels.
func wantSimilar(t *testing.T, what, got, want string) {
	t.Helper()
	if len(got) != len(want) || len(got) < 8 {
		t.Errorf("%s: got a placeholder of %d bytes, want %d", what, len(got), len(want))
		return
	}
	for i := range 3 {
		if a, b := int(got[i]), int(want[i]); max(a, b)-min(a, b) > 12 {
			t.Errorf("%s: got the colour #%x, want #%x", what, got[:3], want[:3])
			break
		}
	}
	head := func(p string) [3]int {
		n := int(p[3]) | int(p[4])<<8 | int(p[5])<<16
		return [3]int{n & 63, n >> 6 & 63, n >> 12 & 63}
	}
	for i, v := range head(got) {
		if w := head(want)[i]; max(v, w)-min(v, w) > 1 {
			t.Errorf("%s: got the average %v, want %v", what, head(got), head(want))
		}
	}
	if got[6]&7 != want[6]&7 || got[7]>>7 != want[7]>>7 || got[5]>>7 != want[5]>>7 {
		t.Errorf("%s: got another shape or transparency", what)
	}
}

// TestPlaceholder compares the placeholder from a variant with that from the whole picture,
// or from 256 pixels of a larger picture: a larger PNG would take most of the time.
func TestPlaceholder(t *testing.T) {
	t.Parallel()
	for _, name := range samples(t) {
		s := newSource(t, readSample(t, name))
		if animated, err := format.Animated(s, s.Size, s.Type); animated || err != nil {
			continue
		}
		s.Placeholder = true
		w, h := s.Upright()
		whole, err := resize.Make(t.Context(), s, resize.Request{Width: 256, Height: 256, Format: format.PNG}.Plan(w, h))
		if errors.Is(err, resize.ErrUnsupported) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := placeholder.Make(reduced(decode(t, whole.Data)))
		wantSimilar(t, name, whole.Placeholder, want)
		for _, r := range []resize.Request{{Width: 64, Quality: 80}, {Height: 160, Quality: 40}} {
			p := r.Plan(w, h)
			wantSimilar(t, fmt.Sprintf("%s, %s", name, p), makeVariant(t, s, p).Placeholder, want)
		}
	}
}

// reduced scales a picture for placeholder.Make.
func reduced(m image.Image) *image.NRGBA {
	p := resize.Request{Width: placeholder.MaxSide, Height: placeholder.MaxSide}.Plan(m.Bounds().Dx(), m.Bounds().Dy())
	out := image.NewNRGBA(image.Rect(0, 0, p.Width, p.Height))
	xdraw.BiLinear.Scale(out, out.Rect, m, m.Bounds(), xdraw.Src, nil)
	return out
}

// TestPlaceholderTurned: a placeholder is upright.
func TestPlaceholderTurned(t *testing.T) {
	t.Parallel()
	m := painted(240, 120, func(x, y int) color.NRGBA {
		if x < 80 {
			return color.NRGBA{220, 20, 20, 255}
		}
		return color.NRGBA{uint8(x), 40, uint8(2 * y), 255}
	})
	plain := encodeJPEG(t, m, 95)
	for o := 1; o <= 8; o++ {
		s := newSource(t, afterSOI(plain, segment(0xe1, exif(o))))
		s.Placeholder = true
		p := resize.Request{Width: 64, Height: 64, Quality: 90}.Plan(s.Upright())
		upright, err := png.Decode(bytes.NewReader(makeVariant(t, s, resize.Request{Format: format.PNG}.Plan(s.Upright())).Data))
		if err != nil {
			t.Fatal(err)
		}
		wantSimilar(t, fmt.Sprint("orientation ", o), makeVariant(t, s, p).Placeholder, placeholder.Make(reduced(upright)))
	}
}

// TestPlaceholderMissing: a variant that shows a part of the picture has no placeholder. Nor
// has a tiny variant of a larger picture, a picture without a visible pixel, or one whose
// caller does not want any.
func TestPlaceholderMissing(t *testing.T) {
	t.Parallel()
	opaque := newSource(t, encodePNG(t, painted(400, 200, func(x, y int) color.NRGBA { return color.NRGBA{uint8(x), uint8(y), 9, 255} })))
	icon := newSource(t, encodePNG(t, painted(20, 12, func(x, y int) color.NRGBA { return color.NRGBA{uint8(9 * x), uint8(9 * y), 9, 255} })))
	empty := newSource(t, encodePNG(t, image.NewNRGBA(image.Rect(0, 0, 400, 200))))
	for _, c := range []struct {
		s    resize.Source
		want bool
		r    resize.Request
		has  bool
	}{
		{opaque, true, resize.Request{Width: 100}, true},
		{opaque, false, resize.Request{Width: 100}, false},
		{empty, true, resize.Request{Width: 100}, false},
		{opaque, true, resize.Request{Width: 24}, false},
		{opaque, true, resize.Request{Width: 32}, true},
		{opaque, true, resize.Request{Height: 16}, true},
		{icon, true, resize.Request{Width: 16}, false},
		{icon, true, resize.Request{Format: format.JPEG, Quality: 80}, true},
		{opaque, true, resize.Request{Width: 100, Height: 100, Cover: true}, false},
		{opaque, true, resize.Request{Width: 48, Height: 24, Cover: true}, true},
		{opaque, true, resize.Request{Width: 64, Height: 24, Cover: true}, false},
	} {
		c.s.Placeholder = c.want
		p := c.r.Plan(c.s.Upright())
		if got := makeVariant(t, c.s, p).Placeholder; (got != "") != c.has {
			t.Errorf("%s: got the placeholder %x", strings.TrimSpace(p.String()), got)
		}
	}
}

// BenchmarkPlaceholder measures what the placeholder adds to a variant.
func BenchmarkPlaceholder(b *testing.B) {
	photo := photos(b)["synthetic"]
	for _, w := range []int{320, 1280} {
		data := encodeJPEG(b, tiled(photo, 2000, 1500), 90)
		for _, want := range []bool{false, true} {
			s := newSource(b, data)
			s.Placeholder = want
			p := resize.Request{Width: w, Quality: 80}.Plan(s.Upright())
			b.Run(fmt.Sprintf("%d/%v", w, want), func(b *testing.B) {
				for b.Loop() {
					if _, err := resize.Make(b.Context(), s, p); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
