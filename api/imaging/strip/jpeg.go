package strip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	decoder "imageserver/api/imaging/jpeg"
)

// The markers that this package uses, from ITU-T T.81, table B.1.
const (
	jpegTEM   = 0x01
	jpegSOF0  = 0xc0
	jpegJPG   = 0xc8
	jpegRST0  = 0xd0
	jpegRST7  = 0xd7
	jpegSOI   = 0xd8
	jpegEOI   = 0xd9
	jpegSOS   = 0xda
	jpegEXP   = 0xdf
	jpegAPP0  = 0xe0
	jpegAPP1  = 0xe1
	jpegAPP2  = 0xe2
	jpegAPP14 = 0xee
)

// jpeg strips a JPEG, which consists of segments, and the data of a scan after each
// SOS (T.81, B.2).
type jpeg struct {
	in *source
	steps
	walker   decoder.Walker
	content  []byte // content of the segment that was read last
	oriented bool   // an Exif segment was read; only the first counts
}

func newJPEG(in *source) *jpeg {
	j := &jpeg{in: in}
	j.step = j.begin
	return j
}

// begin copies the first marker.
func (j *jpeg) begin(out []byte) ([]byte, error) {
	var b [2]byte
	if err := j.in.full(b[:]); err != nil {
		return out, err
	}
	if b != [2]byte{0xff, jpegSOI} {
		return out, errors.New("does not begin like a JPEG")
	}
	j.step = j.segment
	return append(out, b[:]...), nil
}

// segment copies or skips a marker and its content.
func (j *jpeg) segment(out []byte) ([]byte, error) {
	marker, err := j.marker()
	switch {
	case err != nil:
		return out, err
	case marker == jpegSOI:
		return out, errors.New("contains the beginning of another JPEG")
	case marker == jpegEOI:
		j.step = j.in.drain
		return append(out, 0xff, marker), nil
	case marker == jpegTEM, jpegRST0 <= marker && marker <= jpegRST7:
		return append(out, 0xff, marker), nil // these markers have no content
	}
	if err := j.read(); err != nil {
		return out, err
	}
	j.walker.Segment(marker, j.content)
	if marker == jpegSOS {
		j.step = j.scan
		if j.walker.Begin(j.content) {
			j.step = j.walk
		}
	}
	if kept, ok := j.keep(marker); ok {
		out = appendSegment(out, marker, kept...)
	}
	return out, nil
}

// marker reads the next marker. It removes the fill bytes that are allowed before a
// marker (T.81, B.1.1.2), and stray bytes, which are not allowed but which decoders
// skip.
func (j *jpeg) marker() (byte, error) {
	var last, b byte
	var err error
	for last != 0xff || b == 0xff || b == 0 {
		last = b
		if b, err = j.in.byte(); err != nil {
			return 0, err
		}
	}
	return b, nil
}

// read reads the content of a segment.
func (j *jpeg) read() error {
	var b [2]byte
	if err := j.in.full(b[:]); err != nil {
		return err
	}
	length := int(binary.BigEndian.Uint16(b[:])) // counts itself
	if length < 2 {
		return fmt.Errorf("has a segment of %d bytes", length)
	}
	j.content = slices.Grow(j.content[:0], length)[:length-2]
	return j.in.full(j.content)
}

// keep returns the content to keep of the last segment, and whether to keep the
// segment. An application can use a segment APPn for any purpose. The content begins
// with a name.
func (j *jpeg) keep(marker byte) (content [][]byte, ok bool) {
	switch c := j.content; marker {
	case jpegAPP0:
		return [][]byte{cutThumbnail(c)}, bytes.HasPrefix(c, []byte("JFIF\x00"))
	case jpegAPP1:
		return j.exif()
	case jpegAPP2:
		// Keep a part of a colour profile (ICC.1:2022, B.4). Other APP2 segments are
		// indexes of the pictures after the end (CIPA DC-007), which are removed.
		return [][]byte{c}, bytes.HasPrefix(c, []byte("ICC_PROFILE\x00"))
	case jpegAPP14: // the colour space of the components (Adobe Technical Note 5116, section 18)
		const size = 12
		return [][]byte{c[:min(len(c), size)]}, len(c) >= size && bytes.HasPrefix(c, []byte("Adobe"))
	}
	return [][]byte{j.content}, isCoding(marker)
}

// isCoding reports whether decoders need a segment, according to T.81. They do not
// need comments, JPGn and reserved segments.
func isCoding(marker byte) bool {
	return jpegSOF0 <= marker && marker <= jpegEXP && marker != jpegJPG
}

// cutThumbnail removes the thumbnail from a JFIF segment (T.871, 10.1). The width and
// height of the thumbnail are the last two of 14 bytes, and its pixels follow. A
// shorter segment is broken, but it tells some decoders that the components are YCbCr.
func cutThumbnail(jfif []byte) []byte {
	jfif = jfif[:min(len(jfif), 14)]
	clear(jfif[min(len(jfif), 12):])
	return jfif
}

// exif returns an Exif segment with only the orientation of the first Exif segment.
func (j *jpeg) exif() (content [][]byte, ok bool) {
	exif, found := cutExifName(j.content)
	if !found || j.oriented {
		return nil, false
	}
	j.oriented = true
	minimal := minimalExif(exif)
	return [][]byte{[]byte(exifName), minimal}, minimal != nil
}

// walk copies the data of the only scan of a baseline JPEG. It decodes the codes to
// find the end of the scan, because many phones write panoramas without an end marker
// and with data of their own after the picture.
func (j *jpeg) walk(out []byte) ([]byte, error) {
	out, end, err := j.walker.Walk(j.in.buf, out, blockSize)
	switch {
	case err != nil:
		return out, errCutOff
	case end == decoder.Whole:
		j.step = j.end
	case end == decoder.Broken:
		j.step = j.scan
	}
	return out, nil
}

// end writes an end marker, because browsers do not show the last rows of a picture
// without one. It removes the data that follows.
func (j *jpeg) end(out []byte) ([]byte, error) {
	j.step = j.in.drain
	return append(out, 0xff, jpegEOI), nil
}

// scan copies the data of a scan up to the next marker.
func (j *jpeg) scan(out []byte) ([]byte, error) {
	b, err := j.in.peek(2)
	if err != nil {
		return out, err
	}
	n, end := scanData(b)
	if end {
		j.step = j.segment
	}
	out = append(out, b[:n]...)
	return out, j.in.skip(int64(n))
}

// scanData returns how many of the bytes belong to a scan, and whether a marker
// follows. A 255 in the data is followed by a stuffed 0 (T.81, B.1.1.5). The data
// contains restart markers, and fill bytes can come before any marker. Markers below
// SOF0 are reserved: they count as damaged data, which decoders tolerate. The last
// byte is not counted if it can be the beginning of a marker.
func scanData(b []byte) (n int, end bool) {
	for {
		at := bytes.IndexByte(b[n:], 0xff)
		if at < 0 {
			return len(b), false
		}
		n += at
		if n+1 == len(b) {
			return n, false
		}
		switch next := b[n+1]; {
		case next < jpegSOF0, jpegRST0 <= next && next <= jpegRST7:
			n += 2
		case next == 0xff:
			n++
		default:
			return n, true
		}
	}
}
