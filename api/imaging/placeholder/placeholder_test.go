package placeholder

import (
	"encoding/base64"
	"image"
	"image/color"
	"math"
	"testing"
)

// pattern returns a picture in which no frequency is 0. If transparent is set, the picture is
// transparent at the upper left.
func pattern(w, h int, transparent bool) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.NRGBA{uint8(255 * x * (x + y) / (w * (w + h))), uint8(255 * y * (2*x + y) / (h * (2*w + h))), uint8(x*y + 3*x), 255}
			if transparent {
				c.A = uint8(min(255, 510*(x+y)*(x+1)/((w+h)*w)))
			}
			m.SetNRGBA(x, y, c)
		}
	}
	return m
}

// TestThumbHash compares hashes with those of version 0.1.1 of the npm package thumbhash for the
// same pictures. The author of the format wrote that package.
func TestThumbHash(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		w, h        int
		transparent bool
		want        string
	}{
		{100, 75, false, "VgYONYqAdneSd3d4d3d4eKCiCPpm"},
		{60, 100, false, "VvYJNAqABnmHd3eHd3ehoAn5WA=="},
		{64, 64, true, "GyeGHQZIw4bQdnl3iMPQKf1UgHeFeId3eA=="},
		{100, 10, false, "VSYOMY5wdneFh3h30KQI63U="},
		{7, 90, true, "WteFGQYog8DIZom3wA/sGWB3kHmWd3g="},
		{1, 1, false, "AAgCBwAAAAAAAAAAAAAAAAAAAAAAAAAA"},
		{31, 17, true, "GzeGE4hI0pXAhnji8Dv9ZIB4hniHd3g="},
	} {
		m := pattern(c.w, c.h, c.transparent)
		if got := base64.StdEncoding.EncodeToString(thumbHash(m)); got != c.want {
			t.Errorf("%d × %d, transparent %v: got %s, want %s", c.w, c.h, c.transparent, got, c.want)
		}
		wide := image.NewNRGBA(image.Rect(0, 0, c.w+3, c.h+2))
		inside := wide.SubImage(image.Rect(2, 1, 2+c.w, 1+c.h)).(*image.NRGBA)
		for y := range c.h {
			copy(inside.Pix[y*inside.Stride:], m.Pix[y*m.Stride:][:4*c.w])
		}
		if got := base64.StdEncoding.EncodeToString(thumbHash(inside)); got != c.want {
			t.Errorf("%d × %d, as a part of a picture: got %s, want %s", c.w, c.h, got, c.want)
		}
	}
}

// TestThumbHashHeader checks the header of hashes in the way a decoder reads it.
func TestThumbHashHeader(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		m           *image.NRGBA
		length      int // bytes
		short       int // frequencies on the shorter side
		landscape   bool
		transparent bool
	}{
		{pattern(100, 50, false), 19, 4, true, false},
		{pattern(50, 100, false), 19, 4, false, false},
		{pattern(80, 80, false), 24, 7, false, false},
		{pattern(80, 80, true), 25, 5, false, true},
		{pattern(100, 1, false), 17, 1, true, false},
		{pattern(1, 100, true), 23, 1, false, true},
	} {
		hash := thumbHash(c.m)
		tail := int(hash[3]) | int(hash[4])<<8
		if len(hash) != c.length || tail&7 != c.short || tail>>15 == 1 != c.landscape || hash[2]>>7 == 1 != c.transparent {
			t.Errorf("%v: got %d bytes, %d frequencies, landscape %v, transparent %v, want %d, %d, %v, %v", c.m.Rect.Size(),
				len(hash), tail&7, tail>>15 == 1, hash[2]>>7 == 1, c.length, c.short, c.landscape, c.transparent)
		}
	}
	for _, c := range []color.NRGBA{{255, 255, 255, 255}, {0, 0, 0, 255}, {200, 30, 90, 255}, {20, 160, 240, 255}} {
		if r, g, b := averageOf(thumbHash(plain(9, 5, c))); far(r, c.R) || far(g, c.G) || far(b, c.B) {
			t.Errorf("average of %v: got %.0f, %.0f, %.0f", c, r, g, b)
		}
	}
}

// averageOf returns the average colour of a ThumbHash, from its header.
func averageOf(hash []byte) (r, g, b float64) {
	head := int(hash[0]) | int(hash[1])<<8 | int(hash[2])<<16
	l, p, q := float64(head&63)/63, float64(head>>6&63)/31.5-1, float64(head>>12&63)/31.5-1
	b = l - 2./3*p
	r = (3*l - b + q) / 2
	return 255 * r, 255 * (r - q), 255 * b
}

// far reports whether two values of a colour differ by more than the rounding to 6 bits.
func far(got float64, want uint8) bool { return math.Abs(got-float64(want)) > 8 }

func plain(w, h int, c color.NRGBA) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, c)
		}
	}
	return m
}

func TestDominant(t *testing.T) {
	t.Parallel()
	halves := func(left, right color.NRGBA, x int) *image.NRGBA {
		m := plain(100, 10, right)
		for i := range m.Pix {
			if i/4%100 < x {
				m.Pix[i] = []byte{left.R, left.G, left.B, left.A}[i%4]
			}
		}
		return m
	}
	red, blue := color.NRGBA{200, 20, 30, 255}, color.NRGBA{10, 20, 220, 255}
	sky := pattern(100, 10, false)
	for i := range sky.Pix {
		switch x := i / 4 % 100; {
		case i%4 == 3:
		case x < 40:
			sky.Pix[i] = []byte{90, 140, byte(232 + x%16)}[i%4] // across the edge of a cell
		case x < 70:
			sky.Pix[i] = []byte{20, 90, 20}[i%4]
		default:
			sky.Pix[i] = byte(8 * (x - 70)) // greys
		}
	}
	for _, c := range []struct {
		what string
		m    *image.NRGBA
		want string // "" for none
	}{
		{"one colour", plain(3, 3, red), "#c8141e"},
		{"black", plain(1, 1, color.NRGBA{0, 0, 0, 255}), "#000000"},
		{"white", plain(100, 100, color.NRGBA{255, 255, 255, 255}), "#ffffff"},
		{"the larger part, not the average", halves(red, blue, 40), "#0a14dc"},
		{"the larger part", halves(red, blue, 60), "#c8141e"},
		{"transparent pixels", halves(color.NRGBA{0, 255, 0, 0}, blue, 90), "#0a14dc"},
		{"half-transparent pixels count half", halves(color.NRGBA{200, 20, 30, 127}, blue, 60), "#0a14dc"},
		{"a colour that varies a little", sky, "#5a8cef"},
		{"no visible pixel", plain(4, 4, color.NRGBA{255, 0, 0, 0}), ""},
	} {
		p := Make(c.m)
		got, hash := Parse(p)
		if got != c.want || (hash == "") != (c.want == "") {
			t.Errorf("%s: got %q and the ThumbHash %q, want %q", c.what, got, hash, c.want)
		}
	}
}

// TestParse: Parse returns empty texts for a text that is too short.
func TestParse(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"", "abc", "abcdefg"} {
		if colour, hash := Parse(p); colour != "" || hash != "" {
			t.Errorf("%q: got %q and %q, want nothing", p, colour, hash)
		}
	}
	if colour, hash := Parse("\x01\xab\xff12345"); colour != "#01abff" || hash != "MTIzNDU=" {
		t.Errorf("got %q and %q", colour, hash)
	}
}

func BenchmarkMake(b *testing.B) {
	for _, c := range []struct {
		what string
		m    *image.NRGBA
	}{{"opaque", pattern(100, 100, false)}, {"transparent", pattern(100, 100, true)}, {"100x75", pattern(100, 75, false)}} {
		b.Run(c.what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Make(c.m)
			}
		})
	}
}
