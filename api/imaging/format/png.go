package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// pngSignature is the beginning of a PNG (PNG Specification, Third Edition, 5.2).
// All section numbers in this file are of that specification.
const pngSignature = "\x89PNG\r\n\x1a\n"

func beginsPNG(head []byte) bool {
	return bytes.HasPrefix(head, []byte(pngSignature))
}

// measurePNG reads the header and the chunks up to the picture. An eXIf chunk
// (11.3.4.5) may come before or after the picture. Browsers use the first of
// several, and ignore a chunk after the picture (Chromium 156).
func measurePNG(file section) (view, error) {
	e, _, err := pngHeader(file)
	if err != nil {
		return view{}, err
	}
	var oriented bool
	o := upright
	for p, err := range file.parts(pngHeaderSize, pngChunk) {
		switch {
		case err != nil:
			return view{}, err
		case p.kind == "eXIf" && !oriented:
			oriented, o = true, exifOrientation(p.section)
		case p.kind == "IDAT":
			return e.oriented(o), nil
		case p.kind == "IEND":
			return view{}, errors.New("has no picture in it")
		}
	}
	return view{}, errCutOff
}

func framePNG(file section) (Frame, error) {
	_, f, err := pngHeader(file)
	return f, err
}

// animatedPNG reads the number of frames from the acTL chunk, which an APNG has
// before its picture (11.3.6.1). The number may be 1.
func animatedPNG(file section) bool {
	for p, err := range file.parts(pngHeaderSize, pngChunk) {
		switch {
		case err != nil, p.kind == "IDAT":
			return false
		case p.kind == "acTL":
			b, err := p.bytes(0, 4)
			return err == nil && be32(b) > 1
		}
	}
	return false
}

// pngHeaderSize is the size of the signature and of the IHDR chunk, which consists
// of its length, its type, 13 bytes of content and a checksum.
const pngHeaderSize = int64(len(pngSignature)) + 4 + 4 + 13 + 4

// pngHeader reads the IHDR chunk (11.2.1), which must be the first chunk (5.6).
func pngHeader(file section) (extent, Frame, error) {
	b, err := file.bytes(0, int(pngHeaderSize))
	if err != nil {
		return extent{}, Frame{}, err
	}
	b = b[len(pngSignature):]
	if string(b[:8]) != "\x00\x00\x00\x0dIHDR" {
		return extent{}, Frame{}, errors.New("does not begin with an IHDR chunk of 13 bytes")
	}
	if crc32.ChecksumIEEE(b[4:21]) != binary.BigEndian.Uint32(b[21:]) {
		return extent{}, Frame{}, errors.New("has a header that does not match its checksum")
	}
	b = b[8:21]
	depth, colour := b[8], b[9]
	if bytes.IndexByte(pngDepths(colour), depth) < 0 {
		return extent{}, Frame{}, fmt.Errorf("has colours of type %d in %d bits, which do not exist", colour, depth)
	}
	compression, filter, interlace := b[10], b[11], b[12]
	if compression > 0 || filter > 0 || interlace > 1 {
		return extent{}, Frame{}, fmt.Errorf("uses the methods %d, %d and %d of compression, filter and interlacing, which do not exist", compression, filter, interlace)
	}
	return extent{be32(b), be32(b[4:])}, Frame{Depth: int(depth), Palette: colour == pngIndexed, Interlaced: interlace == 1}, nil
}

// pngIndexed is the colour type of pixels that are indexes of a palette (11.2.1).
const pngIndexed = 3

// pngDepths returns the bit depths that are allowed for a colour type (11.2.1).
func pngDepths(colour byte) []byte {
	switch colour {
	case 0: // greyscale
		return []byte{1, 2, 4, 8, 16}
	case pngIndexed:
		return []byte{1, 2, 4, 8}
	case 2, 4, 6: // truecolour, greyscale with alpha, truecolour with alpha
		return []byte{8, 16}
	}
	return nil
}

// pngChunk reads a chunk (5.3), without the checksum at its end.
func pngChunk(file section, off int64) (part, int64, error) {
	b, err := file.bytes(off, 8)
	if err != nil {
		return part{}, 0, err
	}
	length, kind := be32(b), string(b[4:])
	content, err := file.sub(off+8, length)
	if err != nil && kind == "IDAT" && off+8 < file.size { // browsers show the first rows of a picture that is cut off
		content, err = file.from(off + 8)
	}
	return part{kind, content}, off + 8 + length + 4, err
}
