package strip_test

import (
	"io"
	"runtime"
	"strings"
	"testing"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/strip"
)

// TestMemory strips images of 4 MiB and measures the memory in use.
func TestMemory(t *testing.T) {
	const size, most = 4 << 20, 400 << 10
	jpeg := "\xff\xd8" + segment(0xc0, "\x08\x00\x01\x00\x01\x01\x01\x11\x00")
	walked := "\xff\xd8" + segment(0xc0, "\x08\x10\x00\x10\x00\x01\x01\x11\x00") + segment(0xdd, "\x00\x01") + segment(0xda, "\x01\x01\x00\x00\x3f\x00")
	png := readSample(t, "gradient.png")[:33]
	for _, c := range []struct {
		name, head, unit string
		typ              format.Type
	}{
		{"a scan", jpeg + segment(0xda, ""), "scan\xff\x00", format.JPEG},
		{"a scan of fill bytes", jpeg + segment(0xda, ""), "\xff", format.JPEG},
		{"a scan of restarts", jpeg + segment(0xda, ""), "\xff\xd0", format.JPEG},
		{"a baseline scan without its restarts", walked, "scan", format.JPEG},
		{"a baseline scan of fill bytes", walked, "\xff", format.JPEG},
		{"a baseline scan of one restart", walked, "\xff\xd0", format.JPEG},
		{"comments", jpeg, segment(0xfe, strings.Repeat("x", 65533)), format.JPEG},
		{"Exif", jpeg, exifSegment(tiff(6)), format.JPEG},
		{"profiles", jpeg, segment(0xe2, "ICC_PROFILE\x00"+strings.Repeat("x", 65521)), format.JPEG},
		{"stray bytes", jpeg, "\x00", format.JPEG},
		{"an IDAT", png + "\x7f\xff\xff\xffIDAT", "x", format.PNG},
		{"a text", png + "\x7f\xff\xff\xfftEXt", "x", format.PNG},
		{"an eXIf", png + "\x7f\xff\xff\xffeXIf", "x", format.PNG},
		{"many eXIf", png, chunk("eXIf", tiff(6)), format.PNG},
		{"an IEND", png + "\x7f\xff\xff\xffIEND", "x", format.PNG},
		{"an unknown chunk", "RIFF\xff\xff\xff\xffWEBPwhat\x00\xff\xff\xff", "x", format.WebP},
		{"an EXIF", "RIFF\xff\xff\xff\xffWEBPEXIF\x00\xff\xff\xff", "x", format.WebP},
		{"many EXIF", "RIFF\xff\xff\xff\xffWEBP", chunkLE("EXIF", tiff(6)), format.WebP},
		{"a picture", "RIFF\xff\xff\xff\xffWEBPVP8 \x00\xff\xff\xff", "x", format.WebP},
		{"what follows", riff(chunkLE("VP8 ", "")), "x", format.WebP},
	} {
		in := &repeating{head: c.head, unit: c.unit, left: size}
		out, err := strip.Reader(in, c.typ, 100<<10)
		if err != nil {
			t.Fatal(err)
		}
		before := inUse()
		_, err = io.Copy(io.Discard, out)
		if got := in.inUse - before; got > most {
			t.Errorf("%s of %s: got %d bytes of memory, want at most %d", c.name, c.typ, got, most)
		}
		if in.left > 0 && err != strip.ErrTooLarge {
			t.Errorf("%s of %s: %d bytes were not read, %v", c.name, c.typ, in.left, err)
		}
	}
}

// TestMemoryGoesBack: a block of a WebP is freed after it was read.
func TestMemoryGoesBack(t *testing.T) {
	in := riff(chunkLE("VP8 ", strings.Repeat("x", 4<<20)))
	r, err := strip.Reader(strings.NewReader(in), format.WebP, memory)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, r, 1); err != nil {
		t.Fatal(err)
	}
	before := inUse()
	if _, err := io.CopyN(io.Discard, r, 3<<20); err != nil {
		t.Fatal(err)
	}
	if got := before - inUse(); got < 5<<19 {
		t.Errorf("got %d bytes freed after a read of 3 MiB, want %d and more", got, 5<<19)
	}
	if n, err := io.Copy(io.Discard, r); n < 1<<20 || err != nil {
		t.Errorf("got %d more bytes, %v, want %d and more", n, err, 1<<20)
	}
}

// inUse returns how many bytes of memory are in use.
func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// repeating is a long file. It measures the memory in use while it is read.
type repeating struct {
	head, unit string
	left       int   // bytes that were not read yet
	inUse      int64 // the largest measured value
}

func (r *repeating) Read(p []byte) (n int, err error) {
	const step = 1 << 20
	if r.left == 0 {
		return 0, io.EOF
	}
	for n < len(p) {
		copied := copy(p[n:], r.head)
		n += copied
		if r.head = r.head[copied:]; r.head == "" {
			r.head = r.unit
		}
	}
	n = min(n, r.left)
	if (r.left-n)/step != r.left/step {
		r.inUse = max(r.inUse, inUse())
	}
	r.left -= n
	return n, nil
}
