package resize_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"math"
	"math/rand/v2"
	"testing"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
)

// TestColours: a variant in full size has the colours of the picture. The wanted colours
// are those from which the picture was made, or those of another decoder: dwebp for a
// lossy WebP.
func TestColours(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, like string
		tolerance  int // largest difference in a premultiplied channel
	}{
		{"gradient.png", "gradient.png", 0},
		{"interlaced.png", "alpha.png", 0},
		{"palette.png", "palette.png", 0},
		{"bits.png", "bits.png", 0},
		{"grey16.png", "grey16.png", 1},
		{"gradient.gif", "gradient.gif", 0},
		{"zero-screen.gif", "gradient.gif", 0},
		{"animated.gif", "animated.gif", 0},
		{"lossless.webp", "gradient.png", 0},
		{"lossless-alpha.webp", "alpha.png", 0},
		{"alpha.webp", "alpha-webp.png", 2},
		{"gradient.bmp", "gradient.png", 0},
		{"palette.bmp", "few.png", 0},
		{"alpha.bmp", "alpha-bmp.png", 1},
		{"little.tif", "gradient.png", 0},
		{"big.tif", "gradient.png", 0},
		{"tiled.tif", "gradient.png", 0},
		{"palette.tif", "few.png", 0},
		{"bits.tif", "bits.png", 0},
		{"grey.tif", "grey16.png", 1},
		{"associated.tif", "soft.png", 1},
		{"unassociated.tif", "soft.png", 1},
		{"deep.tif", "soft.png", 1},
		{"pages.tif", "gradient.png", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			data := readSample(t, test.name)
			s := newSource(t, data)
			s.Orientation = 1
			got := pixelsOf(t, data, fullSize(s))
			wantColours(t, got, premultiplied(decode(t, readSample(t, test.like))), test.tolerance)
		})
	}
}

func wantColours(t *testing.T, got, want *image.RGBA, tolerance int) {
	t.Helper()
	if got.Rect != want.Rect {
		t.Fatalf("got %v, want %v", got.Rect, want.Rect)
	}
	wrong := 0
	for i := range got.Pix {
		if d := int(got.Pix[i]) - int(want.Pix[i]); d < -tolerance || d > tolerance {
			if x, y := i%got.Stride/4, i/got.Stride; wrong < 3 {
				t.Errorf("at %d, %d: got %v, want %v", x, y, got.RGBAAt(x, y), want.RGBAAt(x, y))
			}
			wrong++
		}
	}
	if wrong > 0 {
		t.Errorf("%d values are wrong", wrong)
	}
}

// TestLossyWebP compares a variant with the result of dwebp, which smooths chroma in
// another way. With the levels of a JPEG the PSNR would be 27 dB.
func TestLossyWebP(t *testing.T) {
	t.Parallel()
	got := pixelsOf(t, readSample(t, "lossy.webp"), resize.Plan{Width: 60, Height: 40})
	if psnr := psnr(got, premultiplied(decode(t, readSample(t, "lossy-webp.png")))); psnr < 38 {
		t.Errorf("got %.1f dB, want 38 and more", psnr)
	}
}

func TestTopDownBMP(t *testing.T) {
	t.Parallel()
	upright := decode(t, readSample(t, "gradient.png"))
	b := upright.Bounds()
	want := painted(b.Dx(), b.Dy(), func(x, y int) color.NRGBA {
		return color.NRGBAModel.Convert(upright.At(x, b.Dy()-1-y)).(color.NRGBA)
	})
	data := readSample(t, "topdown.bmp")
	wantColours(t, pixelsOf(t, data, fullSize(newSource(t, data))), premultiplied(want), 0)
}

// TestCMYK compares a CMYK JPEG without a profile with the colours in Chromium 156.
func TestCMYK(t *testing.T) {
	t.Parallel()
	data := readSample(t, "cmyk.jpg")
	got := pixelsOf(t, data, fullSize(newSource(t, data)))
	for at, want := range map[image.Point]color.RGBA{
		{X: 5, Y: 5}:   {31, 20, 110, 255},
		{X: 20, Y: 20}: {255, 255, 255, 255},
		{X: 40, Y: 30}: {196, 126, 30, 255},
		{X: 59, Y: 39}: {254, 165, 1, 255},
	} {
		g := got.RGBAAt(at.X, at.Y)
		if away(g.R, want.R) > 2 || away(g.G, want.G) > 2 || away(g.B, want.B) > 2 || g.A != 255 {
			t.Errorf("at %v: got %v, want %v", at, g, want)
		}
	}
}

func away(a, b uint8) int { return max(int(a)-int(b), int(b)-int(a)) }

// TestExact: a PNG of 8 bits that is not scaled loses only the colours of transparent
// pixels.
func TestExact(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	noise := func(pix []byte) {
		for i := range pix {
			pix[i] = byte(random.Uint32())
		}
	}
	rect := image.Rect(0, 0, 63, 41)
	grey, layered, opaque := image.NewGray(rect), image.NewNRGBA(rect), image.NewRGBA(rect)
	noise(grey.Pix)
	noise(layered.Pix)
	noise(opaque.Pix)
	colours := append(color.Palette{color.NRGBA{}, color.NRGBA{200, 100, 50, 128}, color.NRGBA{1, 2, 3, 1}}, palette.Plan9[:253]...)
	paletted := image.NewPaletted(rect, colours)
	noise(paletted.Pix)
	for i := range layered.Pix {
		if i%4 == 3 {
			opaque.Pix[i] = 255
		}
	}
	for name, m := range map[string]image.Image{"grey": grey, "layered": layered, "opaque": opaque, "paletted": paletted} {
		t.Run(name, func(t *testing.T) {
			s := newSource(t, encodePNG(t, m))
			got := decode(t, makeVariant(t, s, fullSize(s)).Data)
			for y := range 41 {
				for x := range 63 {
					want := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
					if want.A == 0 {
						want = color.NRGBA{}
					}
					if g := color.NRGBAModel.Convert(got.At(x, y)); g != want {
						t.Fatalf("at %d, %d: got %v, want %v", x, y, g, want)
					}
				}
			}
		})
	}
}

// TestDeep: channels of 16 bits are rounded to 8 bits.
func TestDeep(t *testing.T) {
	t.Parallel()
	rect := image.Rect(0, 0, 64, 48)
	opaque, layered, grey := image.NewRGBA64(rect), image.NewNRGBA64(rect), image.NewGray16(rect)
	want := image.NewRGBA(rect)
	wantLayered, wantGrey := image.NewRGBA(rect), image.NewRGBA(rect)
	for y := range 48 {
		for x := range 64 {
			r, g, b, a := uint16(x*1040), uint16(y*1390), uint16(x*y*21), uint16(65535-x*1000)
			opaque.SetRGBA64(x, y, color.RGBA64{r, g, b, 65535})
			layered.SetNRGBA64(x, y, color.NRGBA64{r, g, b, a})
			grey.SetGray16(x, y, color.Gray16{b})
			by := func(v, a uint16) uint8 { return uint8(math.Round(float64(v) * float64(a) / 65535 / 257)) }
			want.SetRGBA(x, y, color.RGBA{by(r, 65535), by(g, 65535), by(b, 65535), 255})
			wantLayered.SetRGBA(x, y, color.RGBA{by(r, a), by(g, a), by(b, a), by(a, 65535)})
			wantGrey.SetRGBA(x, y, color.RGBA{by(b, 65535), by(b, 65535), by(b, 65535), 255})
		}
	}
	p := resize.Plan{Width: 64, Height: 48}
	wantColours(t, pixelsOf(t, encodePNG(t, opaque), p), want, 0)
	wantColours(t, pixelsOf(t, encodePNG(t, grey), p), wantGrey, 0)
	wantColours(t, pixelsOf(t, encodePNG(t, layered), p), wantLayered, 1) // 1, because the PNG between them is not premultiplied
}

// TestGIF: a picture smaller than the screen has its position, and the screen around it
// is transparent. A picture that is partly outside of the screen enlarges it.
func TestGIF(t *testing.T) {
	t.Parallel()
	red, blue := color.RGBA{200, 0, 0, 255}, color.RGBA{0, 0, 200, 255}
	picture := image.NewPaletted(image.Rect(10, 5, 40, 25), color.Palette{red, color.RGBA{}, blue})
	for x := 10; x < 40; x++ {
		for y := 5; y < 25; y++ {
			picture.SetColorIndex(x, y, uint8(x/10-1))
		}
	}
	for _, screen := range []image.Point{{50, 30}, {40, 25}, {20, 10}} {
		var b bytes.Buffer
		config := image.Config{Width: max(screen.X, 40), Height: max(screen.Y, 25), ColorModel: picture.Palette}
		if err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{picture}, Delay: []int{0}, Config: config}); err != nil {
			t.Fatal(err)
		}
		data := b.Bytes()
		data[6], data[8] = byte(screen.X), byte(screen.Y)
		want := image.NewRGBA(image.Rect(0, 0, config.Width, config.Height))
		draw.Draw(want, picture.Rect, picture, picture.Rect.Min, draw.Src)
		wantColours(t, pixelsOf(t, data, resize.Plan{Width: config.Width, Height: config.Height}), want, 0)
	}
}

// TestEdges: an edge between colours keeps its position, for each subsampling.
func TestEdges(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"quarters.png", "quarters-1x1.jpg", "quarters-2x1.jpg", "quarters-1x2.jpg", "quarters-2x2.jpg", "quarters-4x1.jpg", "quarters-4x2.jpg",
		"quarters-rgb.jpg", "quarters-rgb-2x2.jpg", "quarters.webp",
	} {
		for _, p := range []resize.Plan{{Width: 63, Height: 41}, {Width: 45, Height: 29}, {Width: 32, Height: 21}, {Width: 21, Height: 14}, {Width: 12, Height: 8}} {
			t.Run(fmt.Sprint(name, " ", p.Width), func(t *testing.T) {
				t.Parallel()
				m := pixelsOf(t, readSample(t, name), p)
				f, g := float64(p.Width)/63, float64(p.Height)/41
				w, h := p.Width, p.Height
				// The upper half changes from red to blue, the left half
				// from red to green.
				across := crossing(w, func(i int) uint8 { return m.RGBAAt(i, h/4).R })
				down := crossing(h, func(i int) uint8 { return m.RGBAAt(w/4, i).R })
				if math.Abs(across-31*f) > 0.3 || math.Abs(down-20*g) > 0.3 {
					t.Errorf("got the edges at %.2f and %.2f, want %.2f and %.2f", across, down, 31*f, 20*g)
				}
				for at, want := range map[image.Point]color.RGBA{
					{X: w / 5, Y: h / 5}:     {200, 60, 40, 255},
					{X: w - w/5, Y: h / 5}:   {40, 80, 200, 255},
					{X: w / 5, Y: h - h/5}:   {60, 180, 60, 255},
					{X: w - w/5, Y: h - h/5}: {220, 200, 60, 255},
					{X: w - 1, Y: h - 1}:     {220, 200, 60, 255},
					{X: w - 1, Y: 0}:         {40, 80, 200, 255},
					{X: 0, Y: h - 1}:         {60, 180, 60, 255},
				} {
					got := m.RGBAAt(at.X, at.Y)
					if away(got.R, want.R) > 12 || away(got.G, want.G) > 12 || away(got.B, want.B) > 12 {
						t.Errorf("at %v: got %v, want %v", at, got, want)
					}
				}
			})
		}
	}
}

// crossing returns the position at which the values cross the mean of the first and the
// last value. The centre of the first pixel is at 0.5.
func crossing(n int, at func(i int) uint8) float64 {
	level := (float64(at(0)) + float64(at(n-1))) / 2
	for i := range n - 1 {
		a, b := float64(at(i)), float64(at(i+1))
		if (a >= level) != (b >= level) {
			return float64(i) + 0.5 + (a-level)/(a-b)
		}
	}
	return math.NaN()
}

// TestTransparentEdges: the black of transparent pixels does not darken the edge of a
// white disc.
func TestTransparentEdges(t *testing.T) {
	t.Parallel()
	disc := painted(201, 201, func(x, y int) color.NRGBA {
		if math.Hypot(float64(x-100), float64(y-100)) < 80 {
			return color.NRGBA{255, 255, 255, 255}
		}
		return color.NRGBA{}
	})
	deep := image.NewNRGBA64(disc.Rect)
	draw.Draw(deep, deep.Rect, disc, image.Point{}, draw.Src)
	paletted := image.NewPaletted(disc.Rect, color.Palette{color.NRGBA{}, color.White})
	draw.Draw(paletted, paletted.Rect, disc, image.Point{}, draw.Src)
	var gifData bytes.Buffer
	if err := gif.Encode(&gifData, paletted, nil); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"NRGBA": encodePNG(t, disc), "NRGBA64": encodePNG(t, deep), "paletted": encodePNG(t, paletted), "GIF": gifData.Bytes(),
	} {
		for _, w := range []int{190, 101, 64, 37, 16} {
			c := makeVariant(t, newSource(t, data), resize.Plan{Width: w, Height: w})
			if c.Type != format.PNG {
				t.Errorf("%s: got a %s, want a PNG", name, c.Type)
			}
			m := decode(t, c.Data).(*image.NRGBA)
			partly := 0
			for i := 0; i < len(m.Pix); i += 4 {
				r, g, b, a := m.Pix[i], m.Pix[i+1], m.Pix[i+2], m.Pix[i+3]
				if a > 8 && (r < 254 || g < 254 || b < 254) {
					t.Fatalf("%s, %d pixels: got %d %d %d at an alpha of %d, want white", name, w, r, g, b, a)
				}
				if 8 < a && a < 247 {
					partly++
				}
			}
			if partly == 0 {
				t.Errorf("%s, %d pixels: the edge is not soft", name, w)
			}
		}
	}
}

// TestJPEGOfTransparent: a JPEG of a transparent picture shows it on white.
func TestJPEGOfTransparent(t *testing.T) {
	t.Parallel()
	c := makeVariant(t, newSource(t, readSample(t, "soft.png")), resize.Plan{Width: 60, Height: 40, Format: format.JPEG, Quality: 100})
	got := premultiplied(decode(t, c.Data))
	want := image.NewRGBA(got.Rect)
	draw.Draw(want, want.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(want, want.Rect, decode(t, readSample(t, "soft.png")), image.Point{}, draw.Over)
	if psnr := psnr(got, want); psnr < 35 {
		t.Errorf("got %.1f dB, want 35 and more", psnr)
	}
}
