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

// TestQuirks reads unusual headers that no sample has. The results are those of
// Chromium 156.
func TestQuirks(t *testing.T) {
	for _, c := range slices.Concat(
		jpegQuirks(), pngQuirks(), gifQuirks(), webpQuirks(), jxlQuirks(), heifQuirks(), bmpQuirks(), icoQuirks(), tiffQuirks(), svgQuirks(),
	) {
		if got, err := detect([]byte(c.content)); got != c.want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", c.name, got, err, c.want)
		}
	}
}

// quirk is an image and the wanted result of Detect.
type quirk struct {
	name    string
	content string
	want    format.Info
}

func jpegQuirks() []quirk {
	turned, upright := exif(field{274, 3, 6}), exif(field{274, 3, 1})
	return []quirk{
		{"JPEG: the Exif after the frame", jpeg(sof(60, 40), turned, sos), format.Info{format.JPEG, 40, 60, 6}},
		{"JPEG: the first Exif of two", jpeg(turned, upright, sof(60, 40), sos), format.Info{format.JPEG, 40, 60, 6}},
		{"JPEG: an orientation among others", jpeg(exif(field{256, 4, 1}, field{274, 3, 6}, field{282, 4, 1}), sof(60, 40), sos), format.Info{format.JPEG, 40, 60, 6}},
		{"JPEG: the second Exif of two", jpeg(upright, turned, sof(60, 40), sos), format.Info{format.JPEG, 60, 40, 1}},
		{"JPEG: an orientation that is not a SHORT", jpeg(exif(field{274, 4, 6}), sof(60, 40), sos), format.Info{format.JPEG, 60, 40, 1}},
		{"JPEG: an orientation that does not exist", jpeg(exif(field{274, 3, 9}), sof(60, 40), sos), format.Info{format.JPEG, 60, 40, 1}},
		{"JPEG: an orientation of 0", jpeg(exif(field{274, 3, 0}), sof(60, 40), sos), format.Info{format.JPEG, 60, 40, 1}},
		{"JPEG: a broken Exif", jpeg(segment(0xe1, "Exif\x00\x00MM\x00*\xff\xff\xff\xff"), sof(60, 40), sos), format.Info{format.JPEG, 60, 40, 1}},
		{"JPEG: another APP1", jpeg(segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00"), turned, sof(60, 40), sos), format.Info{format.JPEG, 40, 60, 6}},
		{"JPEG: another APP1 alone", jpeg(segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00"), sof(60, 40), sos), format.Info{format.JPEG, 60, 40, 1}},
		{"JPEG: another APP1 that begins like Exif", jpeg(segment(0xe1, "Exif:"+upright[9:]), turned, sof(60, 40), sos), format.Info{format.JPEG, 40, 60, 6}},
		{"JPEG: an Exif whose name does not end in 0", jpeg(segment(0xe1, "Exif\x00:"+turned[10:]), sof(60, 40), sos), format.Info{format.JPEG, 40, 60, 6}},
		{"JPEG: the last kind of frame", jpeg(segment(0xfe, ""), "\xff\xd0", strings.Replace(sof(60, 40), "\xc2", "\xcf", 1), sos), format.Info{format.JPEG, 60, 40, 1}},
		{"JPEG: fill bytes, stray bytes, markers without length", jpeg("\xff\xff", upright, "stray\xff\x00", "\xff\x01\xff\xd7", sof(60, 40), sos), format.Info{format.JPEG, 60, 40, 1}},
		{"JPEG: 1 MB of metadata", jpeg(strings.Repeat(segment(0xe2, strings.Repeat("x", 65533)), 16), sof(60, 40), sos), format.Info{format.JPEG, 60, 40, 1}},
	}
}

func pngQuirks() []quirk {
	return []quirk{
		{"PNG: eXIf before the picture", png(60, 40, chunk("eXIf", tiff(binary.BigEndian, field{274, 3, 8})), chunk("IDAT", "")), format.Info{format.PNG, 40, 60, 8}},
		{"PNG: eXIf after the picture", png(60, 40, chunk("IDAT", ""), chunk("eXIf", tiff(binary.BigEndian, field{274, 3, 8}))), format.Info{format.PNG, 60, 40, 1}},
		{"PNG: the second eXIf of two", png(60, 40, chunk("eXIf", ""), chunk("eXIf", tiff(binary.BigEndian, field{274, 3, 8})), chunk("IDAT", "")), format.Info{format.PNG, 60, 40, 1}},
		{"PNG: cut off inside the picture", png(60, 40, chunk("IDAT", "picture"))[:8+25+8+1], format.Info{format.PNG, 60, 40, 1}},
		{"PNG: eXIf, and cut off inside the picture", png(60, 40, chunk("eXIf", tiff(binary.BigEndian, field{274, 3, 8})), "\x7f\xff\xff\xffIDATx"), format.Info{format.PNG, 40, 60, 8}},
		{"PNG: the largest", png(1<<31-1, 1<<31-1, chunk("IDAT", "")), format.Info{format.PNG, 1<<31 - 1, 1<<31 - 1, 1}},
	}
}

func gifQuirks() []quirk {
	return []quirk{
		{"GIF: a screen of no width", gif(0, 5, 0, 0, 7, 5), format.Info{format.GIF, 7, 5, 1}},
		{"GIF: a picture larger than the screen", gif(4, 4, 0, 0, 7, 5), format.Info{format.GIF, 7, 5, 1}},
		{"GIF: a picture beside the screen", gif(4, 9, 2, 1, 7, 5), format.Info{format.GIF, 9, 9, 1}},
		{"GIF: a picture smaller than the screen", gif(20, 10, 3, 3, 7, 5), format.Info{format.GIF, 20, 10, 1}},
		{"GIF: no global colours", "GIF89a\x05\x00\x05\x00\x77\x00\x00,\x00\x00\x00\x00\x05\x00\x05\x00\x00", format.Info{format.GIF, 5, 5, 1}},
	}
}

func webpQuirks() []quirk {
	turned := exif(field{274, 3, 6})
	exifChunk := func(orientation int64) string { // of a WebP
		return chunkLE("EXIF", tiff(binary.LittleEndian, field{274, 3, orientation}))
	}
	return []quirk{
		{"WebP: bytes after the end", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40))) + "more", format.Info{format.WebP, 60, 40, 1}},
		{"WebP: scaled", riff(chunkLE("VP8 ", vp8(1<<14|60, 3<<14|40))), format.Info{format.WebP, 60, 40, 1}},
		{"WebP: the largest canvas", riff(vp8x(1<<16+1, 1<<16-1), chunkLE("ANMF", "")), format.Info{format.WebP, 1<<16 + 1, 1<<16 - 1, 1}},
		{"WebP: unknown chunks of odd length", riff(vp8x(60, 40), chunkLE("what", "odd"), chunkLE("VP8 ", vp8(60, 40))), format.Info{format.WebP, 60, 40, 1}},
		{"WebP: EXIF after the picture", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40)), exifChunk(6)), format.Info{format.WebP, 60, 40, 6}},
		{"WebP: EXIF before the picture", riff(vp8x(60, 40), exifChunk(6), chunkLE("VP8 ", vp8(60, 40))), format.Info{format.WebP, 60, 40, 6}},
		{"WebP: EXIF after other metadata", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40)), chunkLE("XMP ", "odd"), exifChunk(6)), format.Info{format.WebP, 60, 40, 6}},
		{"WebP: EXIF without a VP8X", riff(chunkLE("VP8 ", vp8(60, 40)), exifChunk(6)), format.Info{format.WebP, 60, 40, 6}},
		{"WebP: EXIF that begins as in a JPEG", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40)), chunkLE("EXIF", turned[4:])), format.Info{format.WebP, 60, 40, 6}},
		{"WebP: the first EXIF of two", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40)), exifChunk(6), exifChunk(8)), format.Info{format.WebP, 60, 40, 6}},
		{"WebP: the second EXIF of two", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40)), chunkLE("EXIF", ""), exifChunk(8)), format.Info{format.WebP, 60, 40, 1}},
		{"WebP: a broken EXIF", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40)), chunkLE("EXIF", "Exif\x00\x00MM\x00*\xff\xff\xff\xff")), format.Info{format.WebP, 60, 40, 1}},
		{"WebP: EXIF that is cut off", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40)), exifChunk(6)[:20]), format.Info{format.WebP, 60, 40, 1}},
		{"WebP: EXIF after the end", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40))) + exifChunk(6), format.Info{format.WebP, 60, 40, 1}},
		{"WebP: EXIF before the frames", riff(vp8x(60, 40), exifChunk(6), chunkLE("ANMF", "")), format.Info{format.WebP, 60, 40, 6}},
		{"WebP: EXIF after the frames", riff(vp8x(60, 40), chunkLE("ANMF", ""), exifChunk(6)), format.Info{format.WebP, 60, 40, 1}},
	}
}

func jxlQuirks() []quirk {
	return []quirk{
		{"JXL: the smallest", jxl("0 00 000000000 001 1"), format.Info{format.JXL, 1, 1, 1}},
		{"JXL: the largest", jxl("0 11 " + strings.Repeat("1", 30) + " 001 1"), format.Info{format.JXL, 1 << 30, 1 << 30, 1}},
		{"JXL: 13 and 18 bits", jxl("0 01 0001000000000 000 10 000100000000000000 1"), format.Info{format.JXL, 1<<14 + 1, 1<<9 + 1, 1}},
		{"JXL: blocks", jxl("1 00011 000 00100 1"), format.Info{format.JXL, 40, 32, 1}},
		{"JXL: 12:10", jxl("1 11111 010 1"), format.Info{format.JXL, 307, 256, 1}},
		{"JXL: 4:3", jxl("1 00010 011 1"), format.Info{format.JXL, 32, 24, 1}},
		{"JXL: 3:2", jxl("1 00010 100 1"), format.Info{format.JXL, 36, 24, 1}},
		{"JXL: 16:9", jxl("1 00010 101 1"), format.Info{format.JXL, 42, 24, 1}},
		{"JXL: 5:4", jxl("1 00010 110 1"), format.Info{format.JXL, 30, 24, 1}},
		{"JXL: 2:1", jxl("1 00010 111 1"), format.Info{format.JXL, 48, 24, 1}},
		{"JXL: upside down", jxl("1 00010 111 0 1 011 000"), format.Info{format.JXL, 48, 24, 1}},
		{"JXL: turned", jxl("1 00010 111 0 1 100 000"), format.Info{format.JXL, 24, 48, 1}},
		{"JXL: turned the other way", jxl("1 00010 111 0 1 111 000"), format.Info{format.JXL, 24, 48, 1}},
		{"JXL: no extra fields", jxl("1 00010 111 0 0 111"), format.Info{format.JXL, 48, 24, 1}},
		{"JXL: in parts", jxlFile(box("jxll", "\x05"), box("jxlp", be(0, 4), jxl("")[:2]), box("Exif", "x"), box("jxlp", be(1<<31|1, 4), jxl("1 00010 111 1")[2:])), format.Info{format.JXL, 48, 24, 1}},
		{"JXL: in a box to the end of the file", jxlFile(toTheEnd("jxlc", jxl("1 00010 111 1"))), format.Info{format.JXL, 48, 24, 1}},
		{"JXL: a box that is cut off", jxlFile(box("jxlc", jxl("1 00010 111 1"), strings.Repeat("x", 100)))[:100], format.Info{format.JXL, 48, 24, 1}},
		{"JXL: Exif that asks to turn it", jxlFile(box("Exif", be(0, 4), tiff(binary.BigEndian, field{274, 3, 6})), box("jxlc", jxl("1 00010 111 1"))), format.Info{format.JXL, 48, 24, 1}},
	}
}

func heifQuirks() []quirk {
	return []quirk{
		{"AVIF: boxes with 64-bit sizes", ftyp("avif") + box64("meta", "\x00\x00\x00\x00", primary(1), box("iprp", box("ipco", ispe(60, 40)), ipma(1, 1))), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: a meta box to the end of the file", ftyp("avif") + toTheEnd("meta", "\x00\x00\x00\x00", primary(1), box("iprp", box("ipco", ispe(60, 40)), ipma(1, 1))), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: the picture before its description", ftyp("avif") + box("mdat", strings.Repeat("x", 20000)) + heif(box("ipco", ispe(60, 40)), ipma(1, 1)), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: bytes after the end", ftyp("avif") + heif(box("ipco", ispe(60, 40)), ipma(1, 1)) + "SEFT", format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: wide numbers", ftyp("avif") + box("meta", "\x00\x00\x00\x00", box("pitm", "\x01\x00\x00\x00", be(70000, 4)), box("iprp", box("ipco", irot(1), ispe(60, 40)),
			box("ipma", "\x01\x00\x00\x01", be(2, 4), be(7, 4), "\x01", be(1, 2), be(70000, 4), "\x01", be(1<<15|2, 2)))), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: a still by its brand that has only a sequence", ftyp("avif", "avis") + box("moov", track(60, 40)), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: properties of other items", ftyp("avif") + heif(box("ipco", ispe(9, 9), ispe(60, 40), irot(1)), ipma(7, 1, 3), ipma(1, 2)), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: the brand among the compatible ones", ftyp("mif1", "miaf", "avif") + heif(box("ipco", ispe(60, 40)), ipma(1, 1)), format.Info{format.AVIF, 60, 40, 1}},
		{"HEIC: the brand among the compatible ones", ftyp("mif1", "heix") + heif(box("ipco", ispe(60, 40)), ipma(1, 1)), format.Info{format.HEIC, 60, 40, 1}},
		{"AVIF: a half turn", ftyp("avif") + heif(box("ipco", ispe(60, 40), irot(2)), ipma(1, 1, 2)), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: cropped, then turned", ftyp("avif") + heif(box("ipco", irot(3), clap(50, 20), ispe(60, 40)), ipma(1, 1, 2, 3)), format.Info{format.AVIF, 20, 50, 1}},
		{"AVIF: a crop larger than the picture", ftyp("avif") + heif(box("ipco", ispe(60, 40), clap(61, 20)), ipma(1, 1, 2)), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: a crop higher than the picture", ftyp("avif") + heif(box("ipco", ispe(60, 40), clap(20, 41)), ipma(1, 1, 2)), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: a crop of nothing", ftyp("avif") + heif(box("ipco", ispe(60, 40), clap(60, 0)), ipma(1, 1, 2)), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: a crop of nothing again", ftyp("avif") + heif(box("ipco", ispe(60, 40), clap(0, 40)), ipma(1, 1, 2)), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: a crop of little", ftyp("avif") + heif(box("ipco", ispe(60, 40), clap(1, 1)), ipma(1, 1, 2)), format.Info{format.AVIF, 1, 1, 1}},
		{"AVIF: a crop of one side", ftyp("avif") + heif(box("ipco", ispe(60, 40), clap(60, 20)), ipma(1, 1, 2)), format.Info{format.AVIF, 60, 20, 1}},
		{"AVIF: a crop of the other", ftyp("avif") + heif(box("ipco", ispe(60, 40), clap(20, 40)), ipma(1, 1, 2)), format.Info{format.AVIF, 20, 40, 1}},
		{"AVIF: a crop divided by 0", ftyp("avif") + heif(box("ipco", ispe(60, 40), box("clap", be(9, 4), be(0, 4), be(9, 4), be(1, 4))), ipma(1, 1, 2)), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: a crop divided by 0 again", ftyp("avif") + heif(box("ipco", ispe(60, 40), box("clap", be(9, 4), be(1, 4), be(9, 4), be(0, 4))), ipma(1, 1, 2)), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: a sequence after a sound track", ftyp("avis") + box("moov", track(0, 0), track(60, 40)), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: a sequence that is turned", ftyp("avis") + box("moov", track(60, 40, irot(1))), format.Info{format.AVIF, 40, 60, 1}},
		{"AVIF: a still that has a sequence, too", ftyp("avif", "avis") + heif(box("ipco", ispe(60, 40)), ipma(1, 1)) + box("moov", track(9, 9)), format.Info{format.AVIF, 60, 40, 1}},
		{"HEIC: a sequence that has a still, too", ftyp("hevc") + heif(box("ipco", ispe(9, 9)), ipma(1, 1)) + box("moov", track(60, 40)), format.Info{format.HEIC, 60, 40, 1}},
	}
}

func bmpQuirks() []quirk {
	return []quirk{
		{"BMP: no planes", strings.Replace(bmp(dib(60, 40)), "\x01\x00\x20\x00", "\x00\x00\x20\x00", 1), format.Info{format.BMP, 60, 40, 1}},
		{"BMP: two planes", strings.Replace(bmp(dib(60, 40)), "\x01\x00\x20\x00", "\x02\x00\x20\x00", 1), format.Info{format.BMP, 60, 40, 1}},
		{"BMP: the shortest OS/2 2.x header", bmp(le(16, 4) + le(60, 4) + le(40, 4) + le(1, 2) + le(24, 2)), format.Info{format.BMP, 60, 40, 1}},
	}
}

func icoQuirks() []quirk {
	return []quirk{
		{"ICO: the largest by area", ico(icon{20, 20, dib(20, 40)}, icon{60, 4, dib(60, 8)}, icon{10, 10, dib(10, 20)}), format.Info{format.ICO, 20, 20, 1}},
		{"ICO: the first of equals", ico(icon{20, 10, dib(20, 20)}, icon{10, 20, dib(10, 40)}), format.Info{format.ICO, 20, 10, 1}},
		{"ICO: a PNG among bitmaps", ico(icon{20, 20, dib(20, 40)}, icon{0, 0, png(256, 256, chunk("IDAT", ""))}), format.Info{format.ICO, 256, 256, 1}},
	}
}

func tiffQuirks() []quirk {
	return []quirk{
		{"TIFF: the directory at the end", "II*\x00" + le(20000, 4) + strings.Repeat("x", 20000-8) + directory(binary.LittleEndian, page(60, 40)...), format.Info{format.TIFF, 60, 40, 1}},
		{"TIFF: a directory that follows itself", tiff(binary.BigEndian, page(60, 40)...), format.Info{format.TIFF, 60, 40, 1}},
		{"TIFF: a preview without raw data", tiff(binary.BigEndian, append(page(60, 40), field{254, 4, 1})...), format.Info{format.TIFF, 60, 40, 1}},
		{"TIFF: tiles", tiff(binary.BigEndian, field{256, 3, 60}, field{257, 1, 40 << 24}, field{324, 4, 8}), format.Info{format.TIFF, 60, 40, 1}},
		{"TIFF: JPEG in the old way", tiff(binary.BigEndian, field{256, 3, 60}, field{257, 3, 40}, field{513, 4, 8}), format.Info{format.TIFF, 60, 40, 1}},
		{"BigTIFF: big-endian, in wide numbers", "MM\x00+\x00\x08\x00\x00" + be(16, 8) + be(3, 8) +
			be(256, 2) + be(16, 2) + be(1, 8) + be(60, 8) + be(257, 2) + be(3, 2) + be(1, 8) + be(40, 2) + be(0, 6) + be(273, 2) + be(4, 2) + be(1, 8) + be(8, 8), format.Info{format.TIFF, 60, 40, 1}},
	}
}

func svgQuirks() []quirk {
	return []quirk{
		{"SVG: the smallest viewBox", svg(`viewBox="0 0 1 1"`), format.Info{format.SVG, 1, 1, 1}},
		{"SVG: a viewBox of three numbers", svg(`viewBox="0 0 120"`), format.Info{format.SVG, 0, 0, 1}},
		{"SVG: a viewBox without height", svg(`viewBox="0 0 120 0"`), format.Info{format.SVG, 0, 0, 1}},
		{"SVG: half a pixel wide", svg(`width=".5" viewBox="0 0 1 2"`), format.Info{format.SVG, 1, 1, 1}},
		{"SVG: half a pixel high", svg(`height=".5" viewBox="0 0 4 1"`), format.Info{format.SVG, 2, 1, 1}},
		{"SVG: only a width", svg(`width="60" viewBox="0 0 120 80"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: only a height", svg(`height="40" width="auto" viewBox="-10 -10 120 80"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: a width without shape", svg(`width="60"`), format.Info{format.SVG, 0, 0, 1}},
		{"SVG: an empty viewBox", svg(`width="60" viewBox="0 0 0 5"`), format.Info{format.SVG, 0, 0, 1}},
		{"SVG: less than a pixel", svg(`width=".2" height="40.5"`), format.Info{format.SVG, 1, 41, 1}},
		{"SVG: attributes of other namespaces", svg(`xmlns:x="urn:x" x:width="9" width="60" height="40" x:height="9"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: a byte order mark and space", "\ufeff\r\n" + svg(`width="60" height="40"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: a comment full of HTML", "<!-- <html> -->" + svg(`width="60" height="40"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: a DOCTYPE with a subset", "<!DOCTYPE svg [<!ATTLIST svg a CDATA #FIXED '>'>]>" + svg(`width="60" height="40"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: UTF-16, little-endian", utf16(binary.LittleEndian, svg(`width="60" height="40"`)), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: UTF-16, big-endian", utf16(binary.BigEndian, svg(`width="60" height="40"`)), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: UTF-16 that says UTF-8", utf16(binary.LittleEndian, `<?xml version="1.0" encoding="UTF-8"?>`+svg(`width="60" height="40"`)), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: UTF-16 after a long comment", utf16(binary.BigEndian, "<!--"+strings.Repeat("ĳ", 40000)+"-->"+svg(`width="60" height="40"`)), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: UTF-16 with one more byte", utf16(binary.LittleEndian, svg(`width="60" height="40"`)) + "x", format.Info{format.SVG, 60, 40, 1}},
		{"SVG: UTF-8 that says UTF-16", `<?xml version="1.0" encoding="UTF-16"?>` + svg(`width="60" height="40"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: a comment of 1 MB", "<!--" + strings.Repeat("x", 1_000_000) + "-->" + svg(`width="60" height="40"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: a long instruction", "<?xpacket " + strings.Repeat("x", 40000) + "?>" + svg(`width="60" height="40"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: a long DOCTYPE", "<!DOCTYPE svg [<!-- " + strings.Repeat("'>", 40000) + " -->]>" + svg(`width="60" height="40"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: many comments", strings.Repeat("<!-- x -->\n", 40000) + svg(`width="60" height="40"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: many spaces", strings.Repeat(" ", 40000) + svg(`width="60" height="40"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: a tag at the end of what is sniffed", strings.Repeat(" ", 4093) + svg(`width="60" height="40"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: a DOCTYPE at the end of what is sniffed", strings.Repeat(" ", 4092) + "<!DOCTYPE svg>" + svg(`width="60" height="40"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: a tag at the end of what is read first", strings.Repeat(" ", 32<<10-20) + svg(`width="60" height="40"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: the entities of Illustrator", illustrator(`"http://www.w3.org/2000/svg"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: an entity in single quotes", illustrator(`'http://www.w3.org/2000/svg'`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: an entity in a comment", "<!DOCTYPE svg [<!-- <!ENTITY x SYSTEM 'y'> -->]>" + svg(`width="60" height="40"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: a DOCTYPE with > in a name", `<!DOCTYPE svg SYSTEM "a>b" [<!ATTLIST svg a CDATA #FIXED "]>">]>` + svg(`width="60" height="40"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: a prefix in other letters", `<é:svg xmlns:é="http://www.w3.org/2000/svg" width="60" height="40"/>`, format.Info{format.SVG, 60, 40, 1}},
		{"SVG: a long attribute", svg(`width="60" height='40' d="` + strings.Repeat("'>", 60000) + `"`), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: a size after it", svg(`d="` + strings.Repeat("'>", 60000) + `" width="60" height="40"`), format.Info{format.SVG, 0, 0, 1}},
		{"SVG: a long picture", strings.TrimSuffix(svg(`width="60" height="40"`), "</svg>") + strings.Repeat("<g/>", 60000), format.Info{format.SVG, 60, 40, 1}},
	}
}

func TestSVGLengths(t *testing.T) {
	for length, want := range map[string]int{
		"60": 60, "60px": 60, " 60PX ": 60, "+6e1": 60, ".6e2px": 60, "1in": 96, "2.54cm": 96, "25.4mm": 96, "101.6Q": 96,
		"72pt": 96, "6pc": 96, "6em": 96, "6rem": 96, "12ex": 96, "12ch": 96,
		// For these the size is that of the viewBox.
		"": 7, "100%": 7, "auto": 7, "0": 7, "-60": 7, "60 px": 7, "60.": 7, "1_0": 7, "0x10": 7, "inf": 7, "NaN": 7, "1e999": 7,
		"10vw": 7, "calc(60px)": 7,
	} {
		content := svg(fmt.Sprintf(`width="%s" height="%s" viewBox="0 0 7 7"`, length, length))
		if got, err := detect([]byte(content)); got.Width != want || got.Height != want || err != nil {
			t.Errorf("%q: got %v, %v, want %d pixels", length, got, err, want)
		}
	}
}

func TestBitmaps(t *testing.T) {
	header := func(size, bits, packing int64) string {
		b := le(size, 4) + le(60, 4) + le(40, 4) + le(1, 2) + le(bits, 2) + le(packing, 4)
		return bmp(b + strings.Repeat("\x00", max(0, int(size)-len(b))))
	}
	for size, want := range map[int64]error{
		16: nil, 20: nil, 40: nil, 52: nil, 56: nil, 64: nil, 108: nil, 124: nil,
		0: format.ErrUnknown, 8: format.ErrUnknown, 15: format.ErrUnknown, 65: format.ErrUnknown, 128: format.ErrUnknown,
	} {
		if got, err := detect([]byte(header(size, 8, 0))); !errors.Is(err, want) {
			t.Errorf("a header of %d bytes: got %v, %v, want %v", size, got, err, want)
		}
	}
	known := map[[2]int64]bool{
		{0, 1}: true, {0, 2}: true, {0, 4}: true, {0, 8}: true, {0, 16}: true, {0, 24}: true, {0, 32}: true,
		{1, 8}: true, {2, 4}: true, {3, 16}: true, {3, 32}: true, {4, 24}: true, {6, 16}: true, {6, 32}: true,
	}
	for packing := range int64(10) {
		for bits := range int64(40) {
			var want error
			if !known[[2]int64{packing, bits}] {
				want = format.ErrMalformed
			}
			if got, err := detect([]byte(header(20, bits, packing))); !errors.Is(err, want) {
				t.Errorf("%d bits in compression %d: got %v, %v, want %v", bits, packing, got, err, want)
			}
		}
	}
}

func TestIconEntries(t *testing.T) {
	entry := func(reserved byte, planes, bits, size, offset int64) string {
		return "\x00\x00\x01\x00\x01\x00" + "\x3c\x28\x00" + string([]byte{reserved}) + le(planes, 2) + le(bits, 2) + le(size, 4) + le(offset, 4)
	}
	for _, c := range []struct {
		head string
		want format.Type
	}{
		{entry(0, 1, 32, 40, 22), format.ICO},
		{entry(0, 0, 0, 40, 22), format.ICO},
		{entry(0, 1, 1, 40, 22), format.ICO},
		{entry(0, 1, 2, 40, 22), format.ICO},
		{entry(0, 1, 4, 40, 22), format.ICO},
		{entry(0, 1, 8, 40, 22), format.ICO},
		{entry(0, 1, 16, 40, 22), format.ICO},
		{entry(0, 1, 24, 1<<24, 22), format.ICO},
		{entry(255, 1, 32, 1, 1<<24), format.ICO},
		{entry(1, 1, 32, 40, 22), ""},
		{entry(0, 2, 32, 40, 22), ""},
		{entry(0, 1, 3, 40, 22), ""},
		{entry(0, 1, 32, 0, 22), ""},
		{entry(0, 1, 32, 40, 21), ""},
		{strings.Replace(entry(0, 1, 32, 40, 22), "\x01\x00\x01\x00", "\x01\x00\x00\x00", 1), ""},
	} {
		if got, err := format.Sniff([]byte(c.head)); got != c.want {
			t.Errorf("Sniff(%q) = %q, %v, want %q", c.head, got, err, c.want)
		}
	}
}
