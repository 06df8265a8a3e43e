package resize_test

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"testing"

	"golang.org/x/image/draw"

	"imageserver/api/imaging/resize"
)

// TestReducedQuality compares variants of JPEGs with the result of the Catmull-Rom kernel for
// the whole picture. The ratios are at and beside those where the decoder begins to reduce
// the picture more, because there it has the least samples.
func TestReducedQuality(t *testing.T) {
	t.Parallel()
	for name, data := range reducible(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole, err := jpeg.Decode(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			photo := premultiplied(whole)
			for _, ratio := range []float64{2, 3, 3.1, 4, 5.9, 6, 6.1, 8.5, 12, 12.5, 17, 24, 25} {
				w, h := int(float64(photo.Rect.Dx())/ratio), int(float64(photo.Rect.Dy())/ratio)
				t.Run(fmt.Sprint(ratio), func(t *testing.T) {
					want := image.NewRGBA(image.Rect(0, 0, w, h))
					draw.CatmullRom.Scale(want, want.Rect, photo, photo.Rect, draw.Src, nil)
					psnr := psnr(pixelsOf(t, data, resize.Plan{Width: w, Height: h}), want)
					t.Logf("%.1f dB", psnr)
					if psnr < 48 {
						t.Errorf("got %.1f dB, want 48 and more", psnr)
					}
				})
			}
		})
	}
}

// TestReducedMemory makes small variants of pictures of 12 megapixels. image/jpeg alone
// allocates 18 MB for the first of them. The runtime counts the allocations of all
// goroutines, so no other test runs at the same time.
func TestReducedMemory(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates too")
	}
	const w, h = 4000, 3000
	flat := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	for name, test := range map[string]struct {
		data       []byte
		used, cost int64 // at most, in bytes
	}{
		"sequential":  {encodeJPEG(t, flat, 80), 1 << 20, 7 << 20},
		"progressive": {emptyScans(w, h, 2), 6 << 20, 11 << 20},
	} {
		cost, used := costOf(t, newSource(t, test.data), resize.Plan{Width: 320, Height: 240, Quality: 80})
		if used > test.used || cost > test.cost {
			t.Errorf("%s: got %d bytes allocated and a cost of %d, want at most %d and %d", name, used, cost, test.used, test.cost)
		}
	}
}

// reducible returns JPEGs of all kinds.
func reducible(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{"synthetic": encodeJPEG(t, synthetic(1200, 800, 255), 90)}
	for _, name := range []string{"photo-420.jpg", "photo-422.jpg", "photo-444.jpg", "photo-cmyk.jpg"} {
		all[name] = readSample(t, name)
	}
	for name, p := range photos(t) {
		if whole && bytes.HasPrefix(p.data, []byte("\xff\xd8")) {
			all[name] = p.data
		}
	}
	return all
}
