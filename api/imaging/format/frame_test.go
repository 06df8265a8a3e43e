package format_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"imageserver/api/imaging/format"
)

// TestFrame reads samples of each kind. testdata/README.md says how they were made.
func TestFrame(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]format.Frame{
		"gradient.jpg":        {Components: 3, Sampling: [4][2]int{{1, 1}, {1, 1}, {1, 1}}, Interleaved: true},
		"photo-420.jpg":       {Components: 3, Sampling: [4][2]int{{2, 2}, {1, 1}, {1, 1}}, Progressive: true, Interleaved: true},
		"photo-422.jpg":       {Components: 3, Sampling: [4][2]int{{2, 1}, {1, 1}, {1, 1}}, Interleaved: true},
		"photo-444.jpg":       {Components: 3, Sampling: [4][2]int{{1, 1}, {1, 1}, {1, 1}}, Progressive: true, Interleaved: true},
		"progressive.jpg":     {Components: 3, Sampling: [4][2]int{{1, 1}, {1, 1}, {1, 1}}, Progressive: true, Interleaved: true},
		"scans.jpg":           {Components: 3, Sampling: [4][2]int{{2, 2}, {1, 1}, {1, 1}}},
		"cmyk.jpg":            {Components: 4, Sampling: [4][2]int{{1, 1}, {1, 1}, {1, 1}, {1, 1}}, Interleaved: true},
		"quarters-rgb.jpg":    {Components: 3, Sampling: [4][2]int{{1, 1}, {1, 1}, {1, 1}}, RGB: true, Interleaved: true},
		"gradient.png":        {Depth: 8},
		"grey16.png":          {Depth: 16},
		"palette.png":         {Depth: 8, Palette: true},
		"interlaced.png":      {Depth: 8, Interlaced: true},
		"lossy.webp":          {},
		"alpha.webp":          {Lossless: true},
		"lossless.webp":       {Lossless: true},
		"little.tif":          {Block: 60 * 40},
		"tiled.tif":           {Block: 32 * 32},
		"gradient.gif":        {},
		"gradient.bmp":        {},
		"gradient.avif":       {},
		"photo-lossless.webp": {Lossless: true},
	} {
		if got, err := frame(readSample(t, name)); got != want || err != nil {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, want)
		}
	}
}

// TestFrameQuirks reads headers that no sample has.
func TestFrameQuirks(t *testing.T) {
	t.Parallel()
	adobe := func(transform string) string { return segment(0xee, "Adobe\x00\x64\x00\x00\x00\x00"+transform) }
	components := func(spec string) string {
		return segment(0xc0, "\x08\x00\x28\x00\x3c"+string([]byte{byte(len(spec) / 3)})+spec)
	}
	rgb := components("R\x11\x00G\x11\x00B\x11\x00")
	ycc := components("\x01\x42\x00\x02\x11\x00\x03\x11\x00")
	subsampled := [4][2]int{{4, 2}, {1, 1}, {1, 1}}
	for name, c := range map[string]struct {
		content string
		want    format.Frame
	}{
		"subsampled by 8":             {jpeg(ycc, sos), format.Frame{Components: 3, Sampling: subsampled}},
		"RGB by name":                 {jpeg(rgb, sos), format.Frame{Components: 3, Sampling: [4][2]int{{1, 1}, {1, 1}, {1, 1}}, RGB: true}},
		"RGB by an Adobe segment":     {jpeg(adobe("\x00"), ycc, sos), format.Frame{Components: 3, Sampling: subsampled, RGB: true}},
		"an Adobe segment at the end": {jpeg(ycc, adobe("\x00"), sos), format.Frame{Components: 3, Sampling: subsampled, RGB: true}},
		"YCbCr by an Adobe segment":   {jpeg(adobe("\x01"), ycc, sos), format.Frame{Components: 3, Sampling: subsampled}},
		"a short Adobe segment":       {jpeg(adobe(""), ycc, sos), format.Frame{Components: 3, Sampling: subsampled}},
		"a lone marker":               {jpeg("\xff\xd0", ycc, sos), format.Frame{Components: 3, Sampling: subsampled}},
	} {
		if got, err := frame([]byte(c.content)); got != c.want || err != nil {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c.want)
		}
	}
	for _, spec := range []string{"\x01\x00\x00", "\x01\x11\x00\x02\x01\x00\x03\x11\x00"} {
		empty := jpeg(components(spec), sos)
		if got, err := format.ReadFrame(strings.NewReader(empty), int64(len(empty)), format.JPEG); !errors.Is(err, format.ErrMalformed) {
			t.Errorf("components without samples: got %+v, %v, want ErrMalformed", got, err)
		}
	}
}

// TestFrameReader: an error of the reader is returned and is not a damaged header.
func TestFrameReader(t *testing.T) {
	t.Parallel()
	for _, typ := range []format.Type{format.JPEG, format.PNG, format.WebP, format.TIFF} {
		_, err := format.ReadFrame(failingReaderAt{}, 1000, typ)
		if !errors.Is(err, iotest.ErrTimeout) || errors.Is(err, format.ErrMalformed) {
			t.Errorf("%s: got %v, want %v", typ, err, iotest.ErrTimeout)
		}
		if _, err := format.ReadFrame(strings.NewReader(""), 1000, typ); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: got %v for a file that is shorter than its size, want %v", typ, err, io.ErrUnexpectedEOF)
		}
	}
	if got, err := format.ReadFrame(failingReaderAt{}, 1000, format.GIF); got != (format.Frame{}) || err != nil {
		t.Errorf("GIF: got %+v, %v, want the zero Frame without a read", got, err)
	}
}

// frame reads the Frame of an image of any type.
func frame(content []byte) (format.Frame, error) {
	info, err := detect(content)
	if err != nil {
		return format.Frame{}, err
	}
	return format.ReadFrame(strings.NewReader(string(content)), int64(len(content)), info.Type)
}
