package resize_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"testing"

	"golang.org/x/image/draw"

	"imageserver/api/imaging/resize"
)

// TestQuality compares variants with the result of the Catmull-Rom kernel alone, which is
// slow and scales four channels.
func TestQuality(t *testing.T) {
	t.Parallel()
	ratios := map[string][]float64{
		"synthetic":                   {1.1, 1.5, 1.9, 2.3, 3.1, 4.5, 5.7, 9, 12.5},
		"transparent":                 {1.1, 1.9, 3.1, 4.5, 5.7, 12.5},
		"orientation/Landscape_1.jpg": {1.5, 4.5, 9},
		"jpeg/flower.jpg":             {1.9, 3.1, 12.5},
		"jpeg/exif-72dpi-int.jpg":     {1.1, 2.3, 5.7},
	}
	if !whole { // large photographs, which the reference takes a second to scale
		ratios["orientation/Landscape_1.jpg"] = []float64{9}
		ratios["jpeg/exif-72dpi-int.jpg"] = []float64{5.7}
	}
	for name, photo := range photos(t) {
		for _, ratio := range ratios[name] {
			t.Run(fmt.Sprint(name, "/", ratio), func(t *testing.T) {
				t.Parallel()
				w, h := int(float64(photo.Bounds().Dx())/ratio), int(float64(photo.Bounds().Dy())/ratio)
				want := image.NewRGBA(image.Rect(0, 0, w, h))
				draw.CatmullRom.Scale(want, want.Rect, photo, photo.Bounds(), draw.Src, nil)
				got := pixelsOf(t, photo.data, resize.Plan{Width: w, Height: h})
				psnr := psnr(got, want)
				t.Logf("%.1f dB", psnr)
				if psnr < 42 {
					t.Errorf("got %.1f dB, want 42 and more", psnr)
				}
			})
		}
	}
}

// photo is a picture and its file.
type photo struct {
	image.Image
	data []byte
}

// photos returns photographs by name. The corpus may be missing.
func photos(t testing.TB) map[string]photo {
	t.Helper()
	opaque, layered := synthetic(600, 400, 255), synthetic(600, 400, 0)
	all := map[string]photo{
		"synthetic":   {opaque, encodePNG(t, opaque)},
		"transparent": {layered, encodePNG(t, layered)},
	}
	for _, name := range []string{"orientation/Landscape_1.jpg", "jpeg/flower.jpg", "jpeg/exif-72dpi-int.jpg"} {
		data, err := os.ReadFile("../../../../shared/corpus/" + name)
		if err != nil {
			t.Logf("skipped: %v", err)
			continue
		}
		m, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = photo{m, data}
	}
	return all
}

// synthetic returns a picture that is similar to a photograph: it has large soft shapes,
// a fine texture and edges. Its alpha is at least leastAlpha.
func synthetic(w, h int, leastAlpha uint8) *image.NRGBA {
	return painted(w, h, func(x, y int) color.NRGBA {
		u, v := float64(x), float64(y)
		soft := math.Sin(u/90) * math.Cos(v/70)
		texture := math.Sin(u*0.9+math.Sin(v/9)*3) * math.Sin(v*0.7) * 0.15
		edge, alpha := 0.0, leastAlpha
		if math.Hypot(u-float64(w)/2, v-float64(h)/2) < float64(h)/4 {
			edge, alpha = 0.4, 255
		} else if y > h/2 {
			alpha = max(alpha, uint8(x*255/w))
		}
		level := func(f float64) uint8 {
			return uint8(min(max(127+100*(soft*f+texture+edge), 0), 255))
		}
		return color.NRGBA{level(0.6), level(0.4), level(-0.5), alpha}
	})
}

// psnr returns the peak signal-to-noise ratio in dB of red, green and blue, and of alpha
// unless both pictures are opaque.
func psnr(a, b *image.RGBA) float64 {
	if a.Rect != b.Rect {
		return math.Inf(-1)
	}
	opaque := a.Opaque() && b.Opaque()
	sum, n := 0.0, 0
	for i := range a.Pix {
		if opaque && i%4 == 3 {
			continue
		}
		d := float64(a.Pix[i]) - float64(b.Pix[i])
		sum += d * d
		n++
	}
	return 10 * math.Log10(255*255/(sum/float64(n)))
}

// TestAliasing scales rings that get finer towards the edge. Rings that are too fine for
// the variant must become grey, or nearly grey, and not other rings. Boxes keep a seventh
// of the contrast of some rings (see fine). Bilinear interpolation keeps nearly all of it.
func TestAliasing(t *testing.T) {
	t.Parallel()
	const size = 600
	rings := painted(size, size, func(x, y int) color.NRGBA {
		u, v := float64(x-size/2)+0.5, float64(y-size/2)+0.5
		level := uint8(127.5 + 127.5*math.Cos(math.Pi/size*(u*u+v*v))) // at the edge every other pixel is white
		return color.NRGBA{level, level, level, 255}
	})
	grey := image.NewGray(rings.Rect)
	draw.Draw(grey, grey.Rect, rings, image.Point{}, draw.Src)
	layered := painted(size, size, rings.NRGBAAt)
	layered.Pix[3] = 254 // so that it has four channels
	files := map[string][]byte{"planes": encodePNG(t, grey), "channels": encodePNG(t, layered), "jpeg": encodeJPEG(t, rings, 95)}
	for _, w := range []int{400, 250, 200, 150, 97, 60, 33} {
		// The kernel keeps some contrast of rings that are up to twice as fine as the
		// variant can show.
		from := 2 * float64(w) / size
		if from >= 1 {
			continue
		}
		bad := image.NewRGBA(image.Rect(0, 0, w, w))
		draw.ApproxBiLinear.Scale(bad, bad.Rect, rings, rings.Rect, draw.Src, nil)
		if c := contrast(bad, from); c < 0.6 {
			t.Errorf("%d pixels: bilinear interpolation has a contrast of %.3f, want 0.6 and more, or this test shows nothing", w, c)
		}
		for name, data := range files {
			if c := contrast(pixelsOf(t, data, resize.Plan{Width: w, Height: w}), from); c > 0.17 {
				t.Errorf("%s, %d pixels: got a contrast of %.3f, want 0.17 and less", name, w, c)
			}
		}
	}
}

// contrast returns the largest difference from grey in the outer part of a square
// picture. from is the inner radius of that part, in half sides.
func contrast(m *image.RGBA, from float64) float64 {
	n := m.Rect.Dx()
	most := 0.0
	for y := range n {
		for x := range n {
			u, v := float64(2*x+1)/float64(n)-1, float64(2*y+1)/float64(n)-1
			// Outside of the inscribed circle, the rings are finer than a pixel in one
			// direction.
			if r := math.Hypot(u, v); r > from+0.05 && r < 0.97 {
				most = max(most, math.Abs(float64(m.RGBAAt(x, y).G)-127.5)/127.5)
			}
		}
	}
	return most
}
