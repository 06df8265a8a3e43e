package resize_test

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"slices"
	"testing"
	"time"

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

// BenchmarkJPEG compares the time to make variants of a photograph of 12 megapixels with the
// time that image/jpeg takes to decode it. The two take turns, and x/decode is the median of
// their ratios.
func BenchmarkJPEG(b *testing.B) {
	all := photos(b)
	photo, ok := all["orientation/Landscape_1.jpg"]
	if !ok {
		photo = all["synthetic"]
	}
	data := encodeJPEG(b, tiled(photo, 4000, 3000), 90)
	s := newSource(b, data)
	for _, w := range []int{160, 320, 640, 1280, 2560} {
		p := resize.Request{Width: w, Quality: 80}.Plan(4000, 3000)
		b.Run(fmt.Sprint(w), func(b *testing.B) {
			var ratios []float64
			for b.Loop() {
				b.StopTimer()
				began := time.Now()
				if _, err := jpeg.Decode(bytes.NewReader(data)); err != nil {
					b.Fatal(err)
				}
				decode := time.Since(began)
				b.StartTimer()
				began = time.Now()
				if _, err := resize.Make(b.Context(), s, p); err != nil {
					b.Fatal(err)
				}
				ratios = append(ratios, float64(time.Since(began))/float64(decode))
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "x/decode")
		})
	}
}
