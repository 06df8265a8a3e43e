package strip_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	_ "golang.org/x/image/webp"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/strip"
)

// memory is the memory in bytes that the tests allow for a WebP.
const memory = 64 << 20

// strips returns content without its metadata.
func strips(content []byte, t format.Type) ([]byte, error) {
	r, err := strip.Reader(bytes.NewReader(content), t, memory)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// mustStrip calls strips for an image that is not damaged.
func mustStrip(t testing.TB, content []byte, typ format.Type) []byte {
	t.Helper()
	out, err := strips(content, typ)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sample is an image of testdata or of the corpus.
type sample struct {
	name    string
	content []byte
	format.Type
}

// readSamples returns the JPEG, PNG and WebP images of testdata, and an animation with
// metadata.
func readSamples(t testing.TB) (samples []sample) {
	t.Helper()
	samples = append(samples, taggedAnimation(t))
	for _, pattern := range []string{"*.jpg", "*.png", "*.webp"} {
		samples = append(samples, glob(t, "../../../testdata/"+pattern)...)
	}
	return samples
}

// taggedAnimation returns animated.webp with the metadata of tagged.webp.
func taggedAnimation(t testing.TB) sample {
	t.Helper()
	const exif, xmp, icc = 1 << 3, 1 << 2, 1 << 5
	parts := make(map[string]string)
	for c := range chunksLE([]byte(readSample(t, "tagged.webp"))[12:]) {
		parts[c[:4]] = c
	}
	animated := readSample(t, "animated.webp")[12:]
	header, frames := animated[:18], animated[18:]
	header = header[:8] + string([]byte{header[8] | exif | xmp | icc}) + header[9:]
	content := riff(header, parts["ICCP"], frames, parts["EXIF"], parts["XMP "])
	return sample{"tagged-animated.webp", []byte(content), format.WebP}
}

// glob returns the images among the files that match pattern.
func glob(t testing.TB, pattern string) (samples []sample) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no files, %v", pattern, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if typ, err := format.Sniff(content); err == nil {
			samples = append(samples, sample{filepath.Base(file), content, typ})
		}
	}
	return samples
}

func readSample(t testing.TB, name string) string {
	t.Helper()
	return string(glob(t, "../../../testdata/"+name)[0].content)
}

func TestSamples(t *testing.T) {
	for _, s := range readSamples(t) {
		t.Run(s.name, func(t *testing.T) { testWhole(t, s) })
	}
}

// testWhole checks what is true for an image that is not damaged.
func testWhole(t *testing.T, s sample) {
	out := mustStrip(t, s.content, s.Type)
	check(t, s.content, s.Type)
	if got, want := decode(out), decode(s.content); !reflect.DeepEqual(got, want) {
		t.Error("the stripped image has other pixels")
	}
	if got, want := pictures(out, s.Type), pictures(s.content, s.Type); !reflect.DeepEqual(got, want) {
		t.Error("the stripped image has other picture data")
	}
}

// decoded is the result of a decoder of Go: a picture or an error.
type decoded struct {
	image.Image
	kind string
	err  error
}

func decode(content []byte) decoded {
	m, kind, err := image.Decode(bytes.NewReader(content))
	return decoded{m, kind, err}
}

// pictures returns the chunks with the pictures of a PNG or WebP. The decoders of Go
// decode only the first picture.
func pictures(content []byte, typ format.Type) (pictures []string) {
	switch typ {
	case format.PNG:
		for c := range chunks(content) {
			switch kind := c[4:8]; kind {
			case "IHDR", "PLTE", "tRNS", "IDAT", "acTL", "fcTL", "fdAT", "IEND":
				pictures = append(pictures, c)
			}
		}
	case format.WebP:
		for c := range chunksLE(content[12:]) {
			switch kind := c[:4]; kind {
			case "ALPH", "VP8 ", "VP8L", "ANIM", "ANMF":
				pictures = append(pictures, c)
			}
		}
	}
	return pictures
}

// check checks what is true for any bytes.
func check(t testing.TB, content []byte, typ format.Type) {
	t.Helper()
	out, err := strips(content, typ)
	if err != nil {
		// A damaged WebP can announce a picture that is too large.
		if !errors.Is(err, format.ErrMalformed) && err != strip.ErrTooLarge {
			t.Errorf("got %v, want ErrMalformed or ErrTooLarge", err)
		}
		return
	}
	if len(out) > len(content)+16 { // new Exif can be longer, because an old directory can overlap the header
		t.Errorf("got %d bytes from %d, want at most 16 more", len(out), len(content))
	}
	if again, err := strips(out, typ); !bytes.Equal(again, out) || err != nil {
		t.Errorf("stripping it twice gives another result than once, %v", err)
	}
	before, err := format.Detect(bytes.NewReader(content), int64(len(content)))
	if err != nil || before.Type != typ {
		return
	}
	if after, err := format.Detect(bytes.NewReader(out), int64(len(out))); after != before || err != nil {
		t.Errorf("got %v, %v, want %v", after, err, before)
	}
	if got, want := profile(t, out, typ), profile(t, content, typ); !bytes.Equal(got, want) {
		t.Errorf("got a colour profile of %d bytes, want %d", len(got), len(want))
	}
	if got, want := animated(t, out, typ), animated(t, content, typ); got != want {
		t.Errorf("Animated: got %v, want %v", got, want)
	}
}

func profile(t testing.TB, content []byte, typ format.Type) []byte {
	t.Helper()
	icc, err := format.ICCProfile(bytes.NewReader(content), int64(len(content)), typ, false)
	if err != nil {
		t.Error(err)
	}
	return icc
}

func animated(t testing.TB, content []byte, typ format.Type) bool {
	t.Helper()
	yes, err := format.Animated(bytes.NewReader(content), int64(len(content)), typ)
	if err != nil {
		t.Error(err)
	}
	return yes
}

// TestNothingToStrip: an image without metadata does not change.
func TestNothingToStrip(t *testing.T) {
	for _, name := range []string{
		"gradient.jpg", "cmyk.jpg", "quarters-rgb.jpg", "photo-420.jpg", "photo-cmyk.jpg",
		"gradient.png", "quarters.png", "animated.png",
		"lossy.webp", "lossless.webp", "alpha.webp", "animated.webp", "photo-alpha.webp",
	} {
		s := glob(t, "../../../testdata/"+name)[0]
		if out := mustStrip(t, s.content, s.Type); !bytes.Equal(out, s.content) {
			t.Errorf("%s: got %d other bytes, want its own %d", name, len(out), len(s.content))
		}
	}
}

// TestEveryFormat fails for a type of which nobody has decided whether Reader
// strips it.
func TestEveryFormat(t *testing.T) {
	stripped := []format.Type{format.JPEG, format.PNG, format.WebP}
	refused := []format.Type{format.GIF, format.AVIF, format.HEIC, format.JXL, format.BMP, format.ICO, format.TIFF, format.SVG}
	for _, typ := range format.Types() {
		var want error
		switch {
		case slices.Contains(stripped, typ):
			if !slices.ContainsFunc(readSamples(t), func(s sample) bool { return s.Type == typ }) {
				t.Errorf("%s has no sample in testdata", typ)
			}
		case slices.Contains(refused, typ):
			want = strip.ErrUnsupported
		default:
			t.Errorf("%s is missing in this test. Add it to stripped or to refused.", typ)
			continue
		}
		if _, err := strip.Reader(strings.NewReader(""), typ, memory); err != want {
			t.Errorf("%s: got %v, want %v", typ, err, want)
		}
	}
}

// TestCutOff cuts images off at every length. The result must be the beginning of the
// stripped whole image. It must be an error, unless browsers show the part of the
// picture that is there.
func TestCutOff(t *testing.T) {
	for _, s := range readSamples(t) {
		if len(s.content) > 7000 {
			continue
		}
		want := mustStrip(t, s.content, s.Type)
		for n := range s.content {
			out, err := strips(s.content[:n], s.Type)
			shown := s.Type == format.PNG && bytes.Contains(s.content[:n], []byte("IDAT")) || s.Type == format.JPEG && n >= len(s.content)-3 // a JPEG can be complete without its last bits
			if err == nil && shown {
				err = fmt.Errorf("%w: is cut off", format.ErrMalformed)
			}
			if !errors.Is(err, format.ErrMalformed) || !strings.Contains(err.Error(), "is cut off") {
				t.Fatalf("%s: got %v after %d bytes of %d, want ErrMalformed", s.name, err, n, len(s.content))
			}
			if !bytes.HasPrefix(want, out) {
				t.Fatalf("%s: cut off after %d bytes, the result is not the beginning of the whole", s.name, n)
			}
		}
	}
}

// TestNoEnd strips JPEGs without an end marker, with and without data after the picture.
// The result has an end marker, without which browsers do not show the last rows, and
// none of the data.
func TestNoEnd(t *testing.T) {
	for _, name := range []string{"gradient.jpg", "photo-422.jpg", "photo-cmyk.jpg", "cmyk.jpg", "quarters-4x2.jpg"} {
		content := []byte(readSample(t, name))
		want := mustStrip(t, content, format.JPEG)
		for _, trailer := range []string{"", secret, "\x00\x00" + secret, "\xff\xe1\x00\x10" + secret, "\xff\xd0" + secret, "\xff\x00" + secret, "\xff", "\x01\xff\xff\x00" + secret} {
			got, err := strips(append(bytes.Clone(content[:len(content)-2]), trailer...), format.JPEG)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s followed by %q: got %d bytes, %v, want %d", name, trailer, len(got), err, len(want))
			}
		}
	}
	// This JPEG announces restart markers, but has none. The search for them must not
	// treat the data after the picture as a part of it.
	content := []byte(readSample(t, "gradient.jpg"))
	scan := bytes.Index(content, []byte("\xff\xda"))
	unmarked := append(append(bytes.Clone(content[:scan]), "\xff\xdd\x00\x04\x00\x02"...), content[scan:len(content)-2]...)
	if got, err := strips(append(unmarked, secret...), format.JPEG); err == nil {
		t.Errorf("without its restart markers: got %d bytes, want an error", len(got))
	}
	// In these JPEGs rows are missing, so other data is in the place of those rows.
	for _, name := range []string{"gradient.jpg", "photo-422.jpg", "photo-cmyk.jpg", "restarts.jpg"} {
		content := []byte(readSample(t, name))
		frame := bytes.Index(content, []byte("\xff\xc0"))
		taller := append(bytes.Clone(content[:len(content)-2]), strings.Repeat(secret+" was here. ", 40)...)
		taller[frame+5] = 0x20 // 8192 rows and more
		if got, err := strips(taller, format.JPEG); err == nil && bytes.Contains(got, []byte(secret)) {
			t.Errorf("%s with missing rows: the result contains the data after the picture", name)
		}
	}
	for _, name := range []string{"progressive.jpg", "photo-444.jpg"} { // only a marker ends a scan of these
		content := []byte(readSample(t, name))
		if _, err := strips(append(content[:len(content)-2:len(content)-2], secret...), format.JPEG); !errors.Is(err, format.ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
}

func TestFlippedBytes(t *testing.T) {
	for _, s := range readSamples(t) {
		if len(s.content) > 1000 {
			continue
		}
		for i := range s.content {
			for _, flip := range []byte{0x01, 0x20, 0xff} {
				broken := bytes.Clone(s.content)
				broken[i] ^= flip
				check(t, broken, s.Type)
			}
			if t.Failed() {
				t.Fatalf("%s: byte %d", s.name, i)
			}
		}
	}
}

// TestNotTheType: an image of another type counts as damaged.
func TestNotTheType(t *testing.T) {
	for _, typ := range []format.Type{format.JPEG, format.PNG, format.WebP} {
		for _, content := range []string{"GIF89a, and so on", "RIFF\x04\x00\x00\x00WAVE", "\xff\xd9\xff\xd9"} {
			out, err := strips([]byte(content), typ)
			if !errors.Is(err, format.ErrMalformed) || len(out) > 0 {
				t.Errorf("%s, %q: got %q, %v, want ErrMalformed", typ, content, out, err)
			}
		}
	}
}

func BenchmarkReader(b *testing.B) {
	for _, name := range []string{"photo-422.jpg", "photo-interlaced.png", "photo-lossless.webp"} {
		s := glob(b, "../../../testdata/"+name)[0]
		b.Run(string(s.Type), func(b *testing.B) {
			b.SetBytes(int64(len(s.content)))
			b.ReportAllocs()
			for b.Loop() {
				r, err := strip.Reader(bytes.NewReader(s.content), s.Type, memory)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
