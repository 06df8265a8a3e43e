package format

import (
	"errors"
	"fmt"
	"slices"
)

// beginsWebP requires the RIFF header and one of the chunks that can follow it (RFC
// 9649, 2.4 to 2.7).
func beginsWebP(head []byte) bool {
	return len(head) >= 16 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP" &&
		slices.Contains([]string{"VP8 ", "VP8L", "VP8X"}, string(head[12:16]))
}

// measureWebP returns the size of the picture, or of the canvas of an animation.
// The orientation does not turn the size, because browsers ignore the orientation
// of a WebP (Chromium 156).
func measureWebP(file section) (view, error) {
	riff, err := openRIFF(file)
	if err != nil {
		return view{}, err
	}
	e, err := webpSize(riff)
	if err != nil {
		return view{}, err
	}
	return view{e, webpOrientation(riff)}, nil
}

// webpSize reads the chunks up to the first picture or frame.
func webpSize(riff section) (extent, error) {
	var canvas extent
	for p, err := range riff.parts(riffName, riffChunk) {
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

// webpOrientation reads the first EXIF chunk (RFC 9649, 2.7.1.5), which usually
// comes after the picture. It does not need the Exif flag in the header. It accepts
// the name that Exif has in a JPEG, because some programs write it. A broken chunk
// counts as upright.
//
// The search in an animation ends at the first frame, because each further frame could
// cost a read.
func webpOrientation(riff section) orientation {
	for p, err := range riff.parts(riffName, riffChunk) {
		switch {
		case err != nil, p.kind == "ANMF":
			return upright
		case p.kind == "EXIF":
			exif, _ := cutExifName(p.section)
			return exifOrientation(exif)
		}
	}
	return upright
}

// animatedWebP requires the animation flag in the header (2.7) and two frames. A
// WebP without the flag should have no frames (2.7.1.1).
func animatedWebP(file section) bool {
	riff, err := openRIFF(file)
	if err != nil {
		return false
	}
	frames := 0
	for p, err := range riff.parts(riffName, riffChunk) {
		switch {
		case err != nil:
			return false
		case p.kind == "VP8X":
			if b, err := p.bytes(0, 1); err != nil || b[0]&webpAnimation == 0 {
				return false
			}
		case p.kind == "ANMF":
			if frames++; frames == 2 {
				return true
			}
		}
	}
	return false
}

// frameWebP looks at the first chunk of a picture or of its transparency, also in the first
// frame of an animation.
func frameWebP(file section) (Frame, error) {
	riff, err := openRIFF(file)
	if err != nil {
		return Frame{}, err
	}
	return webpChunk(riff, riffName)
}

// webpChunk looks for that chunk in s, from off on.
func webpChunk(s section, off int64) (Frame, error) {
	for p, err := range s.parts(off, riffChunk) {
		if err != nil {
			return Frame{}, err
		}
		switch p.kind {
		case "ANMF":
			return webpChunk(p.section, webpFrame)
		case "VP8 ":
			return Frame{}, nil
		case "VP8L", "ALPH":
			return Frame{Lossless: true}, nil
		}
	}
	return Frame{}, errors.New("has no picture in it")
}

// webpAnimation is the flag of an animation in the first byte of a VP8X chunk (2.7).
const webpAnimation = 1 << 1

// openRIFF returns the content of a RIFF file (RFC 9649, 2.4): a name and chunks.
// It does not contain the bytes of the file after the end of the RIFF.
func openRIFF(file section) (section, error) {
	b, err := file.bytes(0, 8)
	if err != nil {
		return section{}, err
	}
	return file.sub(8, le32(b[4:]))
}

// riffName is the size of the name "WEBP".
const riffName = 4

// riffChunk reads a chunk (RFC 9649, 2.3). A chunk of odd length is followed by a
// padding byte.
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
		return extent{}, fmt.Errorf("has a canvas of %d × %d pixels, more than a WebP may have", e.w, e.h)
	}
	return e, nil
}

// webpPicture reads the header of a lossless picture (RFC 9649, 3.4) or of a lossy
// picture, which is a key frame of VP8 (RFC 6386, 9.1).
func webpPicture(p part) (extent, error) {
	if p.kind == "VP8L" {
		b, err := p.bytes(0, 5)
		if err != nil {
			return extent{}, err
		}
		bits := le32(b[1:]) // width - 1, height - 1, an alpha flag, a version
		if b[0] != 0x2f || bits>>29 != 0 {
			return extent{}, errors.New("has a lossless picture with a wrong header")
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
	return extent{le16(b[6:]) & 0x3fff, le16(b[8:]) & 0x3fff}, nil // the upper two bits are scales
}
