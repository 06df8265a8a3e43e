package resize_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
)

// whole is set for the long form of the tests, as in api/e2e. The short form, which
// runs for every change, leaves out repetitions and large pictures.
var whole = os.Getenv("IMAGESERVER_E2E") == "full"

// samples returns the names of the images in testdata.
func samples(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../../../testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		if name := filepath.Base(file); name != "README.md" {
			names = append(names, name)
		}
	}
	return names
}

func readSample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("../../../testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// readCorpus reads an image of the corpus. It skips the test if the corpus is missing.
func readCorpus(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("../../../../shared/corpus/" + name)
	if err != nil {
		t.Skipf("no corpus: %v", err)
	}
	return data
}

func newSource(t testing.TB, data []byte) resize.Source {
	t.Helper()
	r := bytes.NewReader(data)
	info, err := format.Detect(r, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return resize.Source{ReaderAt: r, Size: int64(len(data)), Info: info}
}

// makeVariant makes a variant, and checks its type and size.
func makeVariant(t testing.TB, s resize.Source, p resize.Plan) resize.Result {
	t.Helper()
	c, err := resize.Make(t.Context(), s, p)
	if err != nil {
		t.Fatal(err)
	}
	info := newSource(t, c.Data).Info
	if want := (format.Info{Type: c.Type, Width: p.Width, Height: p.Height, Orientation: 1}); info != want || c.Width != p.Width || c.Height != p.Height {
		t.Fatalf("got %v, and a Result of %d × %d, want %v", info, c.Width, c.Height, want)
	}
	return c
}

// pixelsOf makes a variant as PNG, which is lossless, and returns its pixels.
func pixelsOf(t testing.TB, data []byte, p resize.Plan) *image.RGBA {
	t.Helper()
	p.Format = format.PNG
	return premultiplied(decode(t, makeVariant(t, newSource(t, data), p).Data))
}

// fullSize returns the plan of a variant as large as the picture.
func fullSize(s resize.Source) resize.Plan {
	w, h := s.Upright()
	return resize.Plan{Width: w, Height: h, Format: format.PNG}
}

// decode returns the picture in a file of any format that package image can decode here.
func decode(t testing.TB, data []byte) image.Image {
	t.Helper()
	m, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func premultiplied(m image.Image) *image.RGBA {
	out := image.NewRGBA(image.Rectangle{Max: m.Bounds().Size()})
	draw.Draw(out, out.Rect, m, m.Bounds().Min, draw.Src)
	return out
}

func encodePNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodeJPEG(t testing.TB, m image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// painted makes a picture. at returns the colour of each pixel.
func painted(w, h int, at func(x, y int) color.NRGBA) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, at(x, y))
		}
	}
	return m
}

// afterSOI inserts segments after the first marker of a JPEG.
func afterSOI(jpeg []byte, segments ...string) []byte {
	out := bytes.Clone(jpeg[:2])
	for _, s := range segments {
		out = append(out, s...)
	}
	return append(out, jpeg[2:]...)
}

// segment returns a segment of a JPEG.
func segment(marker byte, content string) string {
	return "\xff" + string([]byte{marker}) + be16(2+len(content)) + content
}

// afterIHDR inserts chunks after the header of a PNG.
func afterIHDR(png []byte, chunks ...string) []byte {
	out := bytes.Clone(png[:33])
	for _, c := range chunks {
		out = append(out, c...)
	}
	return append(out, png[33:]...)
}

// chunk returns a chunk of a PNG.
func chunk(kind, content string) string {
	return be32(len(content)) + kind + content + be32(int(crc32.ChecksumIEEE([]byte(kind+content))))
}

// exif returns the content of Exif with an orientation.
func exif(orientation int) string {
	return "MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string([]byte{byte(orientation)}) + "\x00\x00\x00\x00\x00\x00"
}

func be16(n int) string { return string(binary.BigEndian.AppendUint16(nil, uint16(n))) }
func be32(n int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }
func le16(n int) string { return string(binary.LittleEndian.AppendUint16(nil, uint16(n))) }
func le32(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }

// field is a field of a TIFF. Its values are numbers, with the kind 4, or else bytes,
// with the kind 7 (TIFF 6.0, section 2).
type field struct {
	tag    int
	values []int
	bytes  string
}

// newTIFF returns a TIFF with data at byte 8. The fields must be in order.
func newTIFF(data string, fields ...field) []byte {
	out := "II*\x00" + le32(8+len(data)) + data + le16(len(fields))
	behind := len(out) + 12*len(fields) + 4
	var far string
	for _, f := range fields {
		kind, count, content := 7, len(f.bytes), f.bytes
		if f.values != nil {
			kind, count = 4, len(f.values)
			for _, v := range f.values {
				content += le32(v)
			}
		}
		out += le16(f.tag) + le16(kind) + le32(count)
		if len(content) == 4 {
			out += content
			continue
		}
		out += le32(behind + len(far))
		far += content
	}
	return []byte(out + le32(0) + far)
}

// greyTIFF returns a TIFF of w × h grey pixels in one strip, with more fields after the
// usual ones.
func greyTIFF(w, h int, more ...field) []byte {
	data := make([]byte, w*h)
	for i := range data {
		data[i] = byte(i)
	}
	return newTIFF(string(data), append([]field{
		{tag: 256, values: []int{w}}, {tag: 257, values: []int{h}}, {tag: 258, values: []int{8}}, {tag: 262, values: []int{1}},
		{tag: 273, values: []int{8}}, {tag: 278, values: []int{h}}, {tag: 279, values: []int{w * h}},
	}, more...)...)
}

// newWebP returns a WebP of these chunks (RFC 9649, 2.4).
func newWebP(chunks ...string) []byte {
	content := "WEBP"
	for _, c := range chunks {
		content += c
	}
	return []byte("RIFF" + le32(len(content)) + content)
}

func chunkLE(kind, content string) string {
	padding := ""
	if len(content)%2 == 1 {
		padding = "\x00"
	}
	return kind + le32(len(content)) + content + padding
}
