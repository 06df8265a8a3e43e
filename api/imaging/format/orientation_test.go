package format_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"imageserver/api/imaging/format"
)

// TestOrientation reads images with each valid orientation, and with invalid ones.
func TestOrientation(t *testing.T) {
	for name, image := range turnedImages(t) {
		for o := range int64(8) {
			testOrientation(t, name, image, 3, 1, 1+o, int(1+o))
		}
		for _, value := range []int64{0, 9, 1<<8 + 6, 1<<16 - 1} {
			testOrientation(t, name, image, 3, 1, value, 1)
		}
		for kind := range int64(20) {
			if kind != 3 {
				testOrientation(t, name, image, kind, 1, 6, 1)
			}
		}
		for _, count := range []int64{0, 2, 1 << 31} {
			testOrientation(t, name, image, 3, count, 6, 1)
		}
	}
}

// turnedImages returns images of 60 × 40 pixels with orientation 6: samples, and
// images that are built from parts in both byte orders.
func turnedImages(t *testing.T) map[string]string {
	t.Helper()
	images := make(map[string]string)
	for _, name := range []string{"rotated.jpg", "rotated.png", "rotated.webp", "rotated.tif"} {
		images[name] = string(readSample(t, name))
	}
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		exif := tiff(order, field{274, 3, 6})
		images[fmt.Sprint("JPEG of ", order)] = jpeg(segment(0xe1, "Exif\x00\x00"+exif), sof(60, 40), sos)
		images[fmt.Sprint("PNG of ", order)] = png(60, 40, chunk("eXIf", exif), chunk("IDAT", ""))
		images[fmt.Sprint("WebP of ", order)] = riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40)), chunkLE("EXIF", exif))
		images[fmt.Sprint("TIFF of ", order)] = tiff(order, append(page(60, 40), field{274, 3, 6})...)
	}
	return images
}

// testOrientation replaces the field with orientation 6 by another field, and checks
// that Detect returns the orientation want.
func testOrientation(t *testing.T, name, image string, kind, count, value int64, want int) {
	t.Helper()
	got, err := detect([]byte(replaceOrientation(t, name, image, kind, count, value)))
	w, h := 60, 40
	if want >= 5 && got.Type != format.WebP {
		w, h = 40, 60
	}
	if err != nil || got.Orientation != want || got.Width != w || got.Height != h {
		t.Errorf("%s, kind %d, count %d, value %d: got %v, %v, want %d × %d with orientation %d", name, kind, count, value, got, err, w, h, want)
	}
}

func replaceOrientation(t *testing.T, name, image string, kind, count, value int64) string {
	t.Helper()
	little := func(kind, count, value int64) string { return le(274, 2) + le(kind, 2) + le(count, 4) + le(value, 2) }
	big := func(kind, count, value int64) string { return be(274, 2) + be(kind, 2) + be(count, 4) + be(value, 2) }
	for _, field := range []func(kind, count, value int64) string{little, big} {
		if strings.Count(image, field(3, 1, 6)) == 1 {
			return strings.Replace(image, field(3, 1, 6), field(kind, count, value), 1)
		}
	}
	t.Fatalf("%s has no orientation 6", name)
	return ""
}
