package format

import (
	"errors"
	"fmt"
	"slices"
)

// beginsWebP asks for the RIFF header and for one of the chunks that can follow
// it (RFC 9649, 2.4 to 2.7).
func beginsWebP(head []byte) bool {
	return len(head) >= 16 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP" &&
		slices.Contains([]string{"VP8 ", "VP8L", "VP8X"}, string(head[12:16]))
}

// measureWebP takes the size of the picture, or of the canvas where there are
// many. An EXIF chunk turns nothing: browsers do not heed it (Chromium 156).
func measureWebP(file section) (extent, error) {
	b, err := file.bytes(0, 12)
	if err != nil {
		return extent{}, err
	}
	riff, err := file.sub(8, le32(b[4:]))
	if err != nil {
		return extent{}, err
	}
	var canvas extent
	for p, err := range riff.parts(4, riffChunk) {
		if err != nil {
			return extent{}, err
		}
		switch p.kind {
		case "VP8X":
			if canvas, err = webpCanvas(p.section); err != nil {
				return extent{}, err
			}
		case "ANMF":
			return canvas, nil
		case "VP8 ", "VP8L":
			picture, err := webpPicture(p)
			if err == nil && canvas != (extent{}) && picture != canvas {
				err = fmt.Errorf("has a picture of %d × %d pixels on a canvas of %d × %d", picture.w, picture.h, canvas.w, canvas.h)
			}
			return picture, err
		}
	}
	return extent{}, errors.New("has no picture in it")
}

// riffChunk reads a chunk (RFC 9649, 2.3). Behind an odd one is a byte to pad it.
func riffChunk(s section, off int64) (part, int64, error) {
	b, err := s.bytes(off, 8)
	if err != nil {
		return part{}, 0, err
	}
	kind, length := string(b[:4]), le32(b[4:])
	content, err := s.sub(off+8, length)
	return part{kind, content}, off + 8 + length + length%2, err
}

// webpCanvas reads an extended header (RFC 9649, 2.7).
func webpCanvas(s section) (extent, error) {
	b, err := s.bytes(0, 10)
	if err != nil {
		return extent{}, err
	}
	e := extent{le24(b[4:]) + 1, le24(b[7:]) + 1}
	if e.w*e.h > 1<<32-1 {
		return extent{}, fmt.Errorf("says its canvas is %d × %d pixels, more than a WebP may have", e.w, e.h)
	}
	return e, nil
}

// webpPicture reads the header of a lossless picture (RFC 9649, 3.4) or of a
// lossy one, which is a key frame of VP8 (RFC 6386, 9.1).
func webpPicture(p part) (extent, error) {
	if p.kind == "VP8L" {
		b, err := p.bytes(0, 5)
		if err != nil {
			return extent{}, err
		}
		bits := le32(b[1:]) // width and height less 1, an alpha flag, a version
		if b[0] != 0x2f || bits>>29 != 0 {
			return extent{}, errors.New("has a lossless picture that does not begin like one")
		}
		return extent{bits&0x3fff + 1, bits>>14&0x3fff + 1}, nil
	}
	b, err := p.bytes(0, 10)
	if err != nil {
		return extent{}, err
	}
	if interframe := b[0]&1 == 1; interframe || string(b[3:6]) != "\x9d\x01\x2a" {
		return extent{}, errors.New("has a lossy picture that does not begin with a key frame")
	}
	return extent{le16(b[6:]) & 0x3fff, le16(b[8:]) & 0x3fff}, nil // above are scales
}
