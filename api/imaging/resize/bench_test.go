package resize_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"

	"imageserver/api/imaging/resize"
)

// tiled makes a large photograph from a small one, which it mirrors at each edge.
func tiled(m image.Image, w, h int) image.Image {
	b := m.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	fold := func(v, n int) int {
		if v %= 2 * n; v >= n {
			return 2*n - 1 - v
		}
		return v
	}
	for y := range h {
		for x := range w {
			out.Set(x, y, m.At(b.Min.X+fold(x, b.Dx()), b.Min.Y+fold(y, b.Dy())))
		}
	}
	return out
}

// BenchmarkJPEG compares the time to make variants of a photograph of 12 megapixels
// with the time to decode it.
func BenchmarkJPEG(b *testing.B) {
	all := photos(b)
	photo, ok := all["orientation/Landscape_1.jpg"]
	if !ok {
		photo = all["synthetic"]
	}
	data := encodeJPEG(b, tiled(photo, 4000, 3000), 90)
	s := newSource(b, data)
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := jpeg.Decode(bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, w := range []int{320, 640, 1280, 2560} {
		p := resize.Request{Width: w, Quality: 80}.Plan(4000, 3000)
		b.Run(p.String(), func(b *testing.B) {
			for b.Loop() {
				if _, err := resize.Make(b.Context(), s, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
