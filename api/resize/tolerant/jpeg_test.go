package tolerant_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"imageserver/api/resize/tolerant"
)

func TestCompare(t *testing.T) {
	files, _ := filepath.Glob("../../../testdata/*.jpg")
	for _, f := range files {
		b, _ := os.ReadFile(f)
		want, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			continue
		}
		got, err := tolerant.JPEG(bytes.NewReader(b))
		if err != nil {
			t.Logf("%s: %v", f, err)
			continue
		}
		if d := difference(got, want); d > 1 {
			t.Errorf("%s: %T differs by %d", f, got, d)
		}
	}
}

func difference(a, b image.Image) (most int) {
	if a.Bounds() != b.Bounds() {
		return 1000
	}
	switch a := a.(type) {
	case *image.Gray:
		b := b.(*image.Gray)
		for y := range a.Rect.Dy() {
			for x := range a.Rect.Dx() {
				most = max(most, abs(a.GrayAt(x, y).Y, b.GrayAt(x, y).Y))
			}
		}
	case *image.YCbCr:
		b := b.(*image.YCbCr)
		for y := range a.Rect.Dy() {
			for x := range a.Rect.Dx() {
				p, q := a.YCbCrAt(x, y), b.YCbCrAt(x, y)
				most = max(most, abs(p.Y, q.Y), abs(p.Cb, q.Cb), abs(p.Cr, q.Cr))
			}
		}
	}
	return most
}

func abs(a, b byte) int {
	d := int(a) - int(b)
	return max(d, -d)
}
