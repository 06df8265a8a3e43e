package format

import (
	"errors"
	"fmt"
	"slices"
)

// bmpFileHeader is the size of a BITMAPFILEHEADER.
const bmpFileHeader = 14

// beginsBMP requires a bitmap header after the file header, because any text about
// BMW begins with "BM" too.
func beginsBMP(head []byte) bool {
	if len(head) < bmpFileHeader+dibStart || string(head[:2]) != "BM" {
		return false
	}
	_, _, ok := parseDIB(head[bmpFileHeader:])
	return ok
}

func measureBMP(file section) (extent, error) {
	b, err := file.bytes(0, bmpFileHeader)
	if err != nil {
		return extent{}, err
	}
	if pixels := le32(b[10:]); pixels > file.size {
		return extent{}, fmt.Errorf("says its pixels begin at byte %d of %d", pixels, file.size)
	}
	dib, err := file.from(bmpFileHeader)
	if err != nil {
		return extent{}, err
	}
	return measureDIB(dib)
}

// dibStart is the number of bytes that parseDIB reads of a device-independent
// bitmap.
const dibStart = 16

// parseDIB reads the fields that all bitmap headers have. The size of a header
// decides its type (Microsoft, Windows GDI, "Bitmap Header Types"):
// BITMAPCOREHEADER has 12 bytes, and BITMAPINFOHEADER has 40. OS/2 writes shorter
// and longer versions of the latter, of 16 to 64 bytes. BITMAPV4HEADER has 108
// bytes, and BITMAPV5HEADER has 124. The number of planes should be 1, but some
// programs write 0, and browsers ignore it.
func parseDIB(b []byte) (e extent, bits int64, ok bool) {
	switch size := le32(b); {
	case size == 12:
		return extent{le16(b[4:]), le16(b[6:])}, le16(b[10:]), true
	case 16 <= size && size <= 64, size == 108, size == 124:
		w, h := int64(int32(le32(b[4:]))), int64(int32(le32(b[8:])))
		return extent{w, max(h, -h)}, le16(b[14:]), true // h < 0 means that the top row comes first
	}
	return extent{}, 0, false
}

// measureDIB reads the header of a device-independent bitmap.
func measureDIB(dib section) (extent, error) {
	b, err := dib.bytes(0, dibStart)
	if err != nil {
		return extent{}, err
	}
	e, bits, ok := parseDIB(b)
	if !ok {
		return extent{}, errors.New("has no bitmap header where one must be")
	}
	var packing int64 // biCompression, which only the longer headers have
	if size := le32(b); size >= 20 {
		if b, err = dib.bytes(16, 4); err != nil {
			return extent{}, err
		}
		packing = le32(b)
	}
	if !slices.Contains(dibDepths(packing), bits) {
		return extent{}, fmt.Errorf("has pixels of %d bits in compression %d, which do not exist", bits, packing)
	}
	return e, nil
}

// dibDepths returns the numbers of bits per pixel that are allowed for a value of
// biCompression.
func dibDepths(packing int64) []int64 {
	switch packing {
	case 0: // none
		return []int64{1, 2, 4, 8, 16, 24, 32}
	case 1: // RLE8
		return []int64{8}
	case 2: // RLE4
		return []int64{4}
	case 3, 6: // bit fields, without and with alpha
		return []int64{16, 32}
	case 4: // RLE24 of OS/2
		return []int64{24}
	}
	return nil
}
