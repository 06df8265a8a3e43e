package format_test

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"imageserver/api/imaging/format"
)

// Detect reads at most maxRead bytes of any file, in at most maxReads calls.
const (
	maxReads = 256
	maxRead  = maxReads*(8<<10) + 64<<10
)

// endless returns headers that never end. The key of each begins with its type, or
// with XML for a file without an <svg> tag.
func endless() map[string]*repeating {
	meta := ftyp("avif") + toTheEnd("meta", "\x00\x00\x00\x00", primary(1))
	return map[string]*repeating{
		"JPEG of stray bytes":       {head: jpeg("\xff\xe0\x00\x02"), unit: "\x00"},
		"JPEG of fill bytes":        {head: jpeg("\xff\xe0\x00\x02"), unit: "\xff"},
		"JPEG of restart markers":   {head: jpeg("\xff\xe0\x00\x02"), unit: "\xff\xd0"},
		"JPEG of empty segments":    {head: jpeg("\xff\xe0\x00\x02"), unit: "\xff\xe0\x00\x02"},
		"JPEG of long segments":     {head: jpeg("\xff\xe0\x00\x02"), unit: segment(0xe0, strings.Repeat("x", 65533))},
		"PNG of empty chunks":       {head: png(1, 1), unit: chunk("what", "")},
		"GIF of empty extensions":   {head: gif(1, 1, 0, 0, 1, 1)[:19], unit: "!\xfe\x00"},
		"GIF of tiny sub-blocks":    {head: gif(1, 1, 0, 0, 1, 1)[:19] + "!\xfe", unit: "\x01\x01"},
		"WebP of empty chunks":      {head: "RIFF\x00\x00\x00\x03WEBP" + vp8x(1, 1), unit: chunkLE("what", "")},
		"AVIF of empty boxes":       {head: ftyp("avif"), unit: box("free")},
		"AVIF of empty boxes again": {head: meta, unit: box("free")},
		"AVIF of property lists":    {head: meta + toTheEnd("iprp"), unit: ipma(2)},
		"AVIF of one property list": {head: meta + toTheEnd("iprp") + toTheEnd("ipma", "\x00\x00\x00\x00\xff\xff\xff\xff"), unit: "\x00\x02\x00"},
		"AVIF of properties":        {head: meta + toTheEnd("iprp", ipma(1, 1)) + toTheEnd("ipco"), unit: ispe(1, 1)},
		"JXL of empty boxes":        {head: jxlFile(), unit: box("free")},
		"JXL of empty parts":        {head: jxlFile(), unit: box("jxlp", "\x00\x00\x00\x00")},
		"ICO of many pictures":      {head: "\x00\x00\x01\x00\xff\xff", unit: "\x01\x01\x00\x00\x01\x00\x20\x00\x40\x00\x00\x00\x00\x00\x20\x00"},
		"TIFF of many fields":       {head: "II*\x00\x08\x00\x00\x00\xff\xff", unit: "\x00\x01\x03\x00\x01\x00\x00\x00\x01\x00\x00\x00"},
		"SVG of attributes":         {head: "<svg ", unit: "a='b' "},
		"SVG of namespaces":         {head: "<svg ", unit: "xmlns:a='b' "},
		"SVG of one attribute":      {head: "<svg a='", unit: "&lt;"},
		"SVG of elements":           {head: "<svg>", unit: "<g>"},
		"XML of one comment":        {head: "<!--", unit: "x"},
		"XML of comments":           {unit: "<!-- x -->"},
		"XML of spaces":             {unit: " "},
		"XML of a DOCTYPE":          {head: "<!DOCTYPE svg [", unit: "<!ENTITY a 'x'>"},
		"XML of tags in a DOCTYPE":  {head: "<!DOCTYPE svg [", unit: "<"},
		"XML in UTF-16":             {head: "\xff\xfe", unit: " \x00"},
	}
}

// TestEndless reads files of 64 MiB with headers that never end.
func TestEndless(t *testing.T) {
	for name, r := range endless() {
		info, err := format.Detect(r, 64<<20)
		want := format.ErrMalformed
		if strings.HasPrefix(name, "XML") {
			want = format.ErrUnknown
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, %v, want %v", name, info, err, want)
		}
		if r.reads > maxReads || r.read > maxRead {
			t.Errorf("%s: read %d bytes in %d calls, want at most %d in %d", name, r.read, r.reads, maxRead, maxReads)
		}
	}
}

// TestReadsInBlocks: the header of a small image needs one read. A large header needs
// at most one read for each of its parts.
func TestReadsInBlocks(t *testing.T) {
	for name := range samples {
		content := readSample(t, name)
		if len(content) > 8<<10 {
			continue
		}
		r := &repeating{head: string(content), unit: "\x00"}
		if _, err := format.Detect(r, int64(len(content))); err != nil || r.reads != 1 {
			t.Errorf("%s: got %d reads, %v, want 1", name, r.reads, err)
		}
	}
	metadata := strings.Repeat(segment(0xe2, strings.Repeat("x", 65533)), 100)
	r := &repeating{head: jpeg(metadata, sof(1, 1), sos), unit: "\x00"}
	if _, err := format.Detect(r, 64<<20); err != nil || r.reads > 101 {
		t.Errorf("got %d reads, %v, want 101", r.reads, err)
	}
}

// TestBrokenExif: huge Exif does not use up the budget of the rest of the header.
func TestBrokenExif(t *testing.T) {
	fields := strings.Repeat("\x01\x13\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00", 65535)
	huge := chunk("eXIf", "MM\x00*\x00\x00\x00\x08\xff\xff"+fields)
	if got, err := detect([]byte(png(60, 40, huge, chunk("IDAT", "")))); err != nil || got.Width != 60 {
		t.Errorf("got %v, %v, want 60 × 40", got, err)
	}
}

// TestEndlessBehind: endless metadata after the picture of a WebP does no harm.
func TestEndlessBehind(t *testing.T) {
	r := &repeating{head: "RIFF\x00\x00\x00\x03WEBP" + vp8x(60, 40) + chunkLE("VP8 ", vp8(60, 40)), unit: chunkLE("what", "")}
	want := format.Info{Type: format.WebP, Width: 60, Height: 40, Orientation: 1}
	if got, err := format.Detect(r, 64<<20); got != want || err != nil {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if r.reads > maxReads || r.read > maxRead {
		t.Errorf("read %d bytes in %d calls, want at most %d in %d", r.read, r.reads, maxRead, maxReads)
	}
}

// repeating is an endless file: a head, and a unit that repeats. It counts the reads.
type repeating struct {
	head, unit  string
	reads, read int
}

func (r *repeating) ReadAt(p []byte, off int64) (int, error) {
	r.reads++
	r.read += len(p)
	if off < 0 {
		return 0, iotest.ErrTimeout
	}
	for i := range p {
		if at := int(off) + i; at < len(r.head) {
			p[i] = r.head[at]
		} else {
			p[i] = r.unit[(at-len(r.head))%len(r.unit)]
		}
	}
	return len(p), nil
}
