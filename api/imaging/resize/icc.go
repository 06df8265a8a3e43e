package resize

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"

	"imageserver/api/imaging/format"
)

// sRGB is how the commonest profile names itself: a textDescriptionType (ICC.1:2001,
// 6.5.17). There is also an "sRGB IEC61966-2.1 (Linear RGB Profile)".
const sRGB = "desc\x00\x00\x00\x00\x00\x00\x00\x12sRGB IEC61966-2.1\x00"

// profile returns the ICC profile that tells what the values of the copy m mean:
// the one of s, if it is for the kind of colours that m has. An image without one
// is taken for sRGB, so that profile is left out: it would make a small copy twice
// as large.
func profile(s Source, m image.Image) ([]byte, error) {
	_, grey := m.(*image.Gray)
	icc, err := format.ICCProfile(s, s.Size, s.Type, grey)
	if err != nil || icc == nil {
		return nil, err
	}
	space := "RGB "
	if grey {
		space = "GRAY"
	}
	if string(icc[16:20]) != space || bytes.Contains(icc, []byte(sRGB)) { // ICC.1:2022, 7.2
		return nil, nil
	}
	return icc, nil
}

// insertJPEG puts a profile behind the first marker (ICC.1:2022, B.4).
func insertJPEG(data, icc []byte) []byte {
	const name, most = "ICC_PROFILE\x00", 65535 - 2 - 14
	out := bytes.Clone(data[:2])
	count := cells(len(icc), most)
	for i := range count {
		piece := icc[i*most : min((i+1)*most, len(icc))]
		out = append(out, 0xff, 0xe2)
		out = binary.BigEndian.AppendUint16(out, uint16(2+len(name)+2+len(piece)))
		out = append(out, name...)
		out = append(out, byte(i+1), byte(count))
		out = append(out, piece...)
	}
	return append(out, data[2:]...)
}

// insertPNG puts a profile behind the header (PNG third edition, 11.3.2.3).
func insertPNG(data, icc []byte) []byte {
	const header = 8 + 8 + 13 + 4
	chunk := bytes.NewBufferString("iCCPICC\x00\x00")
	z := zlib.NewWriter(chunk)
	z.Write(icc) // a Buffer takes everything
	z.Close()
	out := bytes.Clone(data[:header])
	out = binary.BigEndian.AppendUint32(out, uint32(chunk.Len()-4))
	out = append(out, chunk.Bytes()...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(chunk.Bytes()))
	return append(out, data[header:]...)
}
