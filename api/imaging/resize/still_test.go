package resize_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"strings"
	"testing"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
)

// animation is an animation, and the pixels of its first frame on its canvas.
type animation struct {
	data []byte
	want *image.RGBA
}

// wantFrame checks the pixels of the first frame. The colours of a lossy WebP and of 16 bits
// are converted in another way if the canvas is larger.
func (a animation) wantFrame(t *testing.T, name string, got *image.RGBA) {
	t.Helper()
	if strings.Contains(name, "lossy.webp with an offset") {
		if psnr := psnr(got, a.want); psnr < 40 {
			t.Errorf("got %.1f dB, want 40 and more", psnr)
		}
		return
	}
	tolerance := 0
	if strings.Contains(name, "16 bits") {
		tolerance = 1
	}
	wantColours(t, got, a.want, tolerance)
}

// animations returns animations of which a decoder of stills would decode something else, and
// some whose first frame is smaller than the canvas. Chromium 156 draws exactly these first
// frames of them in a canvas; of the lossy WebP, it differs by the conversion of the colours.
func animations(t testing.TB) map[string]animation {
	t.Helper()
	all := make(map[string]animation)
	for name, a := range gifAnimations(t) {
		all["GIF: "+name] = a
	}
	for name, a := range pngAnimations(t) {
		all["PNG: "+name] = a
	}
	for name, a := range webpAnimations(t) {
		all["WebP: "+name] = a
	}
	return all
}

// placed draws a picture at a place of a canvas that is transparent.
func placed(m image.Image, at image.Point, w, h int) *image.RGBA {
	canvas := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(canvas, m.Bounds().Sub(m.Bounds().Min).Add(at), m, m.Bounds().Min, draw.Src)
	return canvas
}

// paletted returns a picture with a transparent corner.
func paletted(r image.Rectangle) *image.Paletted {
	m := image.NewPaletted(r, color.Palette{color.RGBA{200, 30, 40, 255}, color.RGBA{20, 180, 60, 255}, color.RGBA{}, color.RGBA{10, 20, 220, 255}})
	for i := range m.Pix {
		x, y := i%r.Dx(), i/r.Dx()
		m.Pix[i] = uint8(x/3+y/2) % 4
		if x < r.Dx()/3 && y < r.Dy()/3 {
			m.Pix[i] = 2
		}
	}
	return m
}

func gifAnimations(t testing.TB) map[string]animation {
	t.Helper()
	encode := func(w, h int, background byte, disposal byte, frames ...*image.Paletted) []byte {
		g := &gif.GIF{Image: frames, Delay: make([]int, len(frames)), Disposal: bytes.Repeat([]byte{disposal}, len(frames)),
			BackgroundIndex: background, Config: image.Config{Width: w, Height: h, ColorModel: frames[0].Palette}}
		var b bytes.Buffer
		if err := gif.EncodeAll(&b, g); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	first, second := paletted(image.Rect(10, 6, 40, 30)), paletted(image.Rect(0, 0, 60, 40))
	at := image.Pt(10, 6)
	// The screen is too small for the first frame, and for the second.
	tight := encode(60, 40, 0, gif.DisposalNone, first, second)
	copy(tight[6:], le16(30)+le16(30))
	return map[string]animation{
		"an offset":               {encode(60, 40, 1, gif.DisposalNone, first, second), placed(first, at, 60, 40)},
		"a frame that is cleared": {encode(60, 40, 3, gif.DisposalBackground, first, second), placed(first, at, 60, 40)},
		"a whole frame":           {encode(60, 40, 0, gif.DisposalPrevious, second, first), placed(second, image.Pt(0, 0), 60, 40)},
		"a screen too small":      {tight, placed(first, at, 40, 30)},
		"cut off after the frame": {tight[:bytes.LastIndexByte(tight, ',')+11], placed(first, at, 40, 30)},
	}
}

// apng makes an APNG (PNG third edition, 4.9) of the header and the palette of PNG files. Its
// first frame is at a place of the canvas of the first file.
func apng(hidden, frame []byte, at image.Point, piece int) []byte {
	_, chunks := pngChunks(hidden)
	ihdr, other := pngChunks(frame)
	control := func(sequence int, w, h string, at image.Point) string {
		return chunk("fcTL", be32(sequence)+w+h+be32(at.X)+be32(at.Y)+"\x00\x01\x00\x0a\x00\x00")
	}
	out := string(hidden[:33]) + chunk("acTL", be32(2)+be32(0))
	for _, c := range chunks {
		if c.kind != "IEND" {
			out += chunk(c.kind, c.content)
		}
	}
	out += chunk("tEXt", "a\x00b") + control(0, ihdr[:4], ihdr[4:8], at)
	sequence := 1
	var pixels string
	for _, c := range other {
		if c.kind == "IDAT" {
			pixels += c.content
		}
	}
	for data := pixels; data != ""; sequence++ {
		n := min(piece, len(data))
		out += chunk("fdAT", be32(sequence)+data[:n])
		data = data[n:]
	}
	return []byte(out + control(sequence, ihdr[:4], ihdr[4:8], image.Pt(0, 0)) + chunk("fdAT", be32(sequence+1)+pixels) + chunk("IEND", ""))
}

// pngChunk is a chunk of a PNG.
type pngChunk struct{ kind, content string }

// pngChunks returns the content of the header, and the chunks after it.
func pngChunks(png []byte) (ihdr string, chunks []pngChunk) {
	for s := string(png[33:]); len(s) >= 12; {
		n := int(s[0])<<24 | int(s[1])<<16 | int(s[2])<<8 | int(s[3])
		chunks = append(chunks, pngChunk{s[4:8], s[8 : 8+n]})
		s = s[12+n:]
	}
	return string(png[16:29]), chunks
}

func pngAnimations(t testing.TB) map[string]animation {
	t.Helper()
	colour := func(seed int) func(x, y int) color.NRGBA {
		return func(x, y int) color.NRGBA { return color.NRGBA{uint8(seed + 5*x), uint8(7 * y), uint8(90 + seed), 255} }
	}
	soft := func(x, y int) color.NRGBA { return color.NRGBA{uint8(9 * x), uint8(250 - 7*y), 60, uint8(40 + 8*x)} }
	deep := func(w, h int) image.Image {
		m := image.NewGray16(image.Rect(0, 0, w, h))
		for i := range m.Pix {
			m.Pix[i] = uint8(37 * i)
		}
		return m
	}
	make := func(hidden, frame image.Image, at image.Point, piece int) animation {
		b := hidden.Bounds()
		return animation{apng(encodePNG(t, hidden), encodePNG(t, frame), at, piece), placed(frame, at, b.Dx(), b.Dy())}
	}
	red, part := painted(60, 40, colour(100)), painted(23, 17, colour(0))
	clear := painted(60, 40, func(int, int) color.NRGBA { return color.NRGBA{200, 0, 0, 100} })
	whole := painted(60, 40, soft)
	shown := readSample(t, "animated.png")
	return map[string]animation{
		"the picture is the first frame": {shown, premultiplied(decode(t, shown))},
		"a hidden picture":               make(red, part, image.Pt(11, 5), 1<<20),
		"a frame in pieces":              make(red, part, image.Pt(37, 23), 7),
		"a frame with transparency":      make(clear, painted(23, 17, soft), image.Pt(0, 0), 100),
		"a frame as large as the canvas": make(clear, whole, image.Pt(0, 0), 1<<20),
		"a palette":                      make(paletted(image.Rect(0, 0, 60, 40)), paletted(image.Rect(0, 0, 20, 10)), image.Pt(40, 30), 1<<20),
		"16 bits of grey":                make(deep(60, 40), deep(20, 10), image.Pt(3, 4), 1<<20),
	}
}

// anmf makes a frame of an animation (RFC 9649, 2.7.1.1). The place must be even.
func anmf(at image.Point, w, h int, content string) string {
	le24 := func(n int) string { return le32(n)[:3] }
	return chunkLE("ANMF", le24(at.X/2)+le24(at.Y/2)+le24(w-1)+le24(h-1)+le24(100)+"\x00"+content)
}

// canvas is the header of an animation, with a red background (RFC 9649, 2.7 and 2.7.1.1).
func canvas(w, h int) string {
	return chunkLE("VP8X", "\x12\x00\x00\x00"+le32(w - 1)[:3]+le32(h - 1)[:3]) + chunkLE("ANIM", "\x00\x00\xff\xff\x00\x00")
}

// stillWebP returns the chunks of a still: its transparency, and its picture.
func stillWebP(t testing.TB, name string) string {
	t.Helper()
	data := string(readSample(t, name)[12:])
	if strings.HasPrefix(data, "VP8X") {
		data = data[18:]
	}
	return data
}

func webpAnimations(t testing.TB) map[string]animation {
	t.Helper()
	all := make(map[string]animation)
	for _, name := range []string{"lossy.webp", "lossless.webp", "lossless-alpha.webp", "alpha.webp"} {
		still := readSample(t, name)
		picture := pixelsOf(t, still, fullSize(newSource(t, still)))
		content, w, h := stillWebP(t, name), picture.Rect.Dx(), picture.Rect.Dy()
		second := anmf(image.Pt(0, 0), w, h, stillWebP(t, "lossless.webp"))
		all[name] = animation{newWebP(canvas(w, h), anmf(image.Pt(0, 0), w, h, content), second), picture}
		all[name+" with an offset"] = animation{newWebP(canvas(w+50, h+30), anmf(image.Pt(32, 14), w, h, content), second), placed(picture, image.Pt(32, 14), w+50, h+30)}
	}
	return all
}

// TestStill compares the first frames of animations.
func TestStill(t *testing.T) {
	t.Parallel()
	for name, a := range animations(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource(t, a.data)
			p := fullSize(s)
			p.Still = true
			a.wantFrame(t, name, pixelsOf(t, a.data, p))
			r := resize.Request{Width: 16, Height: 24, Cover: true, Quality: 80, Still: true}
			if c := makeVariant(t, s, r.Plan(s.Upright())); c.Type == format.PNG == a.want.Opaque() {
				t.Errorf("got a %s, but the first frame has opaque %v", c.Type, a.want.Opaque())
			}
		})
	}
}

// TestStillCost: the cost of a first frame does not depend on the frames after it, and a file
// that ends or cannot be read after its first frame gives the same variant.
func TestStillCost(t *testing.T) {
	t.Parallel()
	for name, a := range animations(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := fullSize(newSource(t, a.data))
			p.Still = true
			var long []byte
			switch {
			case strings.HasPrefix(name, "GIF"):
				last := bytes.LastIndexByte(a.data, ',') // no colour and no code of the samples is a comma
				long = append(bytes.Clone(a.data[:last]), bytes.Repeat(a.data[last:len(a.data)-1], 10000)...)
			case strings.HasPrefix(name, "PNG"):
				last := bytes.LastIndex(a.data, []byte("fcTL")) - 4
				long = append(bytes.Clone(a.data[:last]), bytes.Repeat(a.data[last:len(a.data)-12], 10000)...)
			default:
				last := bytes.LastIndex(a.data, []byte("ANMF"))
				content := string(a.data[12:last]) + strings.Repeat(string(a.data[last:]), 10000)
				long = newWebP(content)
			}
			read := &counting{data: long}
			s := newSource(t, a.data)
			s.ReaderAt, s.Size = read, int64(len(long))
			cost, err := resize.Cost(s, p)
			short, _ := resize.Cost(newSource(t, a.data), p)
			if err != nil || cost != short {
				t.Errorf("got a cost of %d, %v for many frames, want %d as for two", cost, err, short)
			}
			a.wantFrame(t, name, premultiplied(decode(t, makeVariant(t, s, p).Data)))
			if most := int64(len(a.data) + 128<<10); read.end > most {
				t.Errorf("read up to byte %d of %d, want at most %d", read.end, len(long), most)
			}
		})
	}
}

// TestStillMemory: Make allocates at most its Cost for a first frame.
func TestStillMemory(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates too")
	}
	files := make(map[string][]byte)
	for _, name := range []string{"photo-lossy.webp", "photo-lossless.webp", "photo-alpha.webp"} {
		s := newSource(t, readSample(t, name))
		second := anmf(image.Pt(0, 0), s.Width, s.Height, stillWebP(t, name))
		files[name] = newWebP(canvas(s.Width, s.Height), second, second)
		files[name+" with an offset"] = newWebP(canvas(s.Width+20, s.Height), anmf(image.Pt(20, 0), s.Width, s.Height, stillWebP(t, name)), second)
	}
	png := readSample(t, "photo-interlaced.png")
	files["a PNG"] = apng(png, png, image.Pt(0, 0), 8<<10)
	for name, data := range files {
		s := newSource(t, data)
		for _, p := range []resize.Plan{{Width: 32, Height: 24, Quality: 80, Still: true}, {Width: s.Width, Height: s.Height, Format: format.PNG, Still: true}} {
			cost, used := costOf(t, s, p)
			t.Logf("%s: %v: %.1f of %.1f MB", name, p, float64(used)/1e6, float64(cost)/1e6)
			if used > cost {
				t.Errorf("%s: %v: got %d bytes allocated, want at most the cost, %d", name, p, used, cost)
			}
		}
	}
}

// counting is a file that remembers how far it was read.
type counting struct {
	data []byte
	end  int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	n, err := bytes.NewReader(c.data).ReadAt(p, off)
	c.end = max(c.end, off+int64(n))
	return n, err
}

// TestStillRefused: a frame that is impossible gives an error.
func TestStillRefused(t *testing.T) {
	t.Parallel()
	lossy, vp8l := stillWebP(t, "lossy.webp"), stillWebP(t, "lossless.webp")
	frame := func(at image.Point, w, h int, content string) []byte {
		return newWebP(canvas(60, 40), anmf(at, w, h, content), anmf(image.Pt(0, 0), 60, 40, lossy))
	}
	hidden := encodePNG(t, painted(60, 40, func(x, y int) color.NRGBA { return color.NRGBA{A: 255} }))
	part := encodePNG(t, painted(20, 10, func(x, y int) color.NRGBA { return color.NRGBA{R: 255, A: 255} }))
	moved := func(at image.Point) []byte { return apng(hidden, part, at, 100) }
	sized := func(w, h int) []byte { // the data has 20 × 10 pixels
		data := bytes.Clone(moved(image.Pt(0, 0)))
		at := bytes.Index(data, []byte("fcTL")) + 8
		copy(data[at:], be32(w)+be32(h))
		return rightChecksums(data)
	}
	for name, data := range map[string][]byte{
		"WebP: a frame to the right":         frame(image.Pt(2, 0), 60, 40, lossy),
		"WebP: a frame far away":             frame(image.Pt(1<<24, 1<<24), 60, 40, lossy),
		"WebP: a frame larger than a canvas": frame(image.Pt(0, 0), 62, 40, lossy),
		"WebP: a lossy picture too large":    frame(image.Pt(0, 0), 30, 40, lossy),
		"WebP: a lossless picture too large": frame(image.Pt(0, 0), 60, 20, vp8l),
		"WebP: a picture too small":          newWebP(canvas(80, 40), anmf(image.Pt(0, 0), 80, 40, lossy), anmf(image.Pt(0, 0), 60, 40, lossy)),
		"WebP: a frame without a picture":    frame(image.Pt(0, 0), 60, 40, "EXIF\x00\x00\x00\x00"),
		"WebP: an empty frame":               frame(image.Pt(0, 0), 60, 40, ""),
		"WebP: a frame too short":            newWebP(canvas(60, 40), chunkLE("ANMF", "short"), anmf(image.Pt(0, 0), 60, 40, lossy)),
		"WebP: transparency alone":           frame(image.Pt(0, 0), 60, 40, chunkLE("ALPH", "\x00")),
		"WebP: transparency of a lossless":   frame(image.Pt(0, 0), 60, 40, chunkLE("ALPH", "\x00"+strings.Repeat("\x80", 60*40))+vp8l),
		"WebP: a picture that is cut off":    frame(image.Pt(0, 0), 60, 40, lossy[:len(lossy)/2]),
		"PNG: a frame to the right":          moved(image.Pt(41, 0)),
		"PNG: a frame below":                 moved(image.Pt(0, 31)),
		"PNG: a frame far away":              moved(image.Pt(1<<31-1, 1<<31-1)),
		"PNG: a frame of 0 pixels":           sized(0, 10),
		"PNG: a frame too wide":              sized(61, 10),
		"PNG: a frame without data":          bytes.ReplaceAll(moved(image.Pt(0, 0)), []byte("fdAT"), []byte("fdaT")),
		"PNG: data without a number":         rightChecksums([]byte(string(hidden[:len(hidden)-12]) + chunk("fcTL", be32(0)+be32(20)+be32(10)+be32(0)+be32(0)+"\x00\x01\x00\x0a\x00\x00") + chunk("fdAT", "\x00"))),
	} {
		s := newSource(t, data)
		p := fullSize(s)
		p.Still = true
		if _, err := resize.Make(t.Context(), s, p); !errors.Is(err, resize.ErrDamaged) {
			t.Errorf("%s: got %v, want ErrDamaged", name, err)
		}
	}
}

// TestStillDamaged: the intact part of a first frame is shown.
func TestStillDamaged(t *testing.T) {
	t.Parallel()
	hidden := encodePNG(t, painted(60, 40, func(x, y int) color.NRGBA { return color.NRGBA{R: 255, A: 255} }))
	part := painted(20, 10, func(x, y int) color.NRGBA { return color.NRGBA{uint8(x), uint8(y), 100, 255} })
	data := apng(hidden, encodePNG(t, part), image.Pt(20, 10), 1<<20)
	end := bytes.Index(data, []byte("fdAT")) + 30 // in the data of the first frame
	for name, data := range map[string][]byte{
		"no frame":         rightChecksums(bytes.ReplaceAll(data, []byte("fcTL"), []byte("fctL"))),
		"a frame cut off":  data[:end],
		"wrong checksums":  spoil(data, bytes.Index(data, []byte("fcTL"))-6, 1),
		"a second picture": append(bytes.Clone(data[:len(data)-12]), hidden[33:]...),
	} {
		s := newSource(t, data)
		p := fullSize(s)
		p.Still = true
		m := pixelsOf(t, data, p)
		want := color.RGBA{0, 0, 100, 255}
		if name == "no frame" {
			want = color.RGBA{255, 0, 0, 255}
		}
		if got := m.RGBAAt(20, 10); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}
