package strip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"imageserver/api/imaging/resize/tolerant"
)

// The markers that matter here, from ITU-T T.81, table B.1.
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

// jpeg strips a JPEG: segments, and the data of a scan behind each SOS (T.81, B.2).
type jpeg struct {
	in *source
	steps
	walker   tolerant.Walker
	content  []byte // of the segment read last
	oriented bool   // an Exif segment has come: of several the first counts
}

func newJPEG(in *source) *jpeg {
	j := &jpeg{in: in}
	j.step = j.begin
	return j
}

func (j *jpeg) begin(out []byte) ([]byte, error) {
	var b [2]byte
	if err := j.in.full(b[:]); err != nil {
		return out, err
	}
	if b != [2]byte{0xff, jpegSOI} {
		return out, errors.New("does not begin like one")
	}
	j.step = j.segment
	return append(out, b[:]...), nil
}

// segment copies a marker and what belongs to it, or passes over it.
func (j *jpeg) segment(out []byte) ([]byte, error) {
	marker, err := j.marker()
	switch {
	case err != nil:
		return out, err
	case marker == jpegSOI:
		return out, errors.New("begins anew inside itself")
	case marker == jpegEOI:
		j.step = j.in.drain
		return append(out, 0xff, marker), nil
	case marker == jpegTEM, jpegRST0 <= marker && marker <= jpegRST7:
		return append(out, 0xff, marker), nil // these stand alone
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

// marker reads the next marker. The fill bytes that may stand before it (T.81,
// B.1.1.2) go, and stray ones that may not, which decoders pass over.
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

// keep returns what stays of the segment just read, and whether it does. Those in
// which applications keep what they like (APPn) are told apart by a name.
func (j *jpeg) keep(marker byte) (content [][]byte, ok bool) {
	switch c := j.content; marker {
	case jpegAPP0:
		return [][]byte{cutThumbnail(c)}, bytes.HasPrefix(c, []byte("JFIF\x00"))
	case jpegAPP1:
		return j.exif()
	case jpegAPP2:
		// A part of a colour profile (ICC.1:2022, B.4). Others are indexes of the
		// pictures behind the end (CIPA DC-007) and go with those.
		return [][]byte{c}, bytes.HasPrefix(c, []byte("ICC_PROFILE\x00"))
	case jpegAPP14: // says what the components are: Adobe Technical Note 5116, section 18
		const size = 12
		return [][]byte{c[:min(len(c), size)]}, len(c) >= size && bytes.HasPrefix(c, []byte("Adobe"))
	}
	return [][]byte{j.content}, isCoding(marker)
}

// isCoding reports whether a segment is needed to decode the picture, as far as
// T.81 knows. Not so comments, JPGn, and what is reserved.
func isCoding(marker byte) bool {
	return jpegSOF0 <= marker && marker <= jpegEXP && marker != jpegJPG
}

// cutThumbnail takes the thumbnail out of a JFIF segment (T.871, 10.1): its width
// and height are the last two of 14 bytes, and its pixels follow. Shorter ones are
// broken, but tell some decoders what the components are.
func cutThumbnail(jfif []byte) []byte {
	jfif = jfif[:min(len(jfif), 14)]
	clear(jfif[min(len(jfif), 12):])
	return jfif
}

// exif makes of the first Exif segment one with the orientation alone.
func (j *jpeg) exif() (content [][]byte, ok bool) {
	exif, found := cutExifName(j.content)
	if !found || j.oriented {
		return nil, false
	}
	j.oriented = true
	minimal := minimalExif(exif)
	return [][]byte{[]byte(exifName), minimal}, minimal != nil
}

// walk copies the data of the only scan of a baseline JPEG, code by code, to find
// its end. Many phones write panoramas without an end marker, and their own data
// behind the picture.
func (j *jpeg) walk(out []byte) ([]byte, error) {
	out, end, err := j.walker.Walk(j.in.buf, out, blockSize)
	switch {
	case err != nil:
		return out, errCutOff
	case end == tolerant.Whole:
		j.step = j.end
	case end == tolerant.Broken:
		j.step = j.scan
	}
	return out, nil
}

// end ends the picture with an end marker, whether it has one or not: without one
// browsers leave out the last rows. What follows goes.
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
// follows. A 255 in the data has a 0 stuffed behind it (T.81, B.1.1.5); restart
// markers are in their midst, and fill bytes may stand before any. Markers below
// SOF0 are reserved: they are data with an error in it, which decoders get over.
// The last of the bytes is left if it may begin a marker.
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
