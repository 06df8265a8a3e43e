package resize_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
)

// maxPixels is the size of the largest picture that these tests decode. A server has
// such a limit, too.
const maxPixels = 1 << 20

// check checks what is true for any bytes: Cost returns a valid number, and Make returns
// a variant or an error of this package.
func check(t *testing.T, data []byte) {
	t.Helper()
	r := bytes.NewReader(data)
	info, err := format.Detect(r, r.Size())
	if err != nil {
		return
	}
	s := resize.Source{ReaderAt: r, Size: r.Size(), Info: info}
	p := resize.Request{Width: 16, Height: 24, Cover: len(data)%2 == 0, Focus: resize.Focus{X: len(data)%21 - 10, Y: len(data)%21 - 10}, Quality: 80}.Plan(s.Upright())
	p.Still, _ = format.Animated(r, r.Size(), info.Type)
	if cost, err := resize.Cost(s, p); err != nil || cost < 4<<20 {
		t.Errorf("%v: got a cost of %d, %v", info, cost, err)
	}
	if info.Width*info.Height > maxPixels {
		return
	}
	c, err := resize.Make(t.Context(), s, p)
	switch {
	case errors.Is(err, resize.ErrDamaged), errors.Is(err, resize.ErrUnsupported):
	case err != nil:
		t.Errorf("%v: got %v, want ErrDamaged or ErrUnsupported", info, err)
	default:
		if b := decode(t, c.Data).Bounds(); b.Dx() != p.Width || b.Dy() != p.Height {
			t.Errorf("%v: got a variant of %v, want %d × %d", info, b, p.Width, p.Height)
		}
	}
}

// small returns the samples that take little time.
func small(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{
		"grey TIFF":           greyTIFF(30, 20),
		"JPEG with a profile": jpegProfile(readSample(t, "gradient.jpg"), newProfile("RGB ", "tiny", 0)),
		"JPEG of empty scans": emptyScans(64, 48, 9),
		"turned PNG":          afterIHDR(readSample(t, "palette.png"), chunk("eXIf", exif(7))),
		"WebP with a profile": webpProfile(readSample(t, "lossy.webp"), newProfile("RGB ", "tiny", 0)),
		"TIFF with a profile": rgbTIFF(field{tag: 34675, bytes: newProfile("RGB ", "tiny", 0)}),
	}
	for name, a := range animations(t) {
		all[name] = a.data
	}
	for _, name := range samples(t) {
		if data := readSample(t, name); len(data) < 8<<10 && resize.CanDecode(newSource(t, data).Type) {
			all[name] = data
		}
	}
	return all
}

// TestDamaged cuts samples off and changes bytes of them, in many places.
func TestDamaged(t *testing.T) {
	t.Parallel()
	for name, data := range small(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cuts, flips := 8, 20
			if whole {
				cuts, flips = 25, 60
			}
			random := rand.New(rand.NewPCG(5, uint64(len(data))))
			for range cuts {
				check(t, data[:random.IntN(len(data))])
			}
			for range flips {
				spoiled := bytes.Clone(data)
				at := random.IntN(len(data))
				if random.IntN(2) == 0 { // a change in the header shows more
					at = random.IntN(min(len(data), 100))
				}
				spoiled[at] ^= byte(1 + random.IntN(255))
				check(t, rightChecksums(spoiled))
			}
			check(t, data)
		})
	}
}

// rightChecksums corrects the checksums of a PNG up to the first damaged chunk length.
// So a decoder does not refuse the damage because of a checksum.
func rightChecksums(data []byte) []byte {
	if !bytes.HasPrefix(data, []byte("\x89PNG")) {
		return data
	}
	for at := 8; at+12 <= len(data); {
		n := int(binary.BigEndian.Uint32(data[at:]))
		if n > len(data)-at-12 {
			break
		}
		binary.BigEndian.PutUint32(data[at+8+n:], crc32.ChecksumIEEE(data[at+4:at+8+n]))
		at += 12 + n
	}
	return data
}

// otherData damages the last chunk of data of a PNG.
func otherData(png []byte) []byte {
	spoiled := bytes.Clone(png)
	spoiled[len(png)-12-4-20] ^= 0xff // 12 is the size of the last chunk, 4 of a checksum, and 20 reaches into the data
	return rightChecksums(spoiled)
}

func FuzzMake(f *testing.F) {
	for _, data := range small(f) {
		f.Add(data)
	}
	for _, d := range damages(f) {
		f.Add(d.damaged)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		check(t, data)
		check(t, rightChecksums(data))
	})
}

// TestErrors checks which error Make returns for which picture.
func TestErrors(t *testing.T) {
	t.Parallel()
	progressive := emptyScans(64, 48, 3)
	scan := bytes.LastIndex(progressive, []byte("\xff\xda"))
	jpeg := readSample(t, "gradient.jpg")
	for name, test := range map[string]struct {
		data []byte
		want error
	}{
		"AVIF":                     {readSample(t, "gradient.avif"), resize.ErrUnsupported},
		"SVG":                      {readSample(t, "gradient.svg"), resize.ErrUnsupported},
		"ICO":                      {readSample(t, "icon.ico"), resize.ErrUnsupported},
		"BMP in RLE":               {readSample(t, "rle.bmp"), resize.ErrUnsupported},
		"BMP of OS/2":              {readSample(t, "core.bmp"), resize.ErrUnsupported},
		"arithmetic JPEG":          {bytes.Replace(jpeg, []byte("\xff\xc0"), []byte("\xff\xc9"), 1), resize.ErrUnsupported},
		"JPEG of 12 bits":          {bytes.Replace(jpeg, []byte("\xff\xc0\x00\x11\x08"), []byte("\xff\xc1\x00\x11\x0c"), 1), resize.ErrUnsupported},
		"TIFF of floats":           {greyTIFF(30, 20, field{tag: 339, values: []int{3}}), resize.ErrUnsupported},
		"JPEG cut off":             {jpeg[:len(jpeg)/2+200], nil},
		"PNG with other data":      {otherData(readSample(t, "gradient.png")), resize.ErrDamaged},
		"no scan but the first":    {progressive[:scan], nil},
		"a scan without its table": {bytes.Replace(progressive, []byte("\xff\xda\x00\x08\x01\x01\x00\x00"), []byte("\xff\xda\x00\x08\x01\x01\x33\x00"), 1), nil},
		"a scan of what is not":    {bytes.Replace(progressive, []byte("\xff\xda\x00\x08\x01\x01"), []byte("\xff\xda\x00\x08\x01\x02"), 1), resize.ErrDamaged},
		"a scan of bits -1":        {bytes.Replace(progressive, []byte("\x01\x3f\x00"), []byte("\x01\x3f\x50"), 1), nil},
		"a GIF of 65535 × 65535":   {[]byte("GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x01\x00;"), resize.ErrDamaged},
		"TIFF: strips elsewhere":   {greyTIFF(30, 20, field{tag: 279, values: []int{600}}), resize.ErrDamaged}, // a field twice
		"TIFF: a strip far away":   {newTIFF("", page(30, 20, 1<<31, 600)...), resize.ErrDamaged},
		"TIFF: a strip too long":   {newTIFF("", page(30, 20, 8, 1<<30)...), resize.ErrDamaged},
		"TIFF: its own directory":  {newTIFF("", page(30, 20, 0, 60)...), resize.ErrDamaged},
		"TIFF: tiles of 2³² - 1":   {newTIFF("", tiledPage(math.MaxUint32, math.MaxUint32)...), resize.ErrDamaged},
		"TIFF: tiles of 2³⁰":       {newTIFF("", tiledPage(1<<30, 1<<28)...), resize.ErrDamaged},
		"TIFF: tiles of 1":         {newTIFF("", tiledPage(1, 1)...), resize.ErrDamaged},
		"TIFF: tiles without rows": {newTIFF("", tiledPage(16, 0)...), resize.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource(t, test.data)
			p := resize.Request{Width: 16, Quality: 80}.Plan(s.Upright())
			if cost, err := resize.Cost(s, p); err != nil || cost < 4<<20 {
				t.Errorf("got a cost of %d, %v", cost, err)
			}
			if s.Width*s.Height > maxPixels {
				return
			}
			if _, err := resize.Make(t.Context(), s, p); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// page returns the fields of a grey page in one strip of bytes bytes at an offset.
func page(w, h, offset, bytes int) []field {
	return []field{
		{tag: 256, values: []int{w}}, {tag: 257, values: []int{h}}, {tag: 258, values: []int{8}}, {tag: 262, values: []int{1}},
		{tag: 273, values: []int{offset}}, {tag: 278, values: []int{h}}, {tag: 279, values: []int{bytes}},
	}
}

// tiledPage returns the fields of a page of 300 × 200 pixels in tiles of w × h pixels.
func tiledPage(w, h int) []field {
	return []field{
		{tag: 256, values: []int{300}}, {tag: 257, values: []int{200}}, {tag: 258, values: []int{8}}, {tag: 259, values: []int{5}}, {tag: 262, values: []int{1}},
		{tag: 322, values: []int{w}}, {tag: 323, values: []int{h}}, {tag: 324, values: []int{8}}, {tag: 325, values: []int{100}},
	}
}

// TestScans: Make accepts a progressive JPEG with missing or repeated scans.
func TestScans(t *testing.T) {
	t.Parallel()
	progressive := readSample(t, "progressive.jpg")
	var scans []int
	for at := range progressive {
		if bytes.HasPrefix(progressive[at:], []byte("\xff\xda")) || bytes.HasPrefix(progressive[at:], []byte("\xff\xc4")) && len(scans) > 0 {
			scans = append(scans, at)
		}
	}
	for _, from := range scans[1:] {
		some := append(bytes.Clone(progressive[:from]), "\xff\xd9"...)
		check(t, some)
		check(t, append(bytes.Clone(progressive[:from]), progressive[scans[0]:]...))
		check(t, append(bytes.Clone(progressive[:scans[0]]), progressive[from:]...))
	}
	if len(scans) < 6 {
		t.Errorf("got %d scans, want 6 and more", len(scans))
	}
}

// emptyScans returns a grey progressive JPEG of w × h pixels. It has a scan of
// brightness and n empty scans. An empty scan has 2 bytes for 16384 blocks, but the
// decoder visits each of these blocks.
func emptyScans(w, h, n int) []byte {
	blocks := (w + 7) / 8 * ((h + 7) / 8)
	var b bytes.Buffer
	b.WriteString("\xff\xd8")
	b.WriteString(segment(0xdb, "\x00"+strings.Repeat("\x01", 64)))
	b.WriteString(segment(0xc2, "\x08"+be16(h)+be16(w)+"\x01\x01\x11\x00"))
	b.WriteString(segment(0xc4, "\x00\x01"+strings.Repeat("\x00", 15)+"\x00")) // code 0: as bright as the block before
	b.WriteString(segment(0xc4, "\x10\x01"+strings.Repeat("\x00", 15)+"\xe0")) // code 0 and 14 bits: the number of empty blocks
	b.WriteString(segment(0xda, "\x01\x01\x00\x00\x00\x00"))
	b.WriteString(strings.Repeat("\x00", blocks/8+1))
	empty := segment(0xda, "\x01\x01\x00\x01\x3f\x00") + strings.Repeat("\x00", (blocks/16384+1)*15/8+1)
	b.WriteString(strings.Repeat(empty, n))
	b.WriteString("\xff\xd9")
	return b.Bytes()
}

// TestDeadline: Make asks its context for each scan of a JPEG, and not only when it
// reads a block of the store. A block full of empty scans can take minutes.
func TestDeadline(t *testing.T) {
	t.Parallel()
	const block = 32 << 10
	ctx := &deadline{Context: context.Background()}
	s := newSource(t, emptyScans(64, 48, 10_000))
	s.ReaderAt = watched{s.ReaderAt, func(off int64) {
		if off == block {
			if want := block/512 - 1; ctx.asked < want {
				t.Errorf("the context was asked %d times in the first block, want %d and more", ctx.asked, want)
			}
			ctx.err = context.DeadlineExceeded
		}
		if off > block {
			t.Errorf("a block at byte %d was read after the deadline", off)
		}
	}}
	_, err := resize.Make(ctx, s, resize.Plan{Width: 16, Height: 16, Quality: 80})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}

// deadline is a context that ends when err is set. It counts how often it is asked.
type deadline struct {
	context.Context
	asked int
	err   error
}

func (d *deadline) Err() error {
	d.asked++
	return d.err
}

// watched calls before with the offset of each read.
type watched struct {
	io.ReaderAt
	before func(off int64)
}

func (w watched) ReadAt(p []byte, off int64) (int, error) {
	w.before(off)
	return w.ReaderAt.ReadAt(p, off)
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, data := range small(t) {
		if _, err := resize.Make(ctx, newSource(t, data), resize.Plan{Width: 16, Height: 16, Quality: 80}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", name, err, context.Canceled)
		}
	}
}

// TestReaderFails: Make returns an error of the store, whichever read fails. It does not
// return the error of the decoder instead.
func TestReaderFails(t *testing.T) {
	t.Parallel()
	for name, data := range small(t) {
		for reads := 0; ; reads++ {
			s := newSource(t, data)
			s.ReaderAt = &failing{s.ReaderAt, reads}
			_, err := resize.Make(t.Context(), s, resize.Plan{Width: 16, Height: 16, Quality: 80})
			if !errors.Is(err, io.ErrClosedPipe) && s.ReaderAt.(*failing).left < 0 {
				t.Fatalf("%s, read %d: got %v, want %v", name, reads, err, io.ErrClosedPipe)
			}
			if s.ReaderAt.(*failing).left >= 0 {
				break // no read has failed
			}
		}
		s := newSource(t, data)
		s.ReaderAt = &failing{s.ReaderAt, 0}
		if _, err := resize.Cost(s, resize.Plan{}); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: got %v, want %v", name, err, io.ErrClosedPipe)
		}
	}
}

// failing fails after left reads. Then left is negative.
type failing struct {
	io.ReaderAt
	left int
}

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if f.left <= 0 {
		f.left = -1
		return 0, io.ErrClosedPipe
	}
	f.left--
	return f.ReaderAt.ReadAt(p, off)
}

// TestDecoderPanics: a panic of a decoder becomes an error. No other test runs at the
// same time.
func TestDecoderPanics(t *testing.T) {
	defer resize.AddDecoder("panics", func() (image.Image, error) { panic("index out of range") })()
	s := newSource(t, readSample(t, "gradient.png"))
	s.Type = "panics"
	_, err := resize.Make(t.Context(), s, resize.Plan{Width: 16, Height: 16})
	if !errors.Is(err, resize.ErrDamaged) || !strings.Contains(fmt.Sprint(err), "index out of range") {
		t.Errorf("got %v, want ErrDamaged with the reason", err)
	}
}

// TestOtherSize: a picture with another size than its header says is damaged.
func TestOtherSize(t *testing.T) {
	t.Parallel()
	s := newSource(t, readSample(t, "gradient.png"))
	s.Width++
	if _, err := resize.Make(t.Context(), s, resize.Plan{Width: 16, Height: 16, Quality: 80}); !errors.Is(err, resize.ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
}
