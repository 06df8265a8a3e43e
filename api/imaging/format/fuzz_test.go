package format_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"math"
	"testing"
	"unicode/utf8"

	"imageserver/api/imaging/format"
)

// Each format has its own fuzz target, so each gets the same time.

func FuzzJPEG(f *testing.F) { fuzz(f, format.JPEG) }
func FuzzGIF(f *testing.F)  { fuzz(f, format.GIF) }
func FuzzWebP(f *testing.F) { fuzz(f, format.WebP) }
func FuzzAVIF(f *testing.F) { fuzz(f, format.AVIF) }
func FuzzHEIC(f *testing.F) { fuzz(f, format.HEIC) }
func FuzzJXL(f *testing.F)  { fuzz(f, format.JXL) }
func FuzzBMP(f *testing.F)  { fuzz(f, format.BMP) }
func FuzzICO(f *testing.F)  { fuzz(f, format.ICO) }
func FuzzTIFF(f *testing.F) { fuzz(f, format.TIFF) }
func FuzzSVG(f *testing.F)  { fuzz(f, format.SVG) }

// FuzzPNG corrects the checksum of the header, because no mutation finds it.
func FuzzPNG(f *testing.F) {
	seed(f, format.PNG)
	f.Fuzz(func(t *testing.T, content []byte) {
		check(t, content)
		if len(content) >= 33 {
			content = bytes.Clone(content)
			binary.BigEndian.PutUint32(content[29:], crc32.ChecksumIEEE(content[12:29]))
			check(t, content)
		}
	})
}

func fuzz(f *testing.F, typ format.Type) {
	seed(f, typ)
	f.Fuzz(check)
}

func seed(f *testing.F, typ format.Type) {
	for name, info := range samples {
		if info.Type == typ {
			f.Add(readSample(f, name))
		}
	}
}

// FuzzAnimated reads the same bytes as an image of each type.
func FuzzAnimated(f *testing.F) {
	for _, typ := range format.Types() {
		seed(f, typ)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, typ := range format.Types() {
			checkAnimated(t, content, typ)
		}
	})
}

// check checks what is true of Detect for any bytes.
func check(t *testing.T, content []byte) {
	r := &repeating{head: string(content)}
	info, err := format.Detect(r, int64(len(content)))
	sniffed, sniffErr := format.Sniff(content)
	switch {
	case err == nil:
		if info.Type != sniffed {
			t.Errorf("Detect returns %q, but Sniff %q, %v", info.Type, sniffed, sniffErr)
		}
		unsaid := info.Type == format.SVG && info.Width == 0 && info.Height == 0
		if !unsaid && (info.Width < 1 || info.Height < 1 || info.Width > math.MaxInt32 || info.Height > math.MaxInt32) {
			t.Errorf("got a size of %d × %d", info.Width, info.Height)
		}
		if info.Orientation < 1 || info.Orientation > 8 {
			t.Errorf("got an orientation of %d, want 1 to 8", info.Orientation)
		}
	case errors.Is(err, format.ErrMalformed):
		if sniffErr != nil {
			t.Errorf("Detect returns %v, but Sniff %v", err, sniffErr)
		}
	case errors.Is(err, format.ErrUnknown):
		if sniffErr == nil && sniffed != format.TIFF && sniffed != format.SVG { // a raw photo, a comment without end
			t.Errorf("Detect returns %v, but Sniff %q", err, sniffed)
		}
	default:
		t.Errorf("Detect returns %v, want ErrMalformed or ErrUnknown", err)
	}
	if err == nil {
		checkFrame(t, content, info.Type)
		checkFirstFrame(t, content, info)
	}
	if err != nil && (len(err.Error()) > 200 || !utf8.ValidString(err.Error()) || info != format.Info{}) {
		t.Errorf("got %v with the error %q, want no Info and a short text", info, err)
	}
	if r.reads > maxReads || r.read > maxRead {
		t.Errorf("read %d bytes in %d calls, want at most %d in %d", r.read, r.reads, maxRead, maxReads)
	}
}

// checkFirstFrame checks what is true of ReadFirstFrame for any image that Detect accepts.
func checkFirstFrame(t *testing.T, content []byte, info format.Info) {
	size := int64(len(content))
	f, err := format.ReadFirstFrame(bytes.NewReader(content), size, info.Type)
	if err != nil && (!errors.Is(err, format.ErrMalformed) || f != format.FirstFrame{}) {
		t.Errorf("ReadFirstFrame returns %+v, %v, want no FirstFrame and ErrMalformed", f, err)
	}
	canvas := image.Rect(0, 0, info.Width, info.Height)
	if info.Type == format.PNG && info.Orientation > 4 {
		canvas = image.Rect(0, 0, info.Height, info.Width)
	}
	if f != (format.FirstFrame{}) && (!f.Place.In(canvas) || f.Place.Empty() || f.Off < 0 || f.Size < 0 || f.Off > size-f.Size) {
		t.Errorf("ReadFirstFrame returns %+v of %d bytes and %v", f, size, canvas)
	}
}

// checkFrame checks what is true of ReadFrame for any image that Detect accepts.
func checkFrame(t *testing.T, content []byte, typ format.Type) {
	r := &repeating{head: string(content)}
	f, err := format.ReadFrame(r, int64(len(content)), typ)
	if err != nil && (!errors.Is(err, format.ErrMalformed) || f != format.Frame{}) {
		t.Errorf("ReadFrame returns %+v, %v, want no Frame and ErrMalformed", f, err)
	}
	if err == nil && typ == format.JPEG && f.Sampling[0][0] == 0 || f.Block < 0 {
		t.Errorf("ReadFrame returns %+v, want samples, and no negative number", f)
	}
	if r.reads > maxReads || r.read > maxRead {
		t.Errorf("ReadFrame read %d bytes in %d calls, want at most %d in %d", r.read, r.reads, maxRead, maxReads)
	}
}
