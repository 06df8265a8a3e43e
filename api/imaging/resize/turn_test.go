package resize_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"strings"
	"testing"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
)

// TestTurn stores pictures with all eight orientations. The variants of all are equal to
// the variant of the upright picture.
func TestTurn(t *testing.T) {
	t.Parallel()
	for name, file := range turnable(t) {
		for o := 1; o <= 8; o++ {
			t.Run(fmt.Sprint(name, "/", o), func(t *testing.T) {
				t.Parallel()
				stored := newSource(t, file(1))
				upright := seen(pixelsOf(t, file(1), fullSize(stored)), o)
				data := file(o)
				s := newSource(t, data)
				if w, h := s.Upright(); s.Orientation != o || w != upright.Rect.Dx() || h != upright.Rect.Dy() {
					t.Fatalf("got orientation %d and %d × %d, want %d and %v", s.Orientation, w, h, o, upright.Rect)
				}
				wantColours(t, pixelsOf(t, data, fullSize(s)), upright, 0)
				for _, r := range []resize.Request{
					{Width: 32}, {Height: 16}, {Width: 24, Height: 24}, {Width: 32, Height: 16, Cover: true}, {Width: 16, Height: 32, Cover: true}, {Width: 16, Height: 16, Cover: true},
					{Width: 16, Height: 32, Cover: true, Focus: resize.Focus{X: -7, Y: 2}}, {Width: 32, Height: 16, Cover: true, Focus: resize.Focus{X: -7, Y: 3}}, {Width: 16, Height: 16, Cover: true, Focus: resize.Focus{X: 10, Y: 10}},
				} {
					p := r.Plan(s.Upright())
					got, want := pixelsOf(t, data, p), pixelsOf(t, encodePNG(t, upright), p)
					// The results are not equal: boxes begin at the
					// first stored corner, and a JPEG is scaled
					// before its colours are converted.
					if psnr := psnr(got, want); psnr < 36 {
						t.Errorf("%v: got %.1f dB, want 36 and more", p, psnr)
					}
				}
				if c := makeVariant(t, s, resize.Plan{Width: 16, Height: 16, Quality: 80}); bytes.Contains(c.Data, []byte("Exif")) || bytes.Contains(c.Data, []byte("eXIf")) {
					t.Error("the variant has Exif")
				}
			})
		}
	}
}

// turnable returns images of all types with an orientation, in even and odd sizes. Each
// is a function that returns the image with orientation o.
func turnable(t *testing.T) map[string]func(o int) []byte {
	t.Helper()
	// This picture has no symmetry.
	picture := func(w, h int) image.Image {
		return painted(w, h, func(x, y int) color.NRGBA {
			if x < w/3 && y < h/2 {
				return color.NRGBA{240, 240, 230, 255}
			}
			return color.NRGBA{uint8(40 + x*150/w), uint8(40 + y*180/h), uint8(200 - x*100/w - y*80/h), 255}
		})
	}
	files := make(map[string]func(o int) []byte)
	for _, size := range []image.Point{{61, 43}, {64, 40}} {
		png, jpeg := encodePNG(t, picture(size.X, size.Y)), encodeJPEG(t, picture(size.X, size.Y), 95)
		files[fmt.Sprint("PNG of ", size)] = func(o int) []byte { return afterIHDR(png, chunk("eXIf", exif(o))) }
		files[fmt.Sprint("JPEG of ", size)] = func(o int) []byte { return afterSOI(jpeg, segment(0xe1, "Exif\x00\x00"+exif(o))) }
	}
	for _, name := range []string{"rotated.jpg", "rotated.webp", "rotated.tif"} {
		data := readSample(t, name)
		files[name] = func(o int) []byte { return reoriented(t, data, o) }
	}
	return files
}

// reoriented replaces orientation 6 by o.
func reoriented(t *testing.T, data []byte, o int) []byte {
	t.Helper()
	for _, field := range []func(o int) string{
		func(o int) string { return le16(274) + le16(3) + le32(1) + le16(o) },
		func(o int) string { return be16(274) + be16(3) + be32(1) + be16(o) },
	} {
		if strings.Count(string(data), field(6)) == 1 {
			return []byte(strings.Replace(string(data), field(6), field(o), 1))
		}
	}
	t.Fatal("the image has no orientation 6")
	return nil
}

// seen applies an orientation to a stored picture. TIFF 6.0, section 8, defines it by
// the sides of the first row and of the first column.
func seen(stored *image.RGBA, o int) *image.RGBA {
	sides := [...][2]string{1: {"top", "left"}, {"top", "right"}, {"bottom", "right"}, {"bottom", "left"},
		{"left", "top"}, {"right", "top"}, {"right", "bottom"}, {"left", "bottom"}}[o]
	w, h := stored.Rect.Dx(), stored.Rect.Dy()
	size := image.Rect(0, 0, w, h)
	if sides[0] == "left" || sides[0] == "right" {
		size = image.Rect(0, 0, h, w)
	}
	out := image.NewRGBA(size)
	for row := range h {
		for column := range w {
			var at image.Point
			for i, side := range sides {
				n := [2]int{row, column}[i]
				switch side {
				case "top":
					at.Y = n
				case "left":
					at.X = n
				case "bottom":
					at.Y = size.Max.Y - 1 - n
				case "right":
					at.X = size.Max.X - 1 - n
				}
			}
			out.SetRGBA(at.X, at.Y, stored.RGBAAt(column, row))
		}
	}
	return out
}

// TestLandscapes compares nine photographs that look the same when they are upright. Each
// was encoded separately, with another orientation. A wrong orientation gives 12 dB.
func TestLandscapes(t *testing.T) {
	t.Parallel()
	var first *image.RGBA
	for o := range 9 {
		data := readCorpus(t, fmt.Sprintf("orientation/Landscape_%d.jpg", o))
		s := newSource(t, data)
		m := pixelsOf(t, data, resize.Request{Width: 320}.Plan(s.Upright()))
		if first == nil {
			first = m
		}
		if psnr := psnr(m, first); psnr < 28 {
			t.Errorf("orientation %d: got %.1f dB, want 28 and more", o, psnr)
		}
	}
}

// TestFocus: the focus is in the middle of the variant, or as near as the edges allow, for
// each orientation.
func TestFocus(t *testing.T) {
	t.Parallel()
	ramp := painted(200, 20, func(x, _ int) color.NRGBA { return color.NRGBA{uint8(x), uint8(x), uint8(x), 255} })
	for o := 1; o <= 8; o++ {
		for focus := -10; focus <= 10; focus++ {
			along := resize.Focus{X: focus} // before the turn
			switch o {
			case 2, 3:
				along.X = -focus
			case 5, 6:
				along = resize.Focus{Y: focus}
			case 7, 8:
				along = resize.Focus{Y: -focus}
			}
			s := newSource(t, afterIHDR(encodePNG(t, ramp), chunk("eXIf", exif(o))))
			p := resize.Request{Width: 16, Height: 16, Cover: true, Format: format.PNG, Focus: along}.Plan(s.Upright())
			m := premultiplied(decode(t, makeVariant(t, s, p).Data))
			got := (int(m.RGBAAt(7, 7).R) + int(m.RGBAAt(8, 8).R) + 1) / 2
			want := min(max(100+10*focus, 10), 190)
			if got < want-1 || got > want+1 {
				t.Errorf("orientation %d, focus %+v: column %d is in the middle, want %d", o, along, got, want)
			}
		}
	}
}

// TestCover: Cover crops both sides by the same amount, for each orientation.
func TestCover(t *testing.T) {
	t.Parallel()
	stripes := painted(90, 30, func(x, _ int) color.NRGBA {
		return [3]color.NRGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}}[x/30]
	})
	for _, o := range []int{1, 3, 6, 8} {
		s := newSource(t, afterIHDR(encodePNG(t, stripes), chunk("eXIf", exif(o))))
		p := resize.Request{Width: 16, Height: 16, Cover: true}.Plan(s.Upright())
		m := premultiplied(decode(t, makeVariant(t, s, resize.Plan{Width: p.Width, Height: p.Height, Cover: true, Format: format.PNG}).Data))
		for y := 2; y < 14; y++ {
			for x := 2; x < 14; x++ {
				if got := m.RGBAAt(x, y); got != (color.RGBA{0, 255, 0, 255}) {
					t.Fatalf("orientation %d, at %d, %d: got %v, want green", o, x, y, got)
				}
			}
		}
	}
}
