package format_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"imageserver/api/imaging/format"
)

// TestRefused detects files that are not images, and damaged images.
func TestRefused(t *testing.T) {
	for _, c := range slices.Concat(
		unknown(), refusedJPEG(), refusedPNG(), refusedGIF(), refusedWebP(), refusedJXL(), refusedHEIF(), refusedBitmap(), refusedTIFF(), refusedSVG(),
	) {
		info, err := detect([]byte(c.content))
		if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.why) {
			t.Errorf("%s: got %v, %v, want %v that says %q", c.name, info, err, c.want, c.why)
		}
	}
}

// refused is a file and the wanted error of Detect.
type refused struct {
	name    string
	content string
	want    error
	why     string // the error must contain this text
}

// unknown returns files that are not images.
func unknown() []refused {
	return []refused{
		{"empty", "", format.ErrUnknown, ""},
		{"one byte", "\xff", format.ErrUnknown, ""},
		{"zeros", strings.Repeat("\x00", 100), format.ErrUnknown, ""},
		{"text", "Hello, world! This is not an image.", format.ErrUnknown, ""},
		{"HTML", "<!DOCTYPE html><html><body><svg xmlns='http://www.w3.org/2000/svg'/></body></html>", format.ErrUnknown, ""},
		{"HTML that begins with an SVG", "<!DOCTYPE html><svg xmlns='http://www.w3.org/2000/svg'/>", format.ErrUnknown, ""},
		{"HTML after a comment", "<!-- svg --><html><!-- --><svg xmlns='http://www.w3.org/2000/svg'/>", format.ErrUnknown, ""},
		{"a script that says WEBP", "<script>WEBP>alert(1)</script>", format.ErrUnknown, ""},
		{"a RIFF that is not a WebP", "RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00", format.ErrUnknown, ""},
		{"a RIFF of WEBP without a picture first", "RIFF\x24\x00\x00\x00WEBPEXIF\x10\x00\x00\x00", format.ErrUnknown, ""},
		{"HTML that begins with BM", "BM<html><script>alert(1)</script></html>", format.ErrUnknown, ""},
		{"only BM", "BM", format.ErrUnknown, ""},
		{"only the first bytes of an ICO", "\x00\x00\x01\x00\x01\x00", format.ErrUnknown, ""},
		{"GIF without version", "GIF88a" + gif(1, 1, 0, 0, 1, 1)[6:], format.ErrUnknown, ""},
		{"PDF", "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", format.ErrUnknown, "a PDF"},
		{"ZIP", "PK\x03\x04\x14\x00\x00\x00\x08\x00", format.ErrUnknown, "a ZIP archive"},
		{"svgz", "\x1f\x8b\x08\x00\x00\x00\x00\x00", format.ErrUnknown, "compressed with gzip"},
		{"PSD", "8BPS\x00\x01\x00\x00\x00\x00", format.ErrUnknown, "a Photoshop file"},
		{"DWG", "AC1015\x00\x00\x00\x00", format.ErrUnknown, "an AutoCAD drawing"},
		{"JPEG 2000", "\x00\x00\x00\x0cjP  \x0d\x0a\x87\x0a\x00\x00\x00\x14ftypjp2 ", format.ErrUnknown, "a JPEG 2000"},
		{"JPEG XR", "II\xbc\x01\x20\x00\x00\x00", format.ErrUnknown, "a JPEG XR"},
		{"MP4", ftyp("isom", "mp41") + box("mdat", "xxxx"), format.ErrUnknown, "a video"},
		{"HEIF of another codec", ftyp("mif1", "miaf") + heif(box("ipco", ispe(1, 1)), ipma(1, 1)), format.ErrUnknown, ""},
		{"a video that mentions AVIF", ftyp("qt  ") + "avif", format.ErrUnknown, ""},
		{"CUR", "\x00\x00\x02\x00" + ico(icon{1, 1, dib(1, 2)})[4:], format.ErrUnknown, ""},
		{"TrueType", "\x00\x01\x00\x00\x00\x0f\x00\x80\x00\x03\x00\x70", format.ErrUnknown, ""},
		{"ICO without pictures", "\x00\x00\x01\x00\x00\x00" + strings.Repeat("\x00", 16), format.ErrUnknown, ""},
		{"small numbers", "\x00\x00\x01\x00\x02\x00\x03\x00\x04\x00\x05\x00\x06\x00\x07\x00\x08\x00\x09\x00\x0a\x00\x0b\x00", format.ErrUnknown, ""},
		{"SVG in UTF-16 without a byte order mark", strings.TrimPrefix(utf16(binary.LittleEndian, svg("")), "\xff\xfe"), format.ErrUnknown, ""},
		{"SVG in capitals", "<SVG xmlns='http://www.w3.org/2000/svg'/>", format.ErrUnknown, ""},
		{"SVG with a longer name", "<svgx xmlns='http://www.w3.org/2000/svg'/>", format.ErrUnknown, ""},
		{"HTML after a long comment", "<!--" + strings.Repeat("x", 4096) + "--><html>" + svg(""), format.ErrUnknown, ""},
		{"HTML after a long DOCTYPE", "<!DOCTYPE html [" + strings.Repeat(" ", 4096) + "]><svg xmlns='http://www.w3.org/2000/svg'/>", format.ErrUnknown, ""},
		{"text after a long comment", "<!--" + strings.Repeat("x", 4096) + "-->text", format.ErrUnknown, ""},
		{"a comment without end", "<!--" + strings.Repeat("x", 4096), format.ErrUnknown, ""},
		{"spaces", strings.Repeat(" ", 5000), format.ErrUnknown, ""},
		{"SVG after more than 1 MiB", "<!--" + strings.Repeat("x", 1<<20+32<<10) + "-->" + svg(""), format.ErrUnknown, "must be in the first 1 MiB"},
		{"CR2", "II*\x00\x10\x00\x00\x00CR\x02\x00" + strings.Repeat("\x00", 100), format.ErrUnknown, "a raw photo"},
		{"DNG", tiff(binary.LittleEndian, append(page(60, 40), field{50706, 4, 1})...), format.ErrUnknown, "a raw photo"},
		{"TIFF/EP", tiff(binary.LittleEndian, append(page(60, 40), field{37398, 4, 1})...), format.ErrUnknown, "a raw photo"},
		{"NEF", tiff(binary.BigEndian, append(page(60, 40), field{254, 4, 1}, field{330, 4, 1000})...), format.ErrUnknown, "a raw photo"},
		{"PEF", tiff(binary.BigEndian, append(page(60, 40), field{262, 3, 32803})...), format.ErrUnknown, "a raw photo"},
		{"linear raw", tiff(binary.BigEndian, append(page(60, 40), field{262, 3, 34892})...), format.ErrUnknown, "a raw photo"},
	}
}

func refusedJPEG() []refused {
	return []refused{
		{"JPEG: only the beginning", "\xff\xd8\xff", format.ErrMalformed, "cut off"},
		{"JPEG: no frame", jpeg(segment(0xe0, "JFIF\x00"), sos), format.ErrMalformed, "no picture"},
		{"JPEG: an end at once", jpeg(segment(0xe0, "JFIF\x00"), "\xff\xd9"), format.ErrMalformed, "no picture"},
		{"JPEG: no scan", jpeg(sof(60, 40), "\xff\xd9"), format.ErrMalformed, "no picture"},
		{"JPEG: two frames", jpeg(sof(60, 40), sof(9, 9), sos), format.ErrMalformed, "a second header"},
		{"JPEG: a JPEG in a JPEG", jpeg(segment(0xe0, "JFIF\x00"), jpeg(sof(60, 40), sos)), format.ErrMalformed, "a second header"},
		{"JPEG: the three markers that do not begin a frame", jpeg(segment(0xc4, sof(9, 9)[4:]), segment(0xc8, sof(9, 9)[4:]), segment(0xcc, sof(9, 9)[4:]), sos), format.ErrMalformed, "no picture"},
		{"JPEG: no height", jpeg(sof(60, 0), sos), format.ErrMalformed, "60 × 0 pixels"},
		{"JPEG: a segment of 1 byte", "\xff\xd8\xff\xe0\x00\x01", format.ErrMalformed, "a segment of 1 bytes"},
		{"JPEG: a frame too long for its components", jpeg(segment(0xc0, "\x08\x00\x28\x00\x3c\x01\x01\x11\x00more"), sos), format.ErrMalformed, "13 bytes for 1 components"},
		{"JPEG: a frame without components", jpeg(segment(0xc0, "\x08\x00\x28\x00\x3c\x00"), sos), format.ErrMalformed, "for 0 components"},
	}
}

func refusedPNG() []refused {
	const sane = "\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00"
	return []refused{
		{"PNG: no width", png(0, 5, chunk("IDAT", "")), format.ErrMalformed, "0 × 5 pixels"},
		{"PNG: too wide", png(1<<31, 5, chunk("IDAT", "")), format.ErrMalformed, "2147483648 × 5 pixels"},
		{"PNG: another chunk first", "\x89PNG\r\n\x1a\n" + chunk("CgBI", "\x50\x00\x20\x06") + png(1, 1, chunk("IDAT", ""))[8:], format.ErrMalformed, "IHDR"},
		{"PNG: a long header", "\x89PNG\r\n\x1a\n" + chunk("IHDR", sane[8:]+"\x00"), format.ErrMalformed, "IHDR"},
		{"PNG: a wrong checksum", "\x89PNG\r\n\x1a\n" + sane + "\x00\x00\x00\x00", format.ErrMalformed, "checksum"},
		{"PNG: 3 bits", pngOf("\x00\x00\x00\x01\x00\x00\x00\x01\x03\x02\x00\x00\x00"), format.ErrMalformed, "type 2 in 3 bits"},
		{"PNG: 16 bits of palette", pngOf("\x00\x00\x00\x01\x00\x00\x00\x01\x10\x03\x00\x00\x00"), format.ErrMalformed, "type 3 in 16 bits"},
		{"PNG: colour type 5", pngOf("\x00\x00\x00\x01\x00\x00\x00\x01\x08\x05\x00\x00\x00"), format.ErrMalformed, "type 5 in 8 bits"},
		{"PNG: interlace 2", pngOf("\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x02"), format.ErrMalformed, "methods 0, 0 and 2"},
		{"PNG: compression 1", pngOf("\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x01\x00\x00"), format.ErrMalformed, "methods 1, 0 and 0"},
		{"PNG: filter 1", pngOf("\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x01\x00"), format.ErrMalformed, "methods 0, 1 and 0"},
		{"PNG: no picture", png(1, 1, chunk("IEND", "")), format.ErrMalformed, "no picture"},
		{"PNG: a chunk beyond the end", png(1, 1, "\x7f\xff\xff\xffIDAT"), format.ErrMalformed, "cut off"},
	}
}

func refusedGIF() []refused {
	return []refused{
		{"GIF: no picture", "GIF89a\x05\x00\x05\x00\x00\x00\x00;", format.ErrMalformed, "no picture"},
		{"GIF: a script", "GIF89a=1;alert(1)//" + strings.Repeat(" ", 100), format.ErrMalformed, "no picture"},
		{"GIF: no size at all", gif(0, 0, 0, 0, 0, 5), format.ErrMalformed, "0 × 5 pixels"},
	}
}

func refusedWebP() []refused {
	return []refused{
		{"WebP: longer than the file", riff(chunkLE("VP8 ", vp8(1, 1)))[:20], format.ErrMalformed, "cut off"},
		{"WebP: shorter than its beginning", "RIFF\x00\x00\x00\x00WEBPVP8 ", format.ErrMalformed, "no picture"},
		{"WebP: a canvas without picture", riff(vp8x(1, 1)), format.ErrMalformed, "no picture"},
		{"WebP: a picture that does not fit", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(40, 60))), format.ErrMalformed, "40 × 60 pixels on a canvas of 60 × 40"},
		{"WebP: a canvas too large", riff(vp8x(1<<24, 1<<24), chunkLE("ANMF", "")), format.ErrMalformed, "more than a WebP may have"},
		{"WebP: a canvas just too large", riff(vp8x(1<<16, 1<<16), chunkLE("ANMF", "")), format.ErrMalformed, "more than a WebP may have"},
		{"WebP: not a key frame", riff(chunkLE("VP8 ", "\x01"+vp8(1, 1)[1:])), format.ErrMalformed, "key frame"},
		{"WebP: no start code", riff(chunkLE("VP8 ", vp8(1, 1)[:3]+"\x9d\x01\x2b"+vp8(1, 1)[6:])), format.ErrMalformed, "key frame"},
		{"WebP: no width", riff(chunkLE("VP8 ", vp8(0, 1))), format.ErrMalformed, "0 × 1 pixels"},
		{"WebP: not lossless", riff(chunkLE("VP8L", "\x2e\x00\x00\x00\x00")), format.ErrMalformed, "lossless"},
		{"WebP: a later lossless version", riff(chunkLE("VP8L", "\x2f\x00\x00\x00\x20")), format.ErrMalformed, "lossless"},
	}
}

func refusedJXL() []refused {
	return []refused{
		{"JXL: a header that is cut off", jxl("0 00 000000011 000 00 00000")[:4], format.ErrMalformed, "cut off"},
		{"JXL: a container without a codestream", jxlFile(box("jxll", "\x05")), format.ErrMalformed, "no codestream"},
		{"JXL: a container of something else", jxlFile(box("jxlc", "\xff\xd8\xff")), format.ErrMalformed, "no codestream"},
		{"JXL: an empty codestream", jxlFile(box("jxlc")), format.ErrMalformed, "no codestream"},
		{"JXL: a part without a number", jxlFile(box("jxlp", "abc")), format.ErrMalformed, "cut off"},
		{"JXL: a part with a number alone", jxlFile(box("jxlp", "\x00\x00\x00\x80")), format.ErrMalformed, "no codestream"},
	}
}

func refusedHEIF() []refused {
	return []refused{
		{"AVIF: no picture", ftyp("avif") + box("free"), format.ErrMalformed, "no picture"},
		{"AVIF: no primary item", ftyp("avif") + box("meta", "\x00\x00\x00\x00", box("iprp", box("ipco", ispe(1, 1)), ipma(1, 1))), format.ErrMalformed, "no pitm box"},
		{"AVIF: a primary item without properties", ftyp("avif") + heif(box("ipco", ispe(1, 1)), ipma(2, 1)), format.ErrMalformed, "0 × 0 pixels"},
		{"AVIF: a primary item without size", ftyp("avif") + heif(box("ipco", irot(1)), ipma(1, 1)), format.ErrMalformed, "0 × 0 pixels"},
		{"AVIF: too wide", ftyp("avif") + heif(box("ipco", ispe(1<<32-1, 1)), ipma(1, 1)), format.ErrMalformed, "4294967295 × 1 pixels"},
		{"AVIF: a box of 7 bytes", ftyp("avif") + "\x00\x00\x00\x07free", format.ErrMalformed, `a "free" box of 7 bytes`},
		{"AVIF: a box of 15 bytes in 64 bits", ftyp("avif") + "\x00\x00\x00\x01free\x00\x00\x00\x00\x00\x00\x00\x0f", format.ErrMalformed, "box of 15 bytes"},
		{"AVIF: a box of 2⁶⁴-1 bytes", ftyp("avif") + "\x00\x00\x00\x01free\xff\xff\xff\xff\xff\xff\xff\xff", format.ErrMalformed, "box of -1 bytes"},
		{"AVIF: a box of 2⁶³-1 bytes", ftyp("avif") + "\x00\x00\x00\x01free\x7f\xff\xff\xff\xff\xff\xff\xff", format.ErrMalformed, "cut off"},
		{"AVIF: a box larger than its parent", ftyp("avif") + box("meta", "\x00\x00\x00\x00\x00\x00\xff\xffpitm") + box("mdat", strings.Repeat("x", 1<<17)), format.ErrMalformed, "cut off"},
		{"AVIF: boxes in boxes", ftyp("avif") + nested("meta", 1000), format.ErrMalformed, "no pitm box"},
		{"AVIF: a sequence of sound", ftyp("avis") + box("moov", track(0, 0)), format.ErrMalformed, "no picture"},
	}
}

func refusedBitmap() []refused {
	const sane = "\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00"
	return []refused{
		{"BMP: no width", bmp(dib(0, 1)), format.ErrMalformed, "0 × 1 pixels"},
		{"BMP: a negative width", bmp(dib(-5, 1)), format.ErrMalformed, "-5 × 1 pixels"},
		{"BMP: the lowest height", bmp(dib(1, -1<<31)), format.ErrMalformed, "1 × 2147483648 pixels"},
		{"BMP: 3 bits", strings.Replace(bmp(dib(1, 1)), "\x01\x00\x20\x00", "\x01\x00\x03\x00", 1), format.ErrMalformed, "3 bits in compression 0"},
		{"BMP: RLE of 32 bits", strings.Replace(bmp(dib(1, 1)), "\x20\x00\x00", "\x20\x00\x01", 1), format.ErrMalformed, "32 bits in compression 1"},
		{"BMP: pixels beyond the end", "BM" + le(0, 8) + le(999, 4) + dib(1, 1), format.ErrMalformed, "begin at byte 999 of 54"},
		{"ICO: a picture beyond the end", ico(icon{1, 1, dib(1, 2)})[:60], format.ErrMalformed, "cut off"},
		{"ICO: any picture beyond the end", ico(icon{9, 9, dib(9, 18)}, icon{1, 1, dib(1, 2)})[:77], format.ErrMalformed, "cut off"},
		{"ICO: no picture", ico(icon{1, 1, strings.Repeat("x", 40)}), format.ErrMalformed, "no bitmap"},
		{"ICO: a broken PNG", ico(icon{1, 1, pngOf(sane[8:])[:33]}), format.ErrMalformed, "cut off"},
	}
}

func refusedTIFF() []refused {
	return []refused{
		{"TIFF: no width", tiff(binary.LittleEndian, page(0, 40)...), format.ErrMalformed, "0 × 40 pixels"},
		{"TIFF: too wide", tiff(binary.LittleEndian, page(1<<31, 40)...), format.ErrMalformed, "2147483648 × 40 pixels"},
		{"TIFF: a width that is not a number", tiff(binary.LittleEndian, field{256, 2, 60}, field{257, 4, 40}, field{273, 4, 8}), format.ErrMalformed, "0 × 40 pixels"},
		{"TIFF: a width in a number of BigTIFF", tiff(binary.LittleEndian, field{256, 16, 60}, field{257, 4, 40}, field{273, 4, 8}), format.ErrMalformed, "0 × 40 pixels"},
		{"TIFF: no picture", tiff(binary.LittleEndian, page(60, 40)[:2]...), format.ErrMalformed, "no picture"},
		{"TIFF: Exif alone", tiff(binary.LittleEndian, field{274, 3, 6}), format.ErrMalformed, "no picture"},
		{"TIFF: a directory beyond the end", "II*\x00\xff\xff\xff\xff\x00\x00\x00", format.ErrMalformed, "cut off"},
		{"BigTIFF: a directory at -1", "II+\x00\x08\x00\x00\x00" + strings.Repeat("\xff", 8), format.ErrMalformed, "cut off"},
		{"BigTIFF: 2¹⁶ fields", "II+\x00\x08\x00\x00\x00" + le(16, 8) + le(1<<16, 8) + strings.Repeat("\x00", 20<<16), format.ErrMalformed, "a directory of 65536 fields"},
		{"BigTIFF: 2⁶⁴-1 fields", "II+\x00\x08\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00" + strings.Repeat("\xff", 8), format.ErrMalformed, "a directory of 18446744073709551615 fields"},
	}
}

func refusedSVG() []refused {
	return []refused{
		{"SVG: no namespace", "<svg width='60' height='40'/>", format.ErrMalformed, "namespace"},
		{"SVG: another namespace", "<svg xmlns='http://www.w3.org/1999/xhtml'/>", format.ErrMalformed, "namespace"},
		{"SVG: an unknown prefix", "<s:svg xmlns='http://www.w3.org/2000/svg'/>", format.ErrMalformed, "namespace"},
		{"SVG: too wide", svg(`width="1e300" height="1"`), format.ErrMalformed, "2147483648 × 1 pixels"},
		{"SVG: not XML", "<svg xmlns=http://www.w3.org/2000/svg>", format.ErrMalformed, "well-formed"},
		{"SVG: cut off", "<!-- -->\n<svg xmlns='http://www.w3.org/2000/svg'", format.ErrMalformed, "well-formed"},
		{"SVG: a root without end", "<svg " + strings.Repeat("a='b' ", 20000) + "xmlns='http://www.w3.org/2000/svg'/>", format.ErrMalformed, "namespace"},
		{"SVG: an entity not declared", svg(`width="&w;"`), format.ErrMalformed, "well-formed"},
		{"SVG: a billion laughs", "<!DOCTYPE svg [<!ENTITY a '" + strings.Repeat("ha", 100) + "'><!ENTITY b '&a;&a;&a;'>]>" + svg(`id="&b;"`), format.ErrMalformed, "declares entities"},
		{"SVG: an entity of another file", illustrator("SYSTEM 'file:///etc/passwd'"), format.ErrMalformed, "declares entities"},
		{"SVG: a public entity", illustrator("PUBLIC 'a' 'http://example.com/'"), format.ErrMalformed, "declares entities"},
		{"SVG: a parameter entity", "<!DOCTYPE svg [<!ENTITY % a 'x'>]>" + svg(""), format.ErrMalformed, "declares entities"},
		{"SVG: an entity with a reference to a parameter", illustrator("'%a;'"), format.ErrMalformed, "declares entities"},
		{"SVG: an entity with a reference to a character", illustrator("'&#38;'"), format.ErrMalformed, "declares entities"},
		{"SVG: an entity with a tag", illustrator("'<g/>'"), format.ErrMalformed, "declares entities"},
		{"SVG: an entity of 129 bytes", illustrator("'" + strings.Repeat("x", 129) + "'"), format.ErrMalformed, "declares entities"},
		{"SVG: 257 entities", "<!DOCTYPE svg [" + strings.Repeat("<!ENTITY a 'x'>", 257) + "]>" + svg(""), format.ErrMalformed, "declares entities"},
		{"SVG: an entity in UTF-16", utf16(binary.LittleEndian, illustrator("SYSTEM 'file:///etc/passwd'")), format.ErrMalformed, "declares entities"},
		{"SVG: an entity of another file, after a long comment", "<!-- " + strings.Repeat("x", 40000) + "-->" + illustrator("SYSTEM 'file:///etc/passwd'"), format.ErrMalformed, "declares entities"},
	}
}
