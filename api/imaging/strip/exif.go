package strip

import (
	"bytes"
	"encoding/binary"

	"imageserver/api/imaging/format"
)

// maxExif is how much of the content of Exif is looked at: as much as fits into the
// segment of a JPEG behind its length and the name. Elsewhere it can be larger, but
// what it says of the image stands at its beginning.
const maxExif = 65535 - 2 - len(exifName)

// exifName is what Exif begins with in a JPEG (Exif 2.32, 4.7.2).
const exifName = "Exif\x00\x00"

// minimalExif returns what stays of the content of Exif, the TIFF structure behind
// the name: the orientation alone, or nil where that is upright.
func minimalExif(exif []byte) []byte {
	o := orientation(exif)
	if o == 1 {
		return nil
	}
	// A header, and a directory of one field: a tag, kind SHORT, one value (TIFF
	// 6.0, section 2). No other directory follows.
	return []byte("MM\x00*\x00\x00\x00\x08" + "\x00\x01" +
		"\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string([]byte{byte(o)}) + "\x00\x00" + "\x00\x00\x00\x00")
}

// orientation returns what the content of Exif says, which is what format.Detect
// makes of it in the smallest JPEG.
func orientation(exif []byte) int {
	jpeg := appendSegment([]byte{0xff, jpegSOI}, jpegAPP1, []byte(exifName), exif[:min(len(exif), maxExif)])
	jpeg = appendSegment(jpeg, jpegSOF0, []byte("\x08\x00\x01\x00\x01\x01\x01\x11\x00")) // 1 × 1 in grey
	jpeg = appendSegment(jpeg, jpegSOS)
	info, _ := format.Detect(bytes.NewReader(jpeg), int64(len(jpeg)))
	return info.Orientation
}

// cutExifName returns what follows the name of Exif, and whether it is there. The
// last byte of the name is 0, but browsers let any pass.
func cutExifName(b []byte) (exif []byte, found bool) {
	if len(b) < len(exifName) || !bytes.HasPrefix(b, []byte(exifName[:5])) {
		return b, false
	}
	return b[len(exifName):], true
}

// appendSegment appends a segment of a JPEG with its length, which counts itself
// (T.81, B.1.1.4). The content must fit.
func appendSegment(out []byte, marker byte, content ...[]byte) []byte {
	length := 2
	for _, c := range content {
		length += len(c)
	}
	out = append(out, 0xff, marker)
	out = binary.BigEndian.AppendUint16(out, uint16(length))
	for _, c := range content {
		out = append(out, c...)
	}
	return out
}
