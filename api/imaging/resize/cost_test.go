package resize_test

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
)

// raced is set when the race detector is on. It changes the allocations.
var raced bool

// TestCost: Make allocates at most its Cost, including garbage. The runtime counts the
// allocations of all goroutines, so no other test runs at the same time.
func TestCost(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates too")
	}
	for name, data := range costly(t) {
		t.Run(name, func(t *testing.T) {
			s := newSource(t, data)
			w, h := s.Upright()
			plans := []resize.Plan{
				{Width: min(w, 320), Height: min(h, 240), Quality: 80},
				{Width: w, Height: h, Quality: 100},
				{Width: w, Height: h, Format: format.PNG},
			}
			if p := (resize.Plan{Width: w, Height: h, Format: format.WebP, Quality: 80}); p.Check() == nil {
				plans = append(plans, p)
			}
			if !whole && strings.HasPrefix(name, "photo-") {
				plans = plans[:1] // tests the decoder; the other pictures test the encoders
			}
			for _, p := range plans {
				cost, used := costOf(t, s, p)
				t.Logf("%v: %.1f of %.1f MB", p, float64(used)/1e6, float64(cost)/1e6)
				if used > cost {
					t.Errorf("%v: got %d bytes allocated, want at most the cost, %d", p, used, cost)
				}
			}
		})
	}
}

// costOf returns the Cost of a variant, and the bytes that Make allocates for it.
func costOf(t *testing.T, s resize.Source, p resize.Plan) (cost, used int64) {
	t.Helper()
	cost, used, err := tryCost(t, s, p)
	if err != nil {
		t.Fatal(err)
	}
	return cost, used
}

// tryCost does the same as costOf for a picture that Make may refuse. err is the error
// of Make.
func tryCost(t *testing.T, s resize.Source, p resize.Plan) (cost, used int64, err error) {
	t.Helper()
	if cost, err = resize.Cost(s, p); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = resize.Make(t.Context(), s, p)
	runtime.ReadMemStats(&after)
	return cost, int64(after.TotalAlloc - before.TotalAlloc), err
}

// costly returns large pictures of all kinds, and the unusual ones.
func costly(t *testing.T) map[string][]byte {
	t.Helper()
	const w, h = 500, 375
	layered := synthetic(w, h, 0)
	rect := layered.Rect
	opaque, grey, deep := image.NewRGBA(rect), image.NewGray(rect), image.NewNRGBA64(rect)
	draw.Draw(opaque, rect, synthetic(w, h, 255), image.Point{}, draw.Src)
	draw.Draw(grey, rect, opaque, image.Point{}, draw.Src)
	draw.Draw(deep, rect, layered, image.Point{}, draw.Src)
	paletted := image.NewPaletted(rect, color.Palette{color.Black, color.White})
	draw.FloydSteinberg.Draw(paletted, rect, opaque, image.Point{})
	written := func(encode func(b *bytes.Buffer) error) []byte {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	deflate := &tiff.Options{Compression: tiff.Deflate}
	files := map[string][]byte{
		"opaque.png":   encodePNG(t, opaque),
		"grey.png":     encodePNG(t, grey),
		"layered.png":  encodePNG(t, layered),
		"deep.png":     encodePNG(t, deep),
		"palette.png":  encodePNG(t, paletted),
		"baseline.jpg": encodeJPEG(t, opaque, 90),
		"opaque.gif":   written(func(b *bytes.Buffer) error { return gif.Encode(b, paletted, nil) }),
		"opaque.bmp":   written(func(b *bytes.Buffer) error { return bmp.Encode(b, opaque) }),
		"opaque.tif":   written(func(b *bytes.Buffer) error { return tiff.Encode(b, opaque, deflate) }),
		"deep.tif":     written(func(b *bytes.Buffer) error { return tiff.Encode(b, deep, deflate) }),
	}
	maps.Copy(files, unusual(t))
	for _, name := range []string{
		"photo-420.jpg", "photo-444.jpg", "photo-422.jpg", "photo-cmyk.jpg", "photo-interlaced.png", "photo-lossy.webp", "photo-lossless.webp", "photo-alpha.webp",
	} {
		files[name] = readSample(t, name)
	}
	return files
}

// unusual returns pictures whose shape or content makes them expensive.
func unusual(t *testing.T) map[string][]byte {
	t.Helper()
	noise := image.NewNRGBA(image.Rect(0, 0, 640, 480))
	random := rand.New(rand.NewPCG(6, 7))
	for i := range noise.Pix {
		noise.Pix[i] = byte(random.Uint32())
	}
	return map[string][]byte{
		"turned.png":         afterIHDR(encodePNG(t, noise), chunk("eXIf", exif(6))),
		"with a profile.png": pngProfile(t, encodePNG(t, noise), newProfile("RGB ", "tiny", 100_000)),
		"one row.png":        encodePNG(t, image.NewNRGBA(image.Rect(0, 0, 150_000, 1))),
		"one column.png":     encodePNG(t, image.NewNRGBA(image.Rect(0, 0, 1, 150_000))),
		"one row.tif":        greyTIFF(150_000, 1),
		"one column.tif":     greyTIFF(1, 150_000),
		"one column.jpg":     thin(t, 1, 65500),
		"one row.jpg":        thin(t, 65500, 1),
		"padded.webp":        padded(readSample(t, "lossy.webp"), 10<<20),
	}
}

// thin returns a progressive JPEG of one column or one row of pixels.
func thin(t *testing.T, w, h int) []byte {
	t.Helper()
	// Three components with 4 × 2, 1 × 1 and 1 × 1 blocks in an MCU. All blocks are equal.
	var b bytes.Buffer
	b.WriteString("\xff\xd8")
	b.WriteString(segment(0xdb, "\x00"+strings.Repeat("\x01", 64)))
	b.WriteString(segment(0xc2, "\x08"+be16(h)+be16(w)+"\x03\x01\x42\x00\x02\x11\x00\x03\x11\x00"))
	b.WriteString(segment(0xc4, "\x00\x01"+strings.Repeat("\x00", 15)+"\x00"))
	b.WriteString(segment(0xda, "\x03\x01\x00\x02\x00\x03\x00\x00\x00\x00"))
	blocks := ((w + 31) / 32) * ((h + 15) / 16) * 10
	b.WriteString(strings.Repeat("\x00", blocks/8+1))
	b.WriteString("\xff\xd9")
	return b.Bytes()
}

// padded adds zeros to the data of a lossy picture.
func padded(webp []byte, n int) []byte {
	return newWebP(chunkLE("VP8 ", string(webp[20:])+strings.Repeat("\x00", n)))
}

// TestCostOfDamaged: Make allocates at most the Cost of a damaged picture, too.
func TestCostOfDamaged(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates too")
	}
	random := rand.New(rand.NewPCG(8, 9))
	for name, data := range small(t) {
		for range 10 {
			spoiled := bytes.Clone(data)
			spoiled[random.IntN(min(len(data), 200))] ^= byte(1 + random.IntN(255))
			r := bytes.NewReader(spoiled)
			info, err := format.Detect(r, r.Size())
			if err != nil || info.Width*info.Height > 16*maxPixels {
				continue
			}
			s := resize.Source{ReaderAt: r, Size: r.Size(), Info: info}
			p := resize.Request{Width: 16, Quality: 80}.Plan(s.Upright())
			if cost, used, err := tryCost(t, s, p); used > cost {
				t.Errorf("%s, %v: got %d bytes allocated before %v, want at most the cost, %d", name, info, used, err, cost)
			}
		}
	}
}

// TestCostOfClaims: a header that claims a huge picture has a huge cost. The result does
// not overflow to a small number.
func TestCostOfClaims(t *testing.T) {
	t.Parallel()
	wide := func(data []byte, w, h int) resize.Source {
		s := newSource(t, data)
		s.Width, s.Height = w, h
		return s
	}
	const most = math.MaxInt32
	tiny := resize.Plan{Width: 16, Height: 16}
	jpeg, progressive := readSample(t, "gradient.jpg"), readSample(t, "photo-444.jpg")
	scans := bytes.Replace(jpeg, []byte("\xff\xda\x00\x0c\x03"), []byte("\xff\xda\x00\x0c\x01"), 1)
	// A reader that treats a lone RST as a segment of 0xffe0 bytes finds another header
	// after it, of a grey picture.
	hidden := "\xff\xd0" + segment(0xe0, strings.Repeat("\x00", 60_000)) + segment(0xe0, strings.Repeat("\x00", 5496)+
		segment(0xc0, "\x08"+be16(40)+be16(60)+"\x01\x01\x11\x00")+segment(0xda, "\x01\x01\x00\x00\x3f\x00"))
	large := resize.Plan{Width: 4000, Height: 4000}
	for name, test := range map[string]struct {
		s    resize.Source
		p    resize.Plan
		want float64 // least number of bytes
	}{
		"PNG of 2³¹":               {wide(encodePNG(t, image.NewNRGBA64(image.Rect(0, 0, 1, 1))), most, most), tiny, 1 << 62},
		"progressive JPEG":         {wide(progressive, 10000, 10000), large, 3 * 2.1e8},
		"JPEG in three scans":      {wide(scans, 10000, 10000), large, 3e8},
		"JPEG of 65535²":           {wide(scans, 65535, 65535), resize.Plan{Width: 65535, Height: 1}, 3 * 65535 * 65535},
		"JPEG with a lone marker":  {wide(afterSOI(progressive, hidden), 10000, 10000), large, 3 * 2.1e8},
		"damaged JPEG":             {cutOff(wide(jpeg, 10000, 10000)), tiny, 8.5e8},
		"damaged PNG":              {cutOff(wide(readSample(t, "palette.png"), 10000, 10000)), tiny, 16e8},
		"damaged WebP":             {cutOff(wide(readSample(t, "lossy.webp"), 10000, 10000)), tiny, 12e8},
		"damaged TIFF":             {cutOff(wide(greyTIFF(30, 20), 30, 20)), tiny, 1 << 62},
		"interlaced PNG":           {wide(readSample(t, "interlaced.png"), 10000, 10000), tiny, 8e8},
		"deep PNG":                 {wide(encodePNG(t, image.NewNRGBA64(image.Rect(0, 0, 1, 1))), 10000, 10000), tiny, 8e8},
		"GIF of 65535²":            {wide(readSample(t, "gradient.gif"), 65535, 65535), tiny, 65535 * 65535},
		"TIFF: tiles of 2³² - 1":   {newSource(t, newTIFF("", tiledPage(math.MaxUint32, math.MaxUint32)...)), tiny, 1 << 62},
		"TIFF: tiles of two sizes": {newSource(t, newTIFF("", twice(tiledPage(300, 200), 322)...)), tiny, 1 << 62},
		"TIFF: no rows":            {newSource(t, newTIFF("", without(page(3000, 2000, 8, 8), 278)...)), tiny, 24 * 6e6},
		"TIFF: 0 rows":             {newSource(t, newTIFF("", zero(page(3000, 2000, 8, 8), 278)...)), tiny, 24 * 6e6},
		"TIFF: rows of two sizes":  {newSource(t, newTIFF("", twice(page(3000, 2000, 8, 8), 278)...)), tiny, 24 * 6e6},
	} {
		cost, err := resize.Cost(test.s, test.p)
		if err != nil || float64(cost) < test.want {
			t.Errorf("%s: got a cost of %g, %v, want %g and more", name, float64(cost), err, test.want)
		}
	}
	// The cost of a usual picture is not too high.
	for name, limit := range map[string]float64{"photo-422.jpg": 0.6, "photo-420.jpg": 1.2, "photo-lossy.webp": 2.1, "gradient.gif": 2} {
		cost, err := resize.Cost(wide(readSample(t, name), 4096, 3072), resize.Plan{Width: 320, Height: 240})
		if limit := limit*4096*3072 + 7<<20; err != nil || float64(cost) > limit {
			t.Errorf("%s: got a cost of %d, %v, want %.0f and less", name, cost, err, limit)
		}
	}
}

// cutOff keeps ten bytes of the file, and the result of Detect for the whole file.
func cutOff(s resize.Source) resize.Source {
	s.Size = 10
	return s
}

// change returns the fields. It changes the values of the field with the tag.
func change(fields []field, tag int, to func(values []int) []int) []field {
	for i, f := range fields {
		if f.tag == tag {
			fields[i].values = to(f.values)
		}
	}
	return fields
}

func twice(fields []field, tag int) []field {
	return change(fields, tag, func(v []int) []int { return []int{v[0], v[0]} })
}

func zero(fields []field, tag int) []field {
	return change(fields, tag, func([]int) []int { return []int{0} })
}

func without(fields []field, tag int) []field {
	var rest []field
	for _, f := range fields {
		if f.tag != tag {
			rest = append(rest, f)
		}
	}
	return rest
}
