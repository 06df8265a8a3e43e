package format_test

import (
	"bytes"
	"errors"
	stdgif "image/gif"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"imageserver/api/imaging/format"
)

func TestAnimatedSamples(t *testing.T) {
	for name, info := range samples {
		want := strings.Contains(name, "animated")
		if got, err := animated(readSample(t, name), info.Type); got != want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, want)
		}
	}
}

func TestAnimated(t *testing.T) {
	for _, c := range slices.Concat(gifFrames(), pngFrames(), webpFrames(), otherFrames()) {
		if got, err := animated([]byte(c.content), c.typ); got != c.want || err != nil {
			t.Errorf("%s: %s: got %v, %v, want %v", c.typ, c.name, got, err, c.want)
		}
	}
}

// frames is an image and the wanted result of Animated.
type frames struct {
	name    string
	typ     format.Type
	content string
	want    bool
}

func gifFrames() []frames {
	const (
		colours = "\x80\x00\x00" + "\x00\x00\x00,,,"
		comment = "!\xfe\x02hi\x00"
		data    = "\x02" + "\x02xx" + "\x01x" + "\x00"
	)
	descriptor := "," + le(0, 2) + le(0, 2) + le(5, 2) + le(5, 2) + "\x00"
	picture := descriptor + data
	coloured := descriptor[:9] + "\x82" + strings.Repeat(",;!", 8) + data // a local table of 8
	two := gifScreen + picture + picture
	return []frames{
		{"two pictures", format.GIF, gifScreen + picture + picture + ";", true},
		{"two pictures without end", format.GIF, gifScreen + picture + picture, true},
		{"two pictures of the old version", format.GIF, "GIF87a" + gifScreen[6:] + picture + picture, true},
		{"a global table of colours", format.GIF, gifScreen[:10] + colours + picture + picture, true},
		{"a local table of colours", format.GIF, gifScreen + coloured + picture, true},
		{"extensions all around", format.GIF, gifScreen + comment + picture + comment + comment + picture + comment, true},
		{"cut off after the second descriptor", format.GIF, gifScreen + picture + descriptor, true},
		{"cut off inside the second descriptor", format.GIF, gifScreen + picture + descriptor[:9], false},
		{"cut off inside the first picture", format.GIF, gifScreen + picture[:12], false},
		{"cut off inside the first descriptor", format.GIF, gifScreen + picture[:5], false},
		{"cut off inside an extension", format.GIF, gifScreen + picture + comment[:3], false},
		{"cut off inside the header", format.GIF, gifScreen[:9], false},
		{"one picture", format.GIF, gifScreen + picture + ";", false},
		{"one picture in colour", format.GIF, gifScreen[:10] + colours + coloured + ";", false},
		{"one picture and a comment", format.GIF, gifScreen + picture + comment + ";", false},
		{"one picture, a comment and garbage", format.GIF, gifScreen + picture + comment + "garbage", false},
		{"garbage that hides a picture", format.GIF, gifScreen + picture + "\x00" + picture, false},
		{"a picture after the end", format.GIF, gifScreen + picture + ";" + picture, false},
		{"a picture inside a comment", format.GIF, gifScreen + picture + "!\xfe\x0a" + descriptor + "\x00;", false},
		{"no picture", format.GIF, gifScreen + ";", false},

		{"a GIF, read as another type", format.TIFF, two, false},
		{"a GIF, read as no type", "", two, false},
	}
}

func pngFrames() []frames {
	still := png(60, 40)
	return []frames{
		{"two frames", format.PNG, still + chunk("acTL", be(2, 4)+be(0, 4)) + chunk("IDAT", ""), true},
		{"many frames after other chunks", format.PNG, still + chunk("gAMA", be(1, 4)) + chunk("acTL", be(1<<31-1, 4)+be(0, 4)) + chunk("IDAT", ""), true},
		{"one frame", format.PNG, still + chunk("acTL", be(1, 4)+be(0, 4)) + chunk("IDAT", ""), false},
		{"no frame", format.PNG, still + chunk("acTL", be(0, 4)+be(0, 4)) + chunk("IDAT", ""), false},
		{"a count after the picture", format.PNG, still + chunk("IDAT", "") + chunk("acTL", be(2, 4)+be(0, 4)), false},
		{"a count that is too short", format.PNG, still + chunk("acTL", "\x00\x00\x02") + chunk("IDAT", ""), false},
		{"a count that is cut off", format.PNG, still + chunk("acTL", be(2, 4)+be(0, 4))[:15], false},
		{"no count", format.PNG, still + chunk("IDAT", ""), false},
		{"no chunks", format.PNG, still, false},
	}
}

func webpFrames() []frames {
	frame := chunkLE("ANMF", "odd")
	return []frames{
		{"two frames", format.WebP, riff(flagged(), frame, frame), true},
		{"two frames between other chunks", format.WebP, riff(flagged(), chunkLE("ICCP", "odd"), chunkLE("ANIM", "123456"), frame, chunkLE("what", "odd"), frame), true},
		{"two frames without the flag", format.WebP, riff(vp8x(60, 40), frame, frame), false},
		{"one frame", format.WebP, riff(flagged(), frame), false},
		{"the flag of a still", format.WebP, riff(flagged(), chunkLE("VP8 ", vp8(60, 40))), false},
		{"a still", format.WebP, riff(chunkLE("VP8 ", vp8(60, 40))), false},
		{"a second frame that is cut off", format.WebP, riff(flagged(), frame, frame[:10]), false},
		{"a second frame after the end", format.WebP, riff(flagged(), frame) + frame, false},
		{"a header without flags", format.WebP, riff(chunkLE("VP8X", ""), frame, frame), false},
		{"shorter than it says", format.WebP, riff(flagged(), frame, frame)[:50], false},
	}
}

func otherFrames() []frames {
	return []frames{
		{"a sequence", format.AVIF, ftyp("avis", "avif"), true},
		{"a still that has a sequence, too", format.AVIF, ftyp("avif", "avis"), false},
		{"a sequence", format.HEIC, ftyp("msf1", "hevc"), true},
		{"a still", format.HEIC, ftyp("heic"), false},
		{"an animation", format.JXL, jxl("1 00010 111 0 1 000 0 0 1"), true},
		{"an animation with a size and previews", format.JXL, jxl("1 00010 111 0 1 000 1 1 00010 000 00010 1 0 10 0000001111 000 01 11111111 1"), true},
		{"an animation with a preview in blocks", format.JXL, jxl("1 00010 111 0 1 000 0 1 1 10 11111 000 00 1"), true},
		{"a still with a preview", format.JXL, jxl("1 00010 111 0 1 000 0 1 0 00 000001 001 0 1"), false},
		{"a still", format.JXL, jxl("1 00010 111 1 1 111 1 1"), false},
		{"a header that is cut off", format.JXL, jxl("1 00010 111 0 1 000 0 0 1")[:3], false},
	}
}

// TestAnimatedReader: an error of the reader does not count as a still image.
func TestAnimatedReader(t *testing.T) {
	long := gifOf(1 << 20)
	for _, c := range []struct {
		typ   format.Type
		limit int64
	}{{format.GIF, 0}, {format.GIF, 1 << 19}, {format.PNG, 0}, {format.WebP, 0}, {format.AVIF, 0}} {
		r := failingReaderAt{[]byte(long), c.limit}
		if got, err := format.Animated(r, int64(len(long)), c.typ); got || !errors.Is(err, iotest.ErrTimeout) {
			t.Errorf("%s: got %v, %v, want %v", c.typ, got, err, iotest.ErrTimeout)
		}
	}
	if got, err := format.Animated(strings.NewReader(long[:1<<19]), 1<<20, format.GIF); got || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file shorter than its size: got %v, %v, want %v", got, err, io.ErrUnexpectedEOF)
	}
	if got, err := format.Animated(failingReaderAt{}, 1<<20, format.JPEG); got || err != nil {
		t.Errorf("JPEG: got %v, %v, want false without a read", got, err)
	}
}

// TestAnimatedReads: a GIF is read once, in the blocks of the store. The other types
// stop reading an endless header.
func TestAnimatedReads(t *testing.T) {
	const size, block = 64 << 20, 128 << 10
	r := &blocksReader{r: strings.NewReader(gifOf(size)), size: block}
	if got, err := format.Animated(r, size, format.GIF); got || err != nil {
		t.Errorf("a long GIF: got %v, %v, want false", got, err)
	}
	if r.reads != size/block || r.straddling != 0 {
		t.Errorf("a long GIF: got %d reads, %d of them in two blocks, want %d and 0", r.reads, r.straddling, size/block)
	}
	for name, c := range map[string]struct {
		typ format.Type
		r   *repeating
	}{
		"PNG of empty chunks":  {format.PNG, &repeating{head: png(1, 1), unit: chunk("what", "")}},
		"WebP of empty chunks": {format.WebP, &repeating{head: "RIFF\x00\x00\x00\x03WEBP" + flagged(), unit: chunkLE("what", "")}},
	} {
		if got, err := format.Animated(c.r, size, c.typ); got || err != nil || c.r.reads > maxReads || c.r.read > maxRead {
			t.Errorf("%s: got %v, %v, and %d bytes in %d reads, want false, and at most %d in %d", name, got, err, c.r.read, c.r.reads, maxRead, maxReads)
		}
	}
}

const gifScreen = "GIF89a\x05\x00\x05\x00\x00\x00\x00"

// gifOf returns a GIF of size bytes with one picture.
func gifOf(size int) string {
	head := gifScreen + ",\x00\x00\x00\x00\x05\x00\x05\x00\x00\x02"
	block := "\xfe" + strings.Repeat("x", 254)
	blocks := (size - len(head)) / len(block)
	content := head + strings.Repeat(block, blocks) + "\x00"
	return content + strings.Repeat(";", size-len(content))
}

// checkAnimated checks what is true of Animated for any bytes. If the standard library
// can decode a GIF, it must find the same number of pictures: one, or more than one.
func checkAnimated(t *testing.T, content []byte, typ format.Type) {
	r := &repeating{head: string(content)}
	got, err := format.Animated(r, int64(len(content)), typ)
	if err != nil {
		t.Errorf("%s: %v", typ, err)
	}
	if blocks := len(content)/(128<<10) + 1; typ == format.GIF && (r.reads > 2*blocks || r.read > len(content)+16*blocks) {
		t.Errorf("%s: read %d bytes of %d in %d calls", typ, r.read, len(content), r.reads)
	} else if typ != format.GIF && (r.reads > maxReads || r.read > maxRead) {
		t.Errorf("%s: read %d bytes in %d calls, want at most %d in %d", typ, r.read, r.reads, maxRead, maxReads)
	}
	if config, err := stdgif.DecodeConfig(bytes.NewReader(content)); typ != format.GIF || err != nil || config.Width*config.Height > 1<<14 {
		return
	}
	if pictures, err := stdgif.DecodeAll(bytes.NewReader(content)); err == nil && got != (len(pictures.Image) > 1) {
		t.Errorf("%s: got animated %v for %d pictures", typ, got, len(pictures.Image))
	}
}

// blocksReader counts all reads, and the reads that need two blocks.
type blocksReader struct {
	r                 io.ReaderAt
	size              int64
	reads, straddling int
}

func (r *blocksReader) ReadAt(p []byte, off int64) (int, error) {
	r.reads++
	if off/r.size != (off+int64(len(p))-1)/r.size {
		r.straddling++
	}
	return r.r.ReadAt(p, off)
}

// flagged is the header of a WebP with the flag of an animation.
func flagged() string { return chunkLE("VP8X", "\x02\x00\x00\x00"+le(59, 3)+le(39, 3)) }

func animated(content []byte, typ format.Type) (bool, error) {
	return format.Animated(bytes.NewReader(content), int64(len(content)), typ)
}
