package format

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
)

// maxProfile is the largest ICC profile that is read, in bytes. Those of cameras
// and screens have a few thousand, those of printers half a million.
const maxProfile = 1 << 20

// ICCProfile returns the colour profile (ICC.1) in an image of type t, which
// [Detect] has found, as it stands there: nobody has looked whether it is right.
// It returns nil where there is none, or a broken one, or one of more than 1
// MiB. It looks in JPEG, PNG, WebP and TIFF. The only errors are those of r,
// wrapped.
func ICCProfile(r io.ReaderAt, size int64, t Type) ([]byte, error) {
	file := wholeFile(r, size)
	var profile []byte
	switch t {
	case JPEG:
		profile = jpegProfile(file)
	case PNG:
		profile = pngProfile(file)
	case WebP:
		profile = webpProfile(file)
	case TIFF:
		profile = tiffProfile(file)
	}
	if err := file.w.err; err != nil {
		return nil, fmt.Errorf("read image: %w", err)
	}
	return profile, nil
}

// jpegProfile puts the profile together from its APP2 segments (ICC.1:2022, B.4):
// a name, the number of the segment from 1 on, and how many there are.
func jpegProfile(file section) []byte {
	const name = "ICC_PROFILE\x00"
	var pieces [256][]byte
	total, count := 0, 0
	for p, err := range file.parts(2, jpegSegment) {
		if err != nil || p.kind[0] == jpegSOS {
			break
		}
		if p.kind[0] != jpegAPP2 || p.size < int64(len(name))+2 {
			continue
		}
		b, err := p.whole()
		if err != nil {
			return nil
		}
		piece, ok := bytes.CutPrefix(b, []byte(name))
		if !ok {
			continue
		}
		number := piece[0]
		count, total = int(piece[1]), total+len(piece)
		if total > maxProfile || pieces[number] != nil {
			return nil
		}
		pieces[number] = bytes.Clone(piece[2:])
	}
	var profile []byte
	for _, piece := range pieces[1 : count+1] {
		if piece == nil {
			return nil
		}
		profile = append(profile, piece...)
	}
	return profile
}

// pngProfile unpacks an iCCP chunk (11.3.2.3): a name, a 0, the method 0, and the
// profile, compressed.
func pngProfile(file section) []byte {
	for p, err := range file.parts(pngHeaderSize, pngChunk) {
		if err != nil || p.kind == "IDAT" {
			return nil
		}
		if p.kind != "iCCP" {
			continue
		}
		b, err := p.whole()
		if err != nil {
			return nil
		}
		_, packed, _ := bytes.Cut(b, []byte{0})
		if len(packed) == 0 || packed[0] != 0 {
			return nil
		}
		return inflate(packed[1:])
	}
	return nil
}

func inflate(packed []byte) []byte {
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil
	}
	profile, err := io.ReadAll(io.LimitReader(z, maxProfile+1))
	if err != nil || len(profile) > maxProfile {
		return nil
	}
	return profile
}

// webpProfile reads an ICCP chunk (RFC 9649, 2.7.1.4), which stands before the
// picture.
func webpProfile(file section) []byte {
	riff, err := openRIFF(file)
	if err != nil {
		return nil
	}
	for p, err := range riff.parts(riffName, riffChunk) {
		if err != nil {
			return nil
		}
		switch p.kind {
		case "ICCP":
			b, _ := p.whole()
			return bytes.Clone(b)
		case "VP8 ", "VP8L", "ANMF":
			return nil
		}
	}
	return nil
}

// tiffProfile reads the field of a profile (ICC.1:2022, B.5).
func tiffProfile(file section) []byte {
	for f, err := range fields(file) {
		if err != nil {
			return nil
		}
		if f.tag == tagProfile && f.kind == kindUndefined {
			if s, err := file.sub(f.offset, f.count); err == nil {
				b, _ := s.whole()
				return bytes.Clone(b)
			}
		}
	}
	return nil
}

// whole returns all of the section, valid until the next call to any section of
// the file, unless it is larger than a profile may be.
func (s section) whole() ([]byte, error) {
	if s.size > maxProfile {
		return nil, errEndless
	}
	return s.bytes(0, int(s.size))
}
