package format

import (
	"bytes"
	"errors"
)

// beginsGIF requires a header of the GIF89a Specification, 17.
func beginsGIF(head []byte) bool {
	return bytes.HasPrefix(head, []byte("GIF87a")) || bytes.HasPrefix(head, []byte("GIF89a"))
}

// measureGIF reads the size of the logical screen (GIF89a, 18) and of the first
// picture. A picture that is partly outside of the screen enlarges the screen, as in
// Chromium. Some programs write a screen of 0 × 0.
func measureGIF(file section) (extent, error) {
	b, err := file.bytes(0, gifHeader)
	if err != nil {
		return extent{}, err
	}
	screen := extent{le16(b[6:]), le16(b[8:])}
	picture, err := gifPicture(file, gifHeader+gifColours(b[10]))
	if err != nil {
		return extent{}, err
	}
	if b, err = file.bytes(picture, gifDescriptor); err != nil {
		return extent{}, err
	}
	x, y, w, h := le16(b[1:]), le16(b[3:]), le16(b[5:]), le16(b[7:])
	return extent{max(screen.w, x+w), max(screen.h, y+h)}, nil
}

// animatedGIF looks for a second picture. Only extensions may come before it: any
// other byte counts as the end of the file.
func animatedGIF(file section) bool {
	file.stream()
	b, err := file.bytes(0, gifHeader)
	if err != nil {
		return false
	}
	first, err := gifPicture(file, gifHeader+gifColours(b[10]))
	if err != nil {
		return false
	}
	end, err := skipGIFPicture(file, first)
	if err != nil {
		return false
	}
	second, err := gifPicture(file, end)
	if err != nil {
		return false
	}
	_, err = file.bytes(second, gifDescriptor)
	return err == nil
}

const (
	gifHeader     = 13 // bytes of the header and the logical screen descriptor (18)
	gifDescriptor = 10 // bytes of an image descriptor (20)
)

// gifColours returns the size in bytes of a colour table. flags are those of the
// descriptor before it (19 and 21).
func gifColours(flags byte) int64 {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// gifPicture skips the extensions at off and returns the offset of the picture
// after them.
func gifPicture(file section, off int64) (int64, error) {
	for {
		b, err := file.bytes(off, 1)
		if err != nil {
			return 0, err
		}
		switch b[0] {
		case '!':
			if off, err = skipGIFBlocks(file, off+2); err != nil { // the label is the second byte
				return 0, err
			}
		case ',':
			return off, nil
		default:
			return 0, errors.New("has no picture in it")
		}
	}
}

// skipGIFPicture returns the offset of the end of a picture. A picture consists of a
// descriptor, a colour table, a byte with the width of the codes, and the data (20
// to 22).
func skipGIFPicture(file section, off int64) (int64, error) {
	b, err := file.bytes(off, gifDescriptor)
	if err != nil {
		return 0, err
	}
	return skipGIFBlocks(file, off+gifDescriptor+gifColours(b[9])+1)
}

// skipGIFBlocks returns the offset of the end of the sub-blocks at off. The last
// sub-block is empty (15 and 16).
func skipGIFBlocks(file section, off int64) (int64, error) {
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
