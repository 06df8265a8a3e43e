package format

import (
	"bytes"
	"errors"
)

// beginsGIF asks for a header of the GIF89a Specification, 17.
func beginsGIF(head []byte) bool {
	return bytes.HasPrefix(head, []byte("GIF87a")) || bytes.HasPrefix(head, []byte("GIF89a"))
}

// measureGIF reads the logical screen (GIF89a, 18) and skips the extensions
// before the first picture. A picture that reaches beyond the screen widens it,
// as in Chromium; some writers leave the screen at 0 × 0.
func measureGIF(file section) (extent, error) {
	b, err := file.bytes(0, 13)
	if err != nil {
		return extent{}, err
	}
	screen := extent{le16(b[6:]), le16(b[8:])}
	off := int64(13)
	if flags := b[10]; flags&0x80 != 0 {
		off += 3 << (flags&7 + 1) // the global colour table
	}
	for {
		b, err := file.bytes(off, 1)
		if err != nil {
			return extent{}, err
		}
		switch b[0] {
		case '!':
			if off, err = skipGIFExtension(file, off); err != nil {
				return extent{}, err
			}
		case ',':
			b, err := file.bytes(off, 10) // the image descriptor (20)
			if err != nil {
				return extent{}, err
			}
			x, y, w, h := le16(b[1:]), le16(b[3:]), le16(b[5:]), le16(b[7:])
			return extent{max(screen.w, x+w), max(screen.h, y+h)}, nil
		default:
			return extent{}, errors.New("has no picture in it")
		}
	}
}

// skipGIFExtension returns the offset behind an extension: two bytes to name
// it, then sub-blocks (15) up to an empty one.
func skipGIFExtension(file section, off int64) (int64, error) {
	off += 2
	for {
		b, err := file.bytes(off, 1)
		if err != nil {
			return 0, err
		}
		off += 1 + int64(b[0])
		if b[0] == 0 {
			return off, nil
		}
	}
}
