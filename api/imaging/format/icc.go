package format

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
)

// maxProfile is the largest ICC profile that is read, in bytes. Profiles of cameras
// and screens have a few thousand bytes, profiles of printers half a million.
const maxProfile = 1 << 20

// ICCProfile returns the colour profile (ICC.1) of an image of type t, which
// [Detect] has returned for it. It reads the profiles of JPEG, PNG, WebP, TIFF and
// BMP. It returns nil if there is no profile, or if the profile is broken or larger
// than 1 MiB: a browser shows such an image as sRGB. It checks only the beginning of
// a profile.
//
// A PNG can describe its colours with numbers instead. ICCProfile makes a profile
// from them, for greyscale if grey is set, or else for RGB.
//
// BMP (LCS_CALIBRATED_RGB), TIFF and the Exif of a JPEG can also contain such
// numbers, and a GIF can contain a profile. Chromium 156 does not use them, so they
// are not read. The only errors are those of r, wrapped.
func ICCProfile(r io.ReaderAt, size int64, t Type, grey bool) ([]byte, error) {
	read := t.format().profile
	if read == nil {
		return nil, nil
	}
	file := wholeFile(r, size)
	profile := read(file, grey)
	if err := file.w.err; err != nil {
		return nil, fmt.Errorf("read image: %w", err)
	}
	if !isProfile(profile) {
		return nil, nil
	}
	return profile, nil
}

// isProfile checks the length and the signature of a profile (ICC.1:2022, 7.2).
func isProfile(b []byte) bool { return len(b) >= profileHeader && string(b[36:40]) == "acsp" }

// profileHeader is the size of the header of a profile.
const profileHeader = 128

// jpegProfile joins the profile from APP2 segments (ICC.1:2022, B.4). Each contains a
// name, the number of the segment, which begins with 1, the number of all segments,
// and a piece of the profile.
func jpegProfile(file section, _ bool) []byte {
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

// unpackProfile unpacks the content of an iCCP chunk (PNG third edition, 11.3.2.3):
// a name, a 0, the compression method 0, and the compressed profile.
func unpackProfile(chunk []byte) []byte {
	_, packed, _ := bytes.Cut(chunk, []byte{0})
	if len(packed) == 0 || packed[0] != 0 {
		return nil
	}
	return inflate(packed[1:])
}

// inflate decompresses a profile. It returns nil if the data is broken or the
// profile too large.
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

// webpProfile reads an ICCP chunk (RFC 9649, 2.7.1.4), which comes before the
// picture.
func webpProfile(file section, _ bool) []byte {
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

// tiffProfile reads the field with the profile (ICC.1:2022, B.5).
func tiffProfile(file section, _ bool) []byte {
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

// bmpProfile reads the profile at the offset in a BITMAPV5HEADER (Microsoft, Windows
// GDI, BITMAPV5HEADER). The offset counts from the beginning of that header.
func bmpProfile(file section, _ bool) []byte {
	const size, embedded = 124, "DEBM" // PROFILE_EMBEDDED, little-endian
	dib, err := file.from(bmpFileHeader)
	if err != nil {
		return nil
	}
	b, err := dib.bytes(0, size)
	if err != nil || le32(b) != size || string(b[56:60]) != embedded {
		return nil
	}
	profile, err := dib.sub(le32(b[112:]), le32(b[116:]))
	if err != nil {
		return nil
	}
	b, _ = profile.whole()
	return bytes.Clone(b)
}

// whole returns the content of the section, or an error if it is larger than
// maxProfile. The content is valid until the next call to any section of the file.
func (s section) whole() ([]byte, error) {
	if s.size > maxProfile {
		return nil, errEndless
	}
	return s.bytes(0, int(s.size))
}
