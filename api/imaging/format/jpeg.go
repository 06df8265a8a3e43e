package format

import (
	"bytes"
	"errors"
	"fmt"
)

// The markers that matter here, from ITU-T T.81, table B.1.
const (
	jpegTEM  = 0x01
	jpegSOF0 = 0xc0
	jpegDHT  = 0xc4
	jpegJPG  = 0xc8
	jpegDAC  = 0xcc
	jpegSOFF = 0xcf
	jpegRST0 = 0xd0
	jpegSOI  = 0xd8
	jpegEOI  = 0xd9
	jpegSOS  = 0xda
	jpegAPP1 = 0xe1
	jpegAPP2 = 0xe2
)

func beginsJPEG(head []byte) bool {
	return bytes.HasPrefix(head, []byte{0xff, jpegSOI, 0xff})
}

// measureJPEG walks the segments to the first scan (T.81, B.2.1). The frame
// header, which has the size, may lie far behind the metadata. The Exif segment
// should come first (Exif 2.32, 4.7.2), but browsers take it from anywhere
// before the scan, and the first of several.
func measureJPEG(file section) (view, error) {
	var e extent
	var framed, oriented bool
	o := upright
	for p, err := range file.parts(2, jpegSegment) {
		if err != nil {
			return view{}, err
		}
		switch marker := p.kind[0]; {
		case isJPEGFrame(marker) && framed, marker == jpegSOI:
			return view{}, errors.New("begins anew inside its header")
		case isJPEGFrame(marker):
			framed = true
			if e, err = jpegFrame(p.section); err != nil {
				return view{}, err
			}
		case marker == jpegAPP1 && !oriented:
			var exif section
			if exif, oriented = cutExifName(p.section); oriented {
				o = exifOrientation(exif)
			}
		case marker == jpegSOS && framed:
			return e.oriented(o), nil
		case marker == jpegSOS, marker == jpegEOI:
			return view{}, errors.New("has no picture in it")
		}
	}
	return view{}, errCutOff
}

// jpegSegment skips the fill bytes that may stand before a marker (T.81,
// B.1.1.2), and stray ones that may not, because decoders do. Its kind is the
// marker.
func jpegSegment(file section, off int64) (part, int64, error) {
	b, err := file.bytes(off, 2)
	for err == nil && (b[0] != 0xff || b[1] == 0xff || b[1] == 0) {
		off++
		b, err = file.bytes(off, 2)
	}
	if err != nil {
		return part{}, 0, err
	}
	p := part{kind: string(b[1:])}
	if b[1] == jpegTEM || jpegRST0 <= b[1] && b[1] <= jpegEOI {
		return p, off + 2, nil // these stand alone
	}
	if b, err = file.bytes(off+2, 2); err != nil {
		return part{}, 0, err
	}
	length := be16(b) // counts itself
	if length < 2 {
		return part{}, 0, fmt.Errorf("has a segment of %d bytes", length)
	}
	p.section, err = file.sub(off+4, length-2)
	return p, off + 2 + length, err
}

// isJPEGFrame tells SOF0 to SOF15 from the three markers among them that begin
// no frame.
func isJPEGFrame(marker byte) bool {
	return jpegSOF0 <= marker && marker <= jpegSOFF &&
		marker != jpegDHT && marker != jpegJPG && marker != jpegDAC
}

// jpegFrame reads a frame header (T.81, B.2.2). A height of 0 means that the
// true one comes behind the first scan; no browser shows such a file.
func jpegFrame(s section) (extent, error) {
	b, err := s.bytes(0, 6)
	if err != nil {
		return extent{}, err
	}
	if components := int64(b[5]); components == 0 || s.size != 6+3*components {
		return extent{}, fmt.Errorf("has a frame header of %d bytes for %d components", s.size, components)
	}
	return extent{w: be16(b[3:]), h: be16(b[1:])}, nil
}
