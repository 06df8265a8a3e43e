package format_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"imageserver/api/imaging/format"
)

func ExampleDetect() {
	file, err := os.Open("../../../testdata/rotated.jpg")
	if err != nil {
		panic(err)
	}
	defer file.Close()
	stat, err := file.Stat()
	if err != nil {
		panic(err)
	}
	info, err := format.Detect(file, stat.Size())
	fmt.Println(info.Type.MIME(), info.Width, info.Height, err)
	// Output: image/jpeg 40 60 <nil>
}

func TestTypes(t *testing.T) {
	var got []string
	for _, typ := range format.Types() {
		got = append(got, fmt.Sprint(typ, " ", typ.MIME(), " ", typ.Ext(), " ", typ.Extensions()))
	}
	want := []string{
		"jpeg image/jpeg .jpg [jpg jpeg jfif]",
		"png image/png .png [png apng]",
		"gif image/gif .gif [gif]",
		"webp image/webp .webp [webp]",
		"avif image/avif .avif [avif]",
		"heic image/heic .heic [heic heif hif]",
		"jxl image/jxl .jxl [jxl]",
		"bmp image/bmp .bmp [bmp dib]",
		"ico image/vnd.microsoft.icon .ico [ico]",
		"tiff image/tiff .tif [tif tiff]",
		"svg image/svg+xml .svg [svg]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNoType(t *testing.T) {
	if none := format.ByMIME("text/plain"); none.Ext() != "" || none.MIME() != "" || len(none.Extensions()) > 0 {
		t.Errorf("a type that does not exist: got %q, %q, %q, want no names", none.Ext(), none.MIME(), none.Extensions())
	}
}

func TestParse(t *testing.T) {
	for name, want := range map[string]format.Type{
		"jpeg": format.JPEG, "jpg": format.JPEG, "JPG": format.JPEG, "jfif": format.JPEG,
		"tiff": format.TIFF, "tif": format.TIFF, "svg": format.SVG, "HEIF": format.HEIC, "WebP": format.WebP,
	} {
		if got, err := format.Parse(name); got != want || err != nil {
			t.Errorf("Parse(%q) = %q, %v, want %q", name, got, err, want)
		}
		var got format.Type
		if err := got.UnmarshalText([]byte(name)); got != want || err != nil {
			t.Errorf("UnmarshalText(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
	const known = "use one of jpeg, png, gif, webp, avif, heic, jxl, bmp, ico, tiff, svg"
	for _, name := range []string{"", "psd", "jpeg ", ".jpg", "image/png"} {
		if got, err := format.Parse(name); got != "" || err == nil || !strings.Contains(err.Error(), known) {
			t.Errorf("Parse(%q) = %q, %v, want an error that says %q", name, got, err, known)
		}
	}
}

// samples are images in testdata, with the result of Detect. The README there says what
// each image is for.
var samples = map[string]format.Info{
	"gradient.jpg":          {format.JPEG, 60, 40, 1},
	"progressive.jpg":       {format.JPEG, 60, 40, 1},
	"rotated.jpg":           {format.JPEG, 40, 60, 6},
	"cmyk.jpg":              {format.JPEG, 60, 40, 1},
	"gradient.png":          {format.PNG, 60, 40, 1},
	"alpha.png":             {format.PNG, 60, 40, 1},
	"interlaced.png":        {format.PNG, 60, 40, 1},
	"palette.png":           {format.PNG, 60, 40, 1},
	"grey16.png":            {format.PNG, 60, 40, 1},
	"rotated.png":           {format.PNG, 40, 60, 6},
	"animated.png":          {format.PNG, 60, 40, 1},
	"gradient.gif":          {format.GIF, 60, 40, 1},
	"animated.gif":          {format.GIF, 60, 40, 1},
	"zero-screen.gif":       {format.GIF, 60, 40, 1},
	"lossy.webp":            {format.WebP, 60, 40, 1},
	"lossless.webp":         {format.WebP, 60, 40, 1},
	"alpha.webp":            {format.WebP, 60, 40, 1},
	"animated.webp":         {format.WebP, 60, 40, 1},
	"rotated.webp":          {format.WebP, 60, 40, 6},
	"gradient.avif":         {format.AVIF, 60, 40, 1},
	"rotated.avif":          {format.AVIF, 40, 60, 1},
	"cropped.avif":          {format.AVIF, 50, 30, 1},
	"grid.avif":             {format.AVIF, 128, 64, 1},
	"animated.avif":         {format.AVIF, 60, 40, 1},
	"gradient.jxl":          {format.JXL, 60, 40, 1},
	"rotated.jxl":           {format.JXL, 40, 60, 1},
	"animated.jxl":          {format.JXL, 60, 40, 1},
	"rotated-animated.avif": {format.AVIF, 40, 60, 1},
	"gradient.heic":         {format.HEIC, 60, 40, 1},
	"alpha.heic":            {format.HEIC, 60, 40, 1},
	"gradient.bmp":          {format.BMP, 60, 40, 1},
	"topdown.bmp":           {format.BMP, 60, 40, 1},
	"core.bmp":              {format.BMP, 60, 40, 1},
	"rle.bmp":               {format.BMP, 60, 40, 1},
	"alpha.bmp":             {format.BMP, 30, 20, 1},
	"icon.ico":              {format.ICO, 32, 32, 1},
	"png.ico":               {format.ICO, 256, 256, 1},
	"little.tif":            {format.TIFF, 60, 40, 1},
	"big.tif":               {format.TIFF, 60, 40, 1},
	"bigtiff.tif":           {format.TIFF, 60, 40, 1},
	"rotated.tif":           {format.TIFF, 40, 60, 6},
	"pages.tif":             {format.TIFF, 60, 40, 1},
	"gradient.svg":          {format.SVG, 60, 40, 1},
	"millimetres.svg":       {format.SVG, 60, 40, 1},
	"viewbox.svg":           {format.SVG, 60, 40, 1},
	"unsized.svg":           {format.SVG, 0, 0, 1},
	"doctype.svg":           {format.SVG, 60, 40, 1},
	"prefixed.svg":          {format.SVG, 60, 40, 1},
}

func TestSamples(t *testing.T) {
	for name, want := range samples {
		if got, err := detect(readSample(t, name)); got != want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, want)
		}
	}
}

func TestSniff(t *testing.T) {
	for name, want := range samples {
		content := readSample(t, name)
		for _, n := range []int{len(content), min(len(content), format.SniffLen)} {
			if got, err := format.Sniff(content[:n]); got != want.Type || err != nil {
				t.Errorf("Sniff(%d bytes of %s) = %q, %v, want %q", n, name, got, err, want.Type)
			}
		}
	}
}

// TestCutOff: an image that is cut off keeps its type, or is not an image.
func TestCutOff(t *testing.T) {
	for name, want := range samples {
		content := readSample(t, name)
		for n := range content {
			checkCutOff(t, name, content[:n], want.Type)
		}
	}
}

func checkCutOff(t *testing.T, name string, rest []byte, typ format.Type) {
	t.Helper()
	info, err := detect(rest)
	switch {
	case err == nil && info.Type != typ:
		t.Errorf("%d bytes of %s: got %v, want %q", len(rest), name, info, typ)
	case err != nil && !errors.Is(err, format.ErrUnknown) && !errors.Is(err, format.ErrMalformed):
		t.Errorf("%d bytes of %s: got %v, want ErrUnknown or ErrMalformed", len(rest), name, err)
	}
}

// TestPolyglots: a file that fits two types always gets the same one.
func TestPolyglots(t *testing.T) {
	for _, c := range []struct {
		content string
		want    format.Type
	}{
		{"\x00\x00\x01\x00ftypavif\x00\x00\x00\x00avif" + strings.Repeat("mif1", 59), format.AVIF}, // ICO by filetype
		{"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00avifheic", format.AVIF},                          // HEIC by filetype
		{"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00heicavif", format.HEIC},
		{"\x00\x00\x00\x10ftypavif\x00\x00\x00\x00", format.AVIF},
		{"GIF89a/*WEBP" + strings.Repeat(" ", 40) + "*/=1;alert(1)//", format.GIF}, // WebP by filetype
		{"II*\x00WEBPCR\x02\x00", ""},                                              // CR2, TIFF and WebP by filetype
	} {
		for range 1000 {
			if got, err := format.Sniff([]byte(c.content)); got != c.want {
				t.Errorf("Sniff(%q) = %q, %v, want %q", c.content, got, err, c.want)
				break
			}
		}
	}
}

// TestReader: an error of the reader is neither an unknown type nor a damaged image.
func TestReader(t *testing.T) {
	image := readSample(t, "progressive.jpg")
	size := int64(len(image))
	for name, r := range map[string]io.ReaderAt{
		"at once":       failingReaderAt{image, 0},
		"after a block": failingReaderAt{image, 8192},
	} {
		_, err := format.Detect(r, size)
		if !errors.Is(err, iotest.ErrTimeout) || errors.Is(err, format.ErrMalformed) || errors.Is(err, format.ErrUnknown) {
			t.Errorf("%s: got %v, want %v", name, err, iotest.ErrTimeout)
		}
	}
	if _, err := format.Detect(bytes.NewReader(image[:9000]), size); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file shorter than its size: got %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

// failingReaderAt fails if a read ends after the offset limit.
type failingReaderAt struct {
	content []byte
	limit   int64
}

func (r failingReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > r.limit {
		return 0, iotest.ErrTimeout
	}
	return copy(p, r.content[off:]), nil
}

func readSample(t testing.TB, name string) []byte {
	t.Helper()
	return readFile(t, "../../../testdata/"+name)
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func detect(content []byte) (format.Info, error) {
	return format.Detect(bytes.NewReader(content), int64(len(content)))
}

// BenchmarkDetect reads the first sample of each type.
func BenchmarkDetect(b *testing.B) {
	for _, typ := range format.Types() {
		for _, name := range slices.Sorted(maps.Keys(samples)) {
			if samples[name].Type != typ {
				continue
			}
			r := bytes.NewReader(readSample(b, name))
			b.Run(string(typ), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := format.Detect(r, r.Size()); err != nil {
						b.Fatal(err)
					}
				}
			})
			break
		}
	}
}
