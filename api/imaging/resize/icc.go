package resize

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"

	"imageserver/api/imaging/format"
)

// sRGB is the name in the most common profile, as a textDescriptionType (ICC.1:2001,
// 6.5.17). It does not match "sRGB IEC61966-2.1 (Linear RGB Profile)", which is
// another profile.
const sRGB = "desc\x00\x00\x00\x00\x00\x00\x00\x12sRGB IEC61966-2.1\x00"

// profile returns the ICC profile for a variant, which is grey or has colours: the profile of
// s, if the variant has the colour space of that profile. It returns nil for sRGB, because browsers show an
// image without a profile as sRGB. That profile would double the size of a small
// variant.
func profile(s Source, grey bool) ([]byte, error) {
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

// insertJPEG inserts a profile after the first marker (ICC.1:2022, B.4).
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

// insertPNG inserts a profile after the header (PNG third edition, 11.3.2.3).
func insertPNG(data, icc []byte) []byte {
	const header = 8 + 8 + 13 + 4
	chunk := bytes.NewBufferString("iCCPICC\x00\x00")
	z := zlib.NewWriter(chunk)
	z.Write(icc) // a write to a Buffer does not fail
	z.Close()
	out := bytes.Clone(data[:header])
	out = binary.BigEndian.AppendUint32(out, uint32(chunk.Len()-4))
	out = append(out, chunk.Bytes()...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(chunk.Bytes()))
	return append(out, data[header:]...)
}
