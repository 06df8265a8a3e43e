package format

import (
	"bytes"
	"slices"
)

// An ICO consists of a directory of 6 bytes, an entry of 16 bytes for each picture,
// and the pictures (Microsoft, "Icons", 1995; Raymond Chen, "The evolution of the
// ICO file format", 2010). A CUR differs only in a number at the beginning.
const (
	icoDirectory = 6
	icoEntry     = 16
)

// beginsICO requires a valid first entry. The numbers 0, 1 and a count are not
// enough, because many files begin with small numbers.
func beginsICO(head []byte) bool {
	if len(head) < icoDirectory+icoEntry || string(head[:4]) != "\x00\x00\x01\x00" {
		return false
	}
	count, entry := le16(head[4:]), head[icoDirectory:]
	reserved, planes, bits, size, offset := entry[3], le16(entry[4:]), le16(entry[6:]), le32(entry[8:]), le32(entry[12:])
	return count > 0 &&
		(reserved == 0 || reserved == 0xff) && // .NET writes 255
		planes <= 1 &&
		slices.Contains([]int64{0, 1, 2, 4, 8, 16, 24, 32}, bits) &&
		size > 0 && offset >= icoDirectory+icoEntry*count
}

// measureICO returns the size of the largest picture. Like browsers, it takes the
// size from the entry. It checks that the entry points to a bitmap or a PNG.
func measureICO(file section) (extent, error) {
	b, err := file.bytes(0, icoDirectory)
	if err != nil {
		return extent{}, err
	}
	var largest extent
	var picture section
	for i := range le16(b[4:]) {
		b, err := file.bytes(icoDirectory+icoEntry*i, icoEntry)
		if err != nil {
			return extent{}, err
		}
		content, err := file.sub(le32(b[12:]), le32(b[8:]))
		if err != nil {
			return extent{}, err
		}
		if e := (extent{icoSide(b[0]), icoSide(b[1])}); e.w*e.h > largest.w*largest.h {
			largest, picture = e, content
		}
	}
	if b, err = picture.bytes(0, len(pngSignature)); err != nil {
		return extent{}, err
	}
	if bytes.Equal(b, []byte(pngSignature)) {
		_, err = measurePNG(picture)
	} else {
		_, err = measureDIB(picture)
	}
	return largest, err
}

// icoSide reads a width or height of 1 to 256, which is stored in one byte.
func icoSide(b byte) int64 {
	if b == 0 {
		return 256
	}
	return int64(b)
}
