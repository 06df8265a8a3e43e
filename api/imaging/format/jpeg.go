package format

import (
	"bytes"
	"errors"
	"fmt"
)

// The markers that this package uses, from ITU-T T.81, table B.1.
const (
	jpegTEM   = 0x01
	jpegSOF0  = 0xc0
	jpegSOF2  = 0xc2
	jpegDHT   = 0xc4
	jpegJPG   = 0xc8
	jpegDAC   = 0xcc
	jpegSOFF  = 0xcf
	jpegRST0  = 0xd0
	jpegSOI   = 0xd8
	jpegEOI   = 0xd9
	jpegSOS   = 0xda
	jpegAPP1  = 0xe1
	jpegAPP2  = 0xe2
	jpegAPP14 = 0xee
)

func beginsJPEG(head []byte) bool {
	return bytes.HasPrefix(head, []byte{0xff, jpegSOI, 0xff})
}

func measureJPEG(file section) (view, error) {
	h, err := readJPEG(file)
	return h.extent.oriented(h.orientation), err
}

func frameJPEG(file section) (Frame, error) {
	h, err := readJPEG(file)
	for _, s := range h.Sampling[:min(h.Components, len(h.Sampling))] {
		if s[0] == 0 || s[1] == 0 {
			return Frame{}, errors.New("has components without samples")
		}
	}
	return h.Frame, err
}

// jpegHeader is the result of readJPEG.
type jpegHeader struct {
	extent
	orientation
	Frame
}

// readJPEG reads the segments up to the first scan (T.81, B.2.1). The frame
// header, which contains the size, can come long after the metadata. The Exif
// segment should come first (Exif 2.32, 4.7.2), but browsers accept it anywhere
// before the scan. If there are several, browsers use the first.
func readJPEG(file section) (jpegHeader, error) {
	h := jpegHeader{orientation: upright}
	var framed, oriented bool
	for p, err := range file.parts(2, jpegSegment) {
		if err != nil {
			return jpegHeader{}, err
		}
		switch marker := p.kind[0]; {
		case isJPEGFrame(marker) && framed, marker == jpegSOI:
			return jpegHeader{}, errors.New("has a second header")
		case isJPEGFrame(marker):
			framed = true
			if err = h.readFrame(p); err != nil {
				return jpegHeader{}, err
			}
		case marker == jpegAPP1 && !oriented:
			var exif section
			if exif, oriented = cutExifName(p.section); oriented {
				h.orientation = exifOrientation(exif)
			}
		case marker == jpegAPP14:
			h.RGB = h.RGB || isAdobeRGB(p.section)
		case marker == jpegSOS && framed:
			b, err := p.bytes(0, 1)
			h.Interleaved = err == nil && int(b[0]) == h.Components
			return h, nil
		case marker == jpegSOS, marker == jpegEOI:
			return jpegHeader{}, errors.New("has no picture in it")
		}
	}
	return jpegHeader{}, errCutOff
}

// jpegSegment reads the segment at off. Its kind is the marker. It skips the fill
// bytes that are allowed before a marker (T.81, B.1.1.2). Like the decoders, it
// also skips stray bytes, which are not allowed.
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
		return p, off + 2, nil // these markers have no content
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

// isJPEGFrame reports whether the marker begins a frame. Three of the markers from
// SOF0 to SOF15 do not.
func isJPEGFrame(marker byte) bool {
	return jpegSOF0 <= marker && marker <= jpegSOFF &&
		marker != jpegDHT && marker != jpegJPG && marker != jpegDAC
}

// readFrame reads a frame header (T.81, B.2.2). A height of 0 means that the true
// height comes after the first scan. No browser shows such a file.
func (h *jpegHeader) readFrame(p part) error {
	b, err := p.bytes(0, 6)
	if err != nil {
		return err
	}
	components := int(b[5])
	if components == 0 || p.size != int64(6+3*components) {
		return fmt.Errorf("has a frame header of %d bytes for %d components", p.size, components)
	}
	h.extent = extent{w: be16(b[3:]), h: be16(b[1:])}
	h.Progressive, h.Components = p.kind[0] == jpegSOF2, components
	if b, err = p.bytes(6, 3*components); err != nil {
		return err
	}
	names := ""
	for i := range components {
		names += string(b[3*i : 3*i+1])
		if i < len(h.Sampling) {
			h.Sampling[i] = [2]int{int(b[3*i+1] >> 4), int(b[3*i+1] & 15)}
		}
	}
	h.RGB = h.RGB || names == "RGB"
	return nil
}

// isAdobeRGB reports whether an Adobe segment says that the components were not
// transformed (Adobe Technical Note 5116, section 18).
func isAdobeRGB(s section) bool {
	b, err := s.bytes(0, 12)
	return err == nil && string(b[:5]) == "Adobe" && b[11] == 0
}
