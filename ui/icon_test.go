package ui

import (
	"bytes"
	"image/color"
	"image/png"
	"testing"
)

// TestIcon checks that the ground of an icon fills its square, because phones cut the icon to
// another shape, and that the shapes are in the safe zone.
func TestIcon(t *testing.T) {
	for _, size := range []int{180, 192, 512} {
		icon, err := png.Decode(bytes.NewReader(drawIcon(size)))
		if err != nil {
			t.Fatal(err)
		}
		if got := icon.Bounds().Size(); got.X != size || got.Y != size {
			t.Errorf("got %v, want %d pixels", got, size)
		}
		shapes := 0
		for y := range size {
			for x := range size {
				dx, dy := 2*x-size, 2*y-size
				shape := color.NRGBAModel.Convert(icon.At(x, y)) != color.NRGBAModel.Convert(iconGround)
				if shape {
					shapes++
				}
				if shape && float64(dx*dx+dy*dy) > 0.8*0.8*float64(size*size) {
					t.Fatalf("%d pixels: (%d, %d) is outside the safe zone", size, x, y)
				}
			}
		}
		if share := float64(shapes) / float64(size*size); share < 0.05 || share > 0.3 {
			t.Errorf("%d pixels: the shapes cover %.2f of the icon", size, share)
		}
	}
}
