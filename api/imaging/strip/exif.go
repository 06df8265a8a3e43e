package strip

import (
	"bytes"
	"encoding/binary"

	"imageserver/api/imaging/format"
)

// maxExif is the number of bytes of the content of Exif that are read: as many as fit
// into a segment of a JPEG with its length and name. In other formats Exif can be
// larger, but the fields that describe the image are at its beginning.
const maxExif = 65535 - 2 - len(exifName)

// exifName is the beginning of Exif in a JPEG (Exif 2.32, 4.7.2).
const exifName = "Exif\x00\x00"

// minimalExif returns Exif with only the orientation of exif, or nil if that is
// upright. Both are the TIFF structure without the name.
func minimalExif(exif []byte) []byte {
	o := orientation(exif)
	if o == 1 {
		return nil
	}
	// A header, and a directory with one field, which has a tag, the kind SHORT and one
	// value (TIFF 6.0, section 2). No other directory follows.
	return []byte("MM\x00*\x00\x00\x00\x08" + "\x00\x01" +
		"\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string([]byte{byte(o)}) + "\x00\x00" + "\x00\x00\x00\x00")
}

// orientation returns the orientation in the content of Exif. It puts the content into
// the smallest possible JPEG and calls format.Detect.
func orientation(exif []byte) int {
	jpeg := appendSegment([]byte{0xff, jpegSOI}, jpegAPP1, []byte(exifName), exif[:min(len(exif), maxExif)])
	jpeg = appendSegment(jpeg, jpegSOF0, []byte("\x08\x00\x01\x00\x01\x01\x01\x11\x00")) // 1 × 1 in grey
	jpeg = appendSegment(jpeg, jpegSOS)
	info, _ := format.Detect(bytes.NewReader(jpeg), int64(len(jpeg)))
	return info.Orientation
}

// cutExifName returns b without the name of Exif, and whether b begins with it. The
// last byte of the name should be 0, but browsers accept any value.
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
