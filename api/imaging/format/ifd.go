package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// field is an entry of an image file directory.
type field struct {
	tag, kind int64
	value     int64 // if it is a single integer, else 0
	count     int64
	offset    int64 // of the values, when they are too many to stand in the field
}

// The kinds of values that matter here (TIFF 6.0, section 2; the last is BigTIFF's).
const (
	kindByte      = 1
	kindShort     = 3
	kindLong      = 4
	kindUndefined = 7 // bytes
	kindLong8     = 16
)

// fields walks the first directory of a TIFF (TIFF 6.0, section 2), of a
// BigTIFF, which is the same with wider numbers, or of the content of Exif, which
// is a TIFF without a picture. It does not follow the offset to the next
// directory, so there is no circle to be led in.
func fields(tiff section) iter.Seq2[field, error] {
	return func(yield func(field, error) bool) {
		d, err := openDirectory(tiff)
		if err != nil {
			yield(field{}, err)
			return
		}
		for off := d.first; off < d.end; off += d.fieldSize() {
			f, err := d.field(off)
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// directory is the first one of a TIFF.
type directory struct {
	tiff       section
	order      binary.ByteOrder
	wordSize   int   // of an offset, in bytes
	first, end int64 // the offset of its fields
}

func openDirectory(tiff section) (d directory, err error) {
	head, err := tiff.bytes(0, 4)
	if err != nil {
		return d, err
	}
	d.tiff = tiff
	countSize := 2
	switch string(head) {
	case "II*\x00":
		d.order, d.wordSize = binary.LittleEndian, 4
	case "MM\x00*":
		d.order, d.wordSize = binary.BigEndian, 4
	case "II+\x00":
		d.order, d.wordSize, countSize = binary.LittleEndian, 8, 8
	case "MM\x00+":
		d.order, d.wordSize, countSize = binary.BigEndian, 8, 8
	default:
		return d, errors.New("does not begin like a TIFF")
	}
	// What stands before the first offset is as long as an offset.
	b, err := tiff.bytes(int64(d.wordSize), d.wordSize)
	if err != nil {
		return d, err
	}
	off := d.number(b)
	if b, err = tiff.bytes(off, countSize); err != nil {
		return d, err
	}
	count := d.number(b)
	if count < 0 || count > 1<<16-1 { // a BigTIFF could have more, but who would write them
		return d, fmt.Errorf("lists %d fields", uint64(count))
	}
	d.first = off + int64(countSize)
	d.end = d.first + count*d.fieldSize()
	return d, nil
}

// fieldSize is that of a tag, a kind, a count and a value.
func (d directory) fieldSize() int64 { return int64(4 + 2*d.wordSize) }

func (d directory) field(off int64) (field, error) {
	b, err := d.tiff.bytes(off, int(d.fieldSize()))
	if err != nil {
		return field{}, err
	}
	f := field{tag: d.number(b[:2]), kind: d.number(b[2:4])}
	value := b[4+d.wordSize:]
	f.count, f.offset = d.number(b[4:4+d.wordSize]), d.number(value)
	switch {
	case f.count != 1:
	case f.kind == kindByte:
		f.value = d.number(value[:1])
	case f.kind == kindShort:
		f.value = d.number(value[:2])
	case f.kind == kindLong:
		f.value = d.number(value[:4])
	case f.kind == kindLong8 && d.wordSize == 8:
		f.value = d.number(value)
	}
	return f, nil
}

// number returns the integer that is all of b.
func (d directory) number(b []byte) int64 {
	switch len(b) {
	case 1:
		return int64(b[0])
	case 2:
		return int64(d.order.Uint16(b))
	case 4:
		return int64(d.order.Uint32(b))
	}
	return int64(d.order.Uint64(b))
}

// tagOrientation says how the picture lies (TIFF 6.0, section 8).
const tagOrientation = 274

// orientation is a value of that tag.
type orientation int

// The first and the last, and the first of those that show the rows as columns.
const (
	upright    orientation = 1
	leftTop    orientation = 5
	leftBottom orientation = 8
)

// orientation returns the value of a field with tagOrientation. Browsers want it
// to be a single SHORT.
func (f field) orientation() orientation {
	if o := orientation(f.value); f.kind == kindShort && upright <= o && o <= leftBottom {
		return o
	}
	return upright
}

// oriented returns how an image stored in this extent is shown, where browsers
// heed its orientation.
func (e extent) oriented(o orientation) view { return view{e.turn(o >= leftTop), o} }

// exifOrientation returns what the content of Exif says of the image it stands in
// (Exif 2.32, 4.6.4). If it is broken, it says nothing.
func exifOrientation(exif section) orientation {
	for f, err := range fields(exif) {
		if err == nil && f.tag == tagOrientation {
			return f.orientation()
		}
	}
	return upright
}

// cutExifName returns what follows the name that Exif has in a JPEG (Exif 2.32,
// 4.7.2), and whether it is there. The last byte of the name is 0, but browsers
// let any pass.
func cutExifName(s section) (exif section, found bool) {
	name, err := s.bytes(0, 6)
	if err != nil || string(name[:5]) != "Exif\x00" {
		return s, false
	}
	exif, err = s.from(6)
	return exif, err == nil
}
