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
	value     int64 // the value if it is a single integer, or else 0
	count     int64 // number of values
	offset    int64 // offset of the values if they do not fit into the field
}

// The kinds of values that this package uses (TIFF 6.0, section 2; the last kind is
// of BigTIFF).
const (
	kindByte      = 1
	kindShort     = 3
	kindLong      = 4
	kindUndefined = 7 // bytes
	kindLong8     = 16
)

// fields iterates over the fields of the first directory of a TIFF (TIFF 6.0,
// section 2). A BigTIFF is a TIFF with wider numbers, and the content of Exif is a
// TIFF without a picture. fields does not follow the offset of the next directory,
// so directories that refer to each other cannot make it loop forever.
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

// directory is the first directory of a TIFF.
type directory struct {
	tiff       section
	order      binary.ByteOrder
	wordSize   int   // bytes of an offset
	first, end int64 // offsets of the first field and of the end of the last
}

// openDirectory reads the header of the TIFF and the number of fields.
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
	// The header before the first offset is as long as an offset.
	b, err := tiff.bytes(int64(d.wordSize), d.wordSize)
	if err != nil {
		return d, err
	}
	off := d.number(b)
	if b, err = tiff.bytes(off, countSize); err != nil {
		return d, err
	}
	count := d.number(b)
	if count < 0 || count > 1<<16-1 { // the format of BigTIFF allows more, but no program writes more
		return d, fmt.Errorf("has a directory of %d fields, more than 65535", uint64(count))
	}
	d.first = off + int64(countSize)
	d.end = d.first + count*d.fieldSize()
	return d, nil
}

// fieldSize returns the bytes of a field: a tag, a kind, a count and a value.
func (d directory) fieldSize() int64 { return int64(4 + 2*d.wordSize) }

// field reads the field at off.
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

// number returns the integer in b, which has 1, 2, 4 or 8 bytes.
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

// tagOrientation is the tag of the orientation (TIFF 6.0, section 8).
const tagOrientation = 274

// orientation is a value of tagOrientation.
type orientation int

// The first and the last value, and the first value that shows the rows as columns.
const (
	upright    orientation = 1
	leftTop    orientation = 5
	leftBottom orientation = 8
)

// orientation returns the value of a field with tagOrientation. Browsers require a
// single SHORT.
func (f field) orientation() orientation {
	if o := orientation(f.value); f.kind == kindShort && upright <= o && o <= leftBottom {
		return o
	}
	return upright
}

// oriented returns the view of an image that is stored in this extent, for a type
// whose orientation browsers apply.
func (e extent) oriented(o orientation) view { return view{e.turn(o >= leftTop), o} }

// exifOrientation returns the orientation in the content of Exif (Exif 2.32,
// 4.6.4). Broken Exif counts as upright.
func exifOrientation(exif section) orientation {
	for f, err := range fields(exif) {
		if err == nil && f.tag == tagOrientation {
			return f.orientation()
		}
	}
	return upright
}

// cutExifName returns s without the name that Exif has in a JPEG (Exif 2.32, 4.7.2),
// and whether s begins with that name. The last byte of the name should be 0, but
// browsers accept any value.
func cutExifName(s section) (exif section, found bool) {
	name, err := s.bytes(0, 6)
	if err != nil || string(name[:5]) != "Exif\x00" {
		return s, false
	}
	exif, err = s.from(6)
	return exif, err == nil
}
