package resize_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"testing"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
)

// damages returns damaged files as real programs write them. Strict decoders refuse them
// and browsers show them. rows is the part of the rows that is intact.
func damages(t testing.TB) map[string]struct {
	whole, damaged []byte
	rows           float64
} {
	photo, progressive := readSample(t, "photo-420.jpg"), readSample(t, "progressive.jpg")
	png, palette, interlaced := readSample(t, "gradient.png"), readSample(t, "palette.png"), readSample(t, "interlaced.png")
	gif, bmp := readSample(t, "gradient.gif"), readSample(t, "gradient.bmp")
	var standard bytes.Buffer // a JPEG with the standard tables, which webcams leave out
	if err := jpeg.Encode(&standard, decode(t, photo), nil); err != nil {
		t.Fatal(err)
	}
	lossy, alpha := readSample(t, "lossy.webp"), readSample(t, "alpha.webp")
	opaque := newWebP(string(alpha[bytes.Index(alpha, []byte("VP8 ")):]))
	return map[string]struct {
		whole, damaged []byte
		rows           float64
	}{
		"JPEG without its end":                    {photo, photo[:len(photo)-2], 1},
		"JPEG with a trailer and no end":          {photo, append(photo[:len(photo)-2:len(photo)-2], "\x00\x00SEFH\xff\xc4\xff\xd8trailer\xff\xe1"...), 1},
		"JPEG cut off":                            {photo, photo[:len(photo)*3/4], 0.6},
		"progressive JPEG cut off":                {progressive, progressive[:len(progressive)-40], 0}, // all rows are coarser than those of the whole file
		"JPEG without Huffman tables":             {standard.Bytes(), withoutTables(t, standard.Bytes()), 1},
		"JPEG with garbage in front of a segment": {photo, insert(photo, bytes.Index(photo, []byte("\xff\xdb")), "\x00garbage\x00"), 1},

		"PNG with a wrong checksum in a text":  {png, insert(png, 33, "\x00\x00\x00\x01tEXtx\x00\x00\x00\x00"), 1},
		"PNG with a wrong checksum of IDAT":    {png, spoil(png, len(png)-12-1), 1},
		"PNG with a wrong checksum of zlib":    {png, rightChecksums(spoil(png, len(png)-12-4-1)), 1},
		"PNG without its end":                  {png, png[:len(png)-12], 1},
		"PNG cut off":                          {png, png[:len(png)*2/3], 0.4},
		"palette PNG cut off":                  {palette, palette[:len(palette)-30], 0.3},
		"interlaced PNG with a wrong checksum": {interlaced, rightChecksums(spoil(interlaced, len(interlaced)-12-4-1)), 1},

		"GIF without its end":        {gif, gif[:len(gif)-1], 1},
		"GIF cut off":                {gif, gif[:len(gif)-60], 0.5},
		"GIF with too much":          {gif, moreGIF(t, gif), 1},
		"WebP with a flag for alpha": {lossy, extendWebP(lossy, 0x10), 1},
		"WebP without that flag":     {opaque, spoil(alpha, 20, 0x10), 1}, // browsers show no transparency without the flag
		"BMP cut off":                {bmp, bmp[:len(bmp)*2/3], 0},
	}
}

// TestTolerant makes variants of damaged files, and compares their intact rows with the
// variants of the whole files.
func TestTolerant(t *testing.T) {
	t.Parallel()
	for name, c := range damages(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if bytes.Equal(c.whole, c.damaged) {
				t.Fatal("the damaged file is equal to the whole file")
			}
			info, err := format.Detect(bytes.NewReader(c.whole), int64(len(c.whole)))
			if err != nil {
				t.Fatal(err)
			}
			request := resize.Request{Width: info.Width / 2, Format: format.PNG}
			draw := func(data []byte) image.Image {
				s := resize.Source{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Info: info}
				made, err := resize.Make(t.Context(), s, request.Plan(s.Upright()))
				if err != nil {
					t.Fatal(err)
				}
				return decode(t, made.Data)
			}
			want, got := draw(c.whole), draw(c.damaged)
			b := want.Bounds()
			if got.Bounds() != b {
				t.Fatalf("got %v, want %v", got.Bounds(), b)
			}
			b.Max.Y = int(float64(b.Max.Y) * c.rows)
			for y := b.Min.Y; y < b.Max.Y; y++ {
				for x := b.Min.X; x < b.Max.X; x++ {
					if !near(got.At(x, y), want.At(x, y)) {
						t.Fatalf("at %d, %d: got %v, want %v", x, y, got.At(x, y), want.At(x, y))
					}
				}
			}
		})
	}
}

// near reports whether the difference of two colours can come from the rounding of two
// decoders.
func near(a, b color.Color) bool {
	for i, v := range rgba(a) {
		if d := int(v) - int(rgba(b)[i]); max(d, -d) > 0x600 {
			return false
		}
	}
	return true
}

func rgba(c color.Color) [4]uint32 {
	r, g, b, a := c.RGBA()
	return [4]uint32{r, g, b, a}
}

// TestBlank checks the missing pixels in variants of full size. They have the colours
// that a browser shows on a white page.
func TestBlank(t *testing.T) {
	t.Parallel()
	png, alpha, gif := readSample(t, "gradient.png"), readSample(t, "alpha.png"), readSample(t, "gradient.gif")
	bmp := readSample(t, "gradient.bmp")
	white, clear, grey := color.NRGBA{255, 255, 255, 255}, color.NRGBA{}, color.NRGBA{128, 128, 128, 255}
	jpeg := readSample(t, "gradient.jpg")
	for name, c := range map[string]struct {
		data []byte
		y    int // a missing row
		want color.NRGBA
	}{
		"PNG":                   {png[:len(png)*2/3], 39, white},
		"PNG with transparency": {alpha[:len(alpha)*2/3], 39, clear},
		"GIF":                   {gif[:len(gif)-60], 39, clear},
		"BMP":                   {bmp[:len(bmp)*2/3], 0, white}, // a BMP begins with its last row
		"JPEG":                  {jpeg[:len(jpeg)*4/5], 39, grey},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource(t, c.data)
			p := resize.Request{Format: format.PNG}.Plan(s.Upright())
			made, err := resize.Make(t.Context(), s, p)
			if err != nil {
				t.Fatal(err)
			}
			m := decode(t, made.Data)
			for x := range s.Width {
				if got := m.At(x, c.y); !near(got, c.want) {
					t.Fatalf("at %d, %d: got %v, want %v", x, c.y, got, c.want)
				}
			}
		})
	}
}

// TestInterlaced cuts off interlaced pictures. A missing row of a GIF looks like the row
// above. A PNG is not resized, because browsers fill its gaps in another way.
func TestInterlaced(t *testing.T) {
	t.Parallel()
	png := newSource(t, readSample(t, "interlaced.png"))
	cut := png
	cut.Size = png.Size * 2 / 3
	p := resize.Request{Width: 16, Quality: 80}.Plan(png.Upright())
	if _, err := resize.Make(t.Context(), cut, p); !errors.Is(err, resize.ErrDamaged) {
		t.Errorf("PNG: got %v, want ErrDamaged", err)
	}

	// The GIF has four rows of one colour each. Only two rows are in the file.
	gif := []byte("GIF89a\x01\x00\x04\x00\x81\x00\x00" + "\xff\x00\x00\x00\xff\x00\x00\x00\xff\xff\xff\xff" +
		",\x00\x00\x00\x00\x01\x00\x04\x00\x40\x02\x02\x44\x0a\x00;") // clear, 0, 1, end
	p = resize.Request{Format: format.PNG}.Plan(1, 4)
	made, err := resize.Make(t.Context(), newSource(t, gif), p)
	if err != nil {
		t.Fatal(err)
	}
	red, green := color.NRGBA{255, 0, 0, 255}, color.NRGBA{0, 255, 0, 255}
	m := decode(t, made.Data)
	for y, want := range []color.NRGBA{red, red, green, green} {
		if got := m.At(0, y); !near(got, want) {
			t.Errorf("GIF, row %d: got %v, want %v", y, got, want)
		}
	}
}

func insert(data []byte, at int, what string) []byte {
	return append(append(bytes.Clone(data[:at]), what...), data[at:]...)
}

// spoil flips the bits of mask in a byte, or all bits without a mask.
func spoil(data []byte, at int, mask ...byte) []byte {
	data = bytes.Clone(data)
	flip := byte(0xff)
	if len(mask) > 0 {
		flip = mask[0]
	}
	data[at] ^= flip
	return data
}

// withoutTables removes the Huffman tables, which must be the standard tables, from a
// JPEG.
func withoutTables(t testing.TB, data []byte) []byte {
	t.Helper()
	out := bytes.Clone(data[:2])
	for at := 2; ; {
		n := 2 + int(binary.BigEndian.Uint16(data[at+2:]))
		switch data[at+1] {
		case 0xda:
			return append(out, data[at:]...)
		case 0xc4:
		default:
			out = append(out, data[at:at+n]...)
		}
		at += n
	}
}

// moreGIF appends a block to the data of the picture.
func moreGIF(t testing.TB, data []byte) []byte {
	t.Helper()
	end := bytes.LastIndex(data, []byte("\x00;"))
	if end < 0 {
		t.Fatal("the GIF has no end")
	}
	return insert(data, end, "\x04\x12\x34\x56\x78")
}

// extendWebP inserts a VP8X chunk with these flags before the picture.
func extendWebP(data []byte, flags byte) []byte {
	extended := insert(data, 12, "VP8X\x0a\x00\x00\x00"+string([]byte{flags, 0, 0, 0, 59, 0, 0, 39, 0, 0}))
	binary.LittleEndian.PutUint32(extended[4:], uint32(len(extended)-8))
	return extended
}
