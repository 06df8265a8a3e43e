package resize_test

import (
	"bytes"
	"compress/zlib"
	"image"

	"math/rand/v2"
	"strings"
	"testing"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
)

// newProfile returns a colour profile (ICC.1:2001) with a name, and with padding bytes
// after its tags.
func newProfile(space, name string, padding int) string {
	description := "desc\x00\x00\x00\x00" + be32(len(name)+1) + name + "\x00" + strings.Repeat("\x00", 78)
	for len(description)%4 != 0 {
		description += "\x00"
	}
	xyz := func(x, y, z int) string { return "XYZ \x00\x00\x00\x00" + be32(x) + be32(y) + be32(z) }
	gamma := "curv\x00\x00\x00\x00\x00\x00\x00\x01\x02\x33\x00\x00" // 2.2
	tags := []struct{ name, content string }{
		{"desc", description}, {"wtpt", xyz(0xf6d6, 0x10000, 0xd32d)},
		{"rXYZ", xyz(0x9c18, 0x4fa5, 0x04fc)}, {"gXYZ", xyz(0x348d, 0xa02c, 0x0f95)}, {"bXYZ", xyz(0x2631, 0x102f, 0xbe9c)}, // the colours of Adobe RGB
		{"rTRC", gamma}, {"gTRC", gamma}, {"bTRC", gamma},
	}
	table, content := be32(len(tags)), ""
	for _, tag := range tags {
		table += tag.name + be32(128+4+12*len(tags)+len(content)) + be32(len(tag.content))
		content += tag.content
	}
	noise := make([]byte, padding) // random, so that it cannot be compressed
	random := rand.New(rand.NewPCG(3, 4))
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	content += string(noise)
	header := be32(128+len(table)+len(content)) + "test" + be32(0x02200000) + "mntr" + space + "XYZ " + strings.Repeat("\x00", 12) + "acsp"
	header += strings.Repeat("\x00", 128-len(header))
	return header + table + content
}

const segmentName = "ICC_PROFILE\x00"

func jpegProfile(jpeg []byte, profile string) []byte {
	const most = 65000
	count := byte((len(profile) + most - 1) / most)
	var segments []string
	for n := byte(1); n <= count; n++ {
		piece := profile[:min(most, len(profile))]
		profile = profile[len(piece):]
		segments = append(segments, segment(0xe2, segmentName+string([]byte{n, count})+piece))
	}
	return afterSOI(jpeg, segments...)
}

func deflated(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func pngProfile(t *testing.T, png []byte, profile string) []byte {
	t.Helper()
	return afterIHDR(png, chunk("iCCP", "test\x00\x00"+deflated(t, profile)))
}

// webpProfile adds a profile to a WebP of 60 × 40 pixels without an extended header.
func webpProfile(webp []byte, profile string) []byte {
	return newWebP(chunkLE("VP8X", "\x20\x00\x00\x00\x3b\x00\x00\x27\x00\x00"), chunkLE("ICCP", profile), string(webp[12:]))
}

// bmpProfile replaces the BITMAPINFOHEADER of a BMP by a BITMAPV5HEADER, and adds a
// profile after the picture.
func bmpProfile(bmp []byte, profile string) []byte {
	info, pixels := string(bmp[14+4:14+40]), string(bmp[54:])
	v5 := le32(124) + info + strings.Repeat("\x00", 16) + "DEBM" + strings.Repeat("\x00", 52) + le32(124+len(pixels)) + le32(len(profile)) + le32(0)
	return []byte("BM" + le32(14+124+len(pixels)+len(profile)) + le32(0) + le32(14+124) + v5 + pixels + profile)
}

// TestMadeProfile: the variants of a PNG that describes its colours with numbers have a
// profile with the same colours. This is also true for greyscale.
func TestMadeProfile(t *testing.T) {
	t.Parallel()
	gamma := chunk("gAMA", be32(100_000))
	grey := encodePNG(t, image.NewGray(image.Rect(0, 0, 60, 40)))
	for name, test := range map[string]struct {
		data  []byte
		space string
	}{
		"colours": {afterIHDR(readSample(t, "gradient.png"), gamma), "RGB "},
		"layered": {afterIHDR(readSample(t, "alpha.png"), gamma), "RGB "},
		"grey":    {afterIHDR(grey, gamma), "GRAY"},
	} {
		for _, f := range []format.Type{format.JPEG, format.PNG} {
			c := makeVariant(t, newSource(t, test.data), resize.Plan{Width: 16, Height: 16, Format: f, Quality: 80})
			got, err := format.ICCProfile(bytes.NewReader(c.Data), int64(len(c.Data)), c.Type, false)
			if err != nil || len(got) < 128 || string(got[16:20]) != test.space {
				t.Errorf("%s, %s: got a profile of %d bytes, %v, want one for %q", name, f, len(got), err, test.space)
			}
		}
	}
}

// TestProfile: a variant has the profile of the picture, byte for byte, if both have the
// same colour space and the profile is not that of sRGB.
func TestProfile(t *testing.T) {
	t.Parallel()
	colours, cmyk := readSample(t, "gradient.jpg"), readSample(t, "cmyk.jpg")
	grey := encodeJPEG(t, image.NewGray(image.Rect(0, 0, 60, 40)), 80)
	rgb := newProfile("RGB ", "tiny", 0)
	long := newProfile("RGB ", "tiny", 100_000)
	greyProfile := newProfile("GRAY", "tiny", 0)
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"JPEG":                 {jpegProfile(colours, rgb), rgb},
		"JPEG long":            {jpegProfile(colours, long), long},
		"PNG":                  {pngProfile(t, readSample(t, "gradient.png"), rgb), rgb},
		"PNG long":             {pngProfile(t, readSample(t, "alpha.png"), long), long},
		"WebP":                 {webpProfile(readSample(t, "lossy.webp"), rgb), rgb},
		"TIFF of grey, in RGB": {greyTIFF(60, 40, field{tag: 34675, bytes: rgb}), ""},
		"TIFF of grey":         {greyTIFF(60, 40, field{tag: 34675, bytes: greyProfile}), greyProfile},
		"TIFF":                 {rgbTIFF(field{tag: 34675, bytes: rgb}), rgb},
		"JPEG of grey":         {jpegProfile(grey, greyProfile), greyProfile},
		"JPEG of grey, in RGB": {jpegProfile(grey, rgb), ""},
		"JPEG in grey":         {jpegProfile(colours, greyProfile), ""},
		"JPEG of inks":         {jpegProfile(cmyk, newProfile("CMYK", "tiny", 0)), ""},
		"JPEG in Lab":          {jpegProfile(colours, newProfile("Lab ", "tiny", 0)), ""},
		"BMP":                  {bmpProfile(readSample(t, "gradient.bmp"), rgb), rgb},
		"sRGB":                 {jpegProfile(colours, newProfile("RGB ", "sRGB IEC61966-2.1", 0)), ""},
		"nearly sRGB":          {jpegProfile(colours, newProfile("RGB ", "sRGB IEC61966-2.1 (Linear RGB Profile)", 0)), newProfile("RGB ", "sRGB IEC61966-2.1 (Linear RGB Profile)", 0)},
		"no profile":           {jpegProfile(colours, strings.Replace(rgb, "acsp", "what", 1)), ""},
		"short":                {jpegProfile(colours, rgb[:127]), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, f := range []format.Type{format.JPEG, format.PNG} {
				c := makeVariant(t, newSource(t, test.data), resize.Plan{Width: 16, Height: 16, Format: f, Quality: 80})
				got, err := format.ICCProfile(bytes.NewReader(c.Data), int64(len(c.Data)), c.Type, false)
				if string(got) != test.want || err != nil {
					t.Errorf("%s: got a profile of %d bytes, %v, want %d", f, len(got), err, len(test.want))
				}
				if b := decode(t, c.Data).Bounds(); b != image.Rect(0, 0, 16, 16) {
					t.Errorf("%s: got %v, want 16 × 16", f, b)
				}
			}
		})
	}
}

func rgbTIFF(more ...field) []byte {
	return newTIFF(strings.Repeat("rgb", 60*40), append([]field{
		{tag: 256, values: []int{60}}, {tag: 257, values: []int{40}}, {tag: 258, values: []int{8, 8, 8}}, {tag: 262, values: []int{2}},
		{tag: 273, values: []int{8}}, {tag: 277, values: []int{3}}, {tag: 278, values: []int{40}}, {tag: 279, values: []int{60 * 40 * 3}},
	}, more...)...)
}

// TestLongProfile: a profile that is too long for one segment of a JPEG is written in
// several.
func TestLongProfile(t *testing.T) {
	t.Parallel()
	data := jpegProfile(readSample(t, "gradient.jpg"), newProfile("RGB ", "tiny", 200_000))
	c := makeVariant(t, newSource(t, data), resize.Plan{Width: 16, Height: 16, Quality: 80})
	if got := bytes.Count(c.Data, []byte(segmentName)); c.Type != format.JPEG || got != 4 {
		t.Errorf("got a %s with %d segments, want a jpeg with 4", c.Type, got)
	}
}

// TestBrokenProfile: a broken profile is ignored, and the variant is made.
func TestBrokenProfile(t *testing.T) {
	t.Parallel()
	jpeg, png, webp := readSample(t, "gradient.jpg"), readSample(t, "gradient.png"), readSample(t, "lossy.webp")
	rgb := newProfile("RGB ", "tiny", 0)
	half := len(rgb) / 2
	piece := func(number, count byte, content string) string {
		return segment(0xe2, segmentName+string([]byte{number, count})+content)
	}
	packed := deflated(t, rgb)
	for name, data := range map[string][]byte{
		"a number twice":       afterSOI(jpeg, piece(1, 2, rgb[:half]), piece(1, 2, rgb[half:])),
		"a number missing":     afterSOI(jpeg, piece(1, 3, rgb[:half]), piece(3, 3, rgb[half:])),
		"the first missing":    afterSOI(jpeg, piece(2, 2, rgb)),
		"numbered 0":           afterSOI(jpeg, piece(0, 1, rgb)),
		"one of 0":             afterSOI(jpeg, piece(1, 0, rgb)),
		"number 5 of 2":        afterSOI(jpeg, piece(5, 2, rgb)),
		"number 255 of 255":    afterSOI(jpeg, piece(255, 255, rgb)),
		"a name alone":         afterSOI(jpeg, segment(0xe2, segmentName)),
		"no content":           afterSOI(jpeg, piece(1, 1, "")),
		"a count for each":     afterSOI(jpeg, piece(1, 2, rgb[:half]), piece(2, 9, rgb[half:])),
		"more than a megabyte": jpegProfile(jpeg, newProfile("RGB ", "tiny", 1<<20)),
		"cut off in zlib":      afterIHDR(png, chunk("iCCP", "test\x00\x00"+packed[:len(packed)/2])),
		"a bomb":               pngProfile(t, png, rgb+strings.Repeat("\x00", 64<<20)),
		"no zlib":              afterIHDR(png, chunk("iCCP", "test\x00\x00"+rgb)),
		"method 1":             afterIHDR(png, chunk("iCCP", "test\x00\x01"+packed)),
		"a PNG's name alone":   afterIHDR(png, chunk("iCCP", "test")),
		"an empty iCCP":        afterIHDR(png, chunk("iCCP", "")),
		"an empty ICCP":        webpProfile(webp, ""),
		"a short ICCP":         webpProfile(webp, rgb[:100]),
		"a TIFF's far away":    farProfile(1 << 31),
		"a TIFF's too long":    farProfile(8),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := makeVariant(t, newSource(t, data), resize.Plan{Width: 16, Height: 16, Quality: 80})
			if got, err := format.ICCProfile(bytes.NewReader(c.Data), int64(len(c.Data)), c.Type, false); got != nil || err != nil {
				t.Errorf("got a profile of %d bytes, %v, want none", len(got), err)
			}
		})
	}
}

// farProfile returns a TIFF with a profile of a gigabyte at an offset.
func farProfile(offset int) []byte {
	short := rgbTIFF(field{tag: 34675, bytes: "profile"})
	at := bytes.Index(short, []byte(le16(34675)))
	return append(append(bytes.Clone(short[:at+4]), le32(1<<30)+le32(offset)...), short[at+12:]...)
}

// TestProfileOfCorpus: a variant keeps a real profile, which is in many segments.
func TestProfileOfCorpus(t *testing.T) {
	t.Parallel()
	data := readCorpus(t, "jpeg/icc_profile_big.jpg")
	s := newSource(t, data)
	want, err := format.ICCProfile(s, s.Size, s.Type, false)
	if err != nil || len(want) < 65536 {
		t.Fatalf("got a profile of %d bytes, %v, want more than 64 KiB", len(want), err)
	}
	c := makeVariant(t, s, resize.Plan{Width: 16, Height: 16, Quality: 80})
	got, err := format.ICCProfile(bytes.NewReader(c.Data), int64(len(c.Data)), c.Type, false)
	if kept := bytes.Equal(got, want); err != nil || !kept && string(want[16:20]) == "RGB " {
		t.Errorf("got a profile of %d bytes in %q, %v, want %d in %q", len(got), got[:min(len(got), 20)], err, len(want), want[16:20])
	}
	decode(t, c.Data)
}
