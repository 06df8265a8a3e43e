package format_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	stdutf16 "unicode/utf16"

	"imageserver/api/imaging/format"
)

// The quirks that no sample has. What browsers make of them was seen in
// Chromium 156.
func TestQuirks(t *testing.T) {
	turned, upright := exif(field{274, 3, 6}), exif(field{274, 3, 1})
	lies := func(orientation int64) string { // of a WebP
		return chunkLE("EXIF", tiff(binary.LittleEndian, field{274, 3, orientation}))
	}
	for _, c := range []struct {
		name    string
		content string
		want    format.Info
	}{
		{"JPEG: the Exif behind the frame", jpeg(sof(60, 40), turned, sos), format.Info{format.JPEG, 40, 60, 6}},
		{"JPEG: the first Exif of two", jpeg(turned, upright, sof(60, 40), sos), format.Info{format.JPEG, 40, 60, 6}},
		{"JPEG: an orientation among others", jpeg(exif(field{256, 4, 1}, field{274, 3, 6}, field{282, 4, 1}), sof(60, 40), sos), format.Info{format.JPEG, 40, 60, 6}},
		{"JPEG: the second Exif of two", jpeg(upright, turned, sof(60, 40), sos), format.Info{format.JPEG, 60, 40, 1}},
		{"JPEG: an orientation that is no SHORT", jpeg(exif(field{274, 4, 6}), sof(60, 40), sos), format.Info{format.JPEG, 60, 40, 1}},
		{"JPEG: an orientation there is not", jpeg(exif(field{274, 3, 9}), sof(60, 40), sos), format.Info{format.JPEG, 60, 40, 1}},
		{"JPEG: an orientation of 0", jpeg(exif(field{274, 3, 0}), sof(60, 40), sos), format.Info{format.JPEG, 60, 40, 1}},
		{"JPEG: a broken Exif", jpeg(segment(0xe1, "Exif\x00\x00MM\x00*\xff\xff\xff\xff"), sof(60, 40), sos), format.Info{format.JPEG, 60, 40, 1}},
		{"JPEG: another APP1", jpeg(segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00"), turned, sof(60, 40), sos), format.Info{format.JPEG, 40, 60, 6}},
		{"JPEG: another APP1 alone", jpeg(segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00"), sof(60, 40), sos), format.Info{format.JPEG, 60, 40, 1}},
		{"JPEG: another APP1 that begins like Exif", jpeg(segment(0xe1, "Exif:"+upright[9:]), turned, sof(60, 40), sos), format.Info{format.JPEG, 40, 60, 6}},
		{"JPEG: an Exif whose name does not end in 0", jpeg(segment(0xe1, "Exif\x00:"+turned[10:]), sof(60, 40), sos), format.Info{format.JPEG, 40, 60, 6}},
		{"JPEG: the last kind of frame", jpeg(segment(0xfe, ""), "\xff\xd0", strings.Replace(sof(60, 40), "\xc2", "\xcf", 1), sos), format.Info{format.JPEG, 60, 40, 1}},
		{"JPEG: fill bytes, stray bytes, markers without length", jpeg("\xff\xff", upright, "stray\xff\x00", "\xff\x01\xff\xd7", sof(60, 40), sos), format.Info{format.JPEG, 60, 40, 1}},
		{"JPEG: 1 MB of metadata", jpeg(strings.Repeat(segment(0xe2, strings.Repeat("x", 65533)), 16), sof(60, 40), sos), format.Info{format.JPEG, 60, 40, 1}},

		{"PNG: eXIf before the picture", png(60, 40, chunk("eXIf", tiff(binary.BigEndian, field{274, 3, 8})), chunk("IDAT", "")), format.Info{format.PNG, 40, 60, 8}},
		{"PNG: eXIf behind the picture", png(60, 40, chunk("IDAT", ""), chunk("eXIf", tiff(binary.BigEndian, field{274, 3, 8}))), format.Info{format.PNG, 60, 40, 1}},
		{"PNG: the second eXIf of two", png(60, 40, chunk("eXIf", ""), chunk("eXIf", tiff(binary.BigEndian, field{274, 3, 8})), chunk("IDAT", "")), format.Info{format.PNG, 60, 40, 1}},
		{"PNG: cut off inside the picture", png(60, 40, chunk("IDAT", "picture"))[:8+25+8+1], format.Info{format.PNG, 60, 40, 1}},
		{"PNG: eXIf, and cut off inside the picture", png(60, 40, chunk("eXIf", tiff(binary.BigEndian, field{274, 3, 8})), "\x7f\xff\xff\xffIDATx"), format.Info{format.PNG, 40, 60, 8}},
		{"PNG: the largest", png(1<<31-1, 1<<31-1, chunk("IDAT", "")), format.Info{format.PNG, 1<<31 - 1, 1<<31 - 1, 1}},

		{"GIF: a screen of no width", gif(0, 5, 0, 0, 7, 5), format.Info{format.GIF, 7, 5, 1}},
		{"GIF: a picture larger than the screen", gif(4, 4, 0, 0, 7, 5), format.Info{format.GIF, 7, 5, 1}},
		{"GIF: a picture beside the screen", gif(4, 9, 2, 1, 7, 5), format.Info{format.GIF, 9, 9, 1}},
		{"GIF: a picture smaller than the screen", gif(20, 10, 3, 3, 7, 5), format.Info{format.GIF, 20, 10, 1}},
		{"GIF: no global colours", "GIF89a\x05\x00\x05\x00\x77\x00\x00,\x00\x00\x00\x00\x05\x00\x05\x00\x00", format.Info{format.GIF, 5, 5, 1}},

		{"WebP: bytes behind the end", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40))) + "more", format.Info{format.WebP, 60, 40, 1}},
		{"WebP: scaled", riff(chunkLE("VP8 ", vp8(1<<14|60, 3<<14|40))), format.Info{format.WebP, 60, 40, 1}},
		{"WebP: the largest canvas", riff(vp8x(1<<16+1, 1<<16-1), chunkLE("ANMF", "")), format.Info{format.WebP, 1<<16 + 1, 1<<16 - 1, 1}},
		{"WebP: unknown chunks of odd length", riff(vp8x(60, 40), chunkLE("what", "odd"), chunkLE("VP8 ", vp8(60, 40))), format.Info{format.WebP, 60, 40, 1}},
		{"WebP: EXIF behind the picture", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40)), lies(6)), format.Info{format.WebP, 60, 40, 6}},
		{"WebP: EXIF before the picture", riff(vp8x(60, 40), lies(6), chunkLE("VP8 ", vp8(60, 40))), format.Info{format.WebP, 60, 40, 6}},
		{"WebP: EXIF behind other metadata", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40)), chunkLE("XMP ", "odd"), lies(6)), format.Info{format.WebP, 60, 40, 6}},
		{"WebP: EXIF without a VP8X", riff(chunkLE("VP8 ", vp8(60, 40)), lies(6)), format.Info{format.WebP, 60, 40, 6}},
		{"WebP: EXIF that begins as in a JPEG", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40)), chunkLE("EXIF", turned[4:])), format.Info{format.WebP, 60, 40, 6}},
		{"WebP: the first EXIF of two", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40)), lies(6), lies(8)), format.Info{format.WebP, 60, 40, 6}},
		{"WebP: the second EXIF of two", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40)), chunkLE("EXIF", ""), lies(8)), format.Info{format.WebP, 60, 40, 1}},
		{"WebP: a broken EXIF", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40)), chunkLE("EXIF", "Exif\x00\x00MM\x00*\xff\xff\xff\xff")), format.Info{format.WebP, 60, 40, 1}},
		{"WebP: EXIF that is cut off", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40)), lies(6)[:20]), format.Info{format.WebP, 60, 40, 1}},
		{"WebP: EXIF behind the end", riff(vp8x(60, 40), chunkLE("VP8 ", vp8(60, 40))) + lies(6), format.Info{format.WebP, 60, 40, 1}},
		{"WebP: EXIF before the frames", riff(vp8x(60, 40), lies(6), chunkLE("ANMF", "")), format.Info{format.WebP, 60, 40, 6}},
		{"WebP: EXIF behind the frames", riff(vp8x(60, 40), chunkLE("ANMF", ""), lies(6)), format.Info{format.WebP, 60, 40, 1}},

		{"JXL: the least", jxl("0 00 000000000 001 1"), format.Info{format.JXL, 1, 1, 1}},
		{"JXL: the most", jxl("0 11 " + strings.Repeat("1", 30) + " 001 1"), format.Info{format.JXL, 1 << 30, 1 << 30, 1}},
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
		{"AVIF: boxes with 64-bit sizes", ftyp("avif") + box64("meta", "\x00\x00\x00\x00", primary(1), box("iprp", box("ipco", ispe(60, 40)), ipma(1, 1))), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: a meta box to the end of the file", ftyp("avif") + toTheEnd("meta", "\x00\x00\x00\x00", primary(1), box("iprp", box("ipco", ispe(60, 40)), ipma(1, 1))), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: the picture before its description", ftyp("avif") + box("mdat", strings.Repeat("x", 20000)) + heif(box("ipco", ispe(60, 40)), ipma(1, 1)), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: bytes behind the end", ftyp("avif") + heif(box("ipco", ispe(60, 40)), ipma(1, 1)) + "SEFT", format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: wide numbers", ftyp("avif") + box("meta", "\x00\x00\x00\x00", box("pitm", "\x01\x00\x00\x00", be(70000, 4)), box("iprp", box("ipco", irot(1), ispe(60, 40)),
			box("ipma", "\x01\x00\x00\x01", be(2, 4), be(7, 4), "\x01", be(1, 2), be(70000, 4), "\x01", be(1<<15|2, 2)))), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: a still by its brand, with a sequence alone", ftyp("avif", "avis") + box("moov", track(60, 40)), format.Info{format.AVIF, 60, 40, 1}},
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
		{"AVIF: a sequence behind a sound", ftyp("avis") + box("moov", track(0, 0), track(60, 40)), format.Info{format.AVIF, 60, 40, 1}},
		{"AVIF: a sequence that is turned", ftyp("avis") + box("moov", track(60, 40, irot(1))), format.Info{format.AVIF, 40, 60, 1}},
		{"AVIF: a still that has a sequence, too", ftyp("avif", "avis") + heif(box("ipco", ispe(60, 40)), ipma(1, 1)) + box("moov", track(9, 9)), format.Info{format.AVIF, 60, 40, 1}},
		{"HEIC: a sequence that has a still, too", ftyp("hevc") + heif(box("ipco", ispe(9, 9)), ipma(1, 1)) + box("moov", track(60, 40)), format.Info{format.HEIC, 60, 40, 1}},

		{"BMP: no planes", strings.Replace(bmp(dib(60, 40)), "\x01\x00\x20\x00", "\x00\x00\x20\x00", 1), format.Info{format.BMP, 60, 40, 1}},
		{"BMP: two planes", strings.Replace(bmp(dib(60, 40)), "\x01\x00\x20\x00", "\x02\x00\x20\x00", 1), format.Info{format.BMP, 60, 40, 1}},
		{"BMP: the shortest OS/2 2.x header", bmp(le(16, 4) + le(60, 4) + le(40, 4) + le(1, 2) + le(24, 2)), format.Info{format.BMP, 60, 40, 1}},
		{"ICO: the largest by area", ico(icon{20, 20, dib(20, 40)}, icon{60, 4, dib(60, 8)}, icon{10, 10, dib(10, 20)}), format.Info{format.ICO, 20, 20, 1}},
		{"ICO: the first of equals", ico(icon{20, 10, dib(20, 20)}, icon{10, 20, dib(10, 40)}), format.Info{format.ICO, 20, 10, 1}},
		{"ICO: a PNG among bitmaps", ico(icon{20, 20, dib(20, 40)}, icon{0, 0, png(256, 256, chunk("IDAT", ""))}), format.Info{format.ICO, 256, 256, 1}},

		{"TIFF: the directory at the end", "II*\x00" + le(20000, 4) + strings.Repeat("x", 20000-8) + directory(binary.LittleEndian, page(60, 40)...), format.Info{format.TIFF, 60, 40, 1}},
		{"TIFF: a directory that follows itself", tiff(binary.BigEndian, page(60, 40)...), format.Info{format.TIFF, 60, 40, 1}},
		{"TIFF: a preview without raw data", tiff(binary.BigEndian, append(page(60, 40), field{254, 4, 1})...), format.Info{format.TIFF, 60, 40, 1}},
		{"TIFF: tiles", tiff(binary.BigEndian, field{256, 3, 60}, field{257, 1, 40 << 24}, field{324, 4, 8}), format.Info{format.TIFF, 60, 40, 1}},
		{"TIFF: JPEG in the old way", tiff(binary.BigEndian, field{256, 3, 60}, field{257, 3, 40}, field{513, 4, 8}), format.Info{format.TIFF, 60, 40, 1}},
		{"BigTIFF: big-endian, in wide numbers", "MM\x00+\x00\x08\x00\x00" + be(16, 8) + be(3, 8) +
			be(256, 2) + be(16, 2) + be(1, 8) + be(60, 8) + be(257, 2) + be(3, 2) + be(1, 8) + be(40, 2) + be(0, 6) + be(273, 2) + be(4, 2) + be(1, 8) + be(8, 8), format.Info{format.TIFF, 60, 40, 1}},

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
		{"SVG: UTF-16 behind a long comment", utf16(binary.BigEndian, "<!--"+strings.Repeat("ĳ", 40000)+"-->"+svg(`width="60" height="40"`)), format.Info{format.SVG, 60, 40, 1}},
		{"SVG: UTF-16 and a byte more", utf16(binary.LittleEndian, svg(`width="60" height="40"`)) + "x", format.Info{format.SVG, 60, 40, 1}},
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
		{"SVG: a size behind it", svg(`d="` + strings.Repeat("'>", 60000) + `" width="60" height="40"`), format.Info{format.SVG, 0, 0, 1}},
		{"SVG: a long picture", strings.TrimSuffix(svg(`width="60" height="40"`), "</svg>") + strings.Repeat("<g/>", 60000), format.Info{format.SVG, 60, 40, 1}},
	} {
		if got, err := detect([]byte(c.content)); got != c.want || err != nil {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
	}
}

func TestSVGLengths(t *testing.T) {
	for length, want := range map[string]int{
		"60": 60, "60px": 60, " 60PX ": 60, "+6e1": 60, ".6e2px": 60, "1in": 96, "2.54cm": 96, "25.4mm": 96, "101.6Q": 96,
		"72pt": 96, "6pc": 96, "6em": 96, "6rem": 96, "12ex": 96, "12ch": 96,
		// These fall back on the viewBox.
		"": 7, "100%": 7, "auto": 7, "0": 7, "-60": 7, "60 px": 7, "60.": 7, "1_0": 7, "0x10": 7, "inf": 7, "NaN": 7, "1e999": 7,
		"10vw": 7, "calc(60px)": 7,
	} {
		content := svg(fmt.Sprintf(`width="%s" height="%s" viewBox="0 0 7 7"`, length, length))
		if got, err := detect([]byte(content)); got.Width != want || got.Height != want || err != nil {
			t.Errorf("%q: %v, %v, want %d pixels", length, got, err, want)
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
			t.Errorf("a header of %d bytes: %v, %v, want %v", size, got, err, want)
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
				t.Errorf("%d bits in packing %d: %v, %v, want %v", bits, packing, got, err, want)
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

func TestRefused(t *testing.T) {
	const sane = "\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00"
	for _, c := range []struct {
		name    string
		content string
		want    error
		why     string // what the error must say
	}{
		{"empty", "", format.ErrUnknown, ""},
		{"one byte", "\xff", format.ErrUnknown, ""},
		{"zeros", strings.Repeat("\x00", 100), format.ErrUnknown, ""},
		{"text", "Hello, world! This is no image at all.", format.ErrUnknown, ""},
		{"HTML", "<!DOCTYPE html><html><body><svg xmlns='http://www.w3.org/2000/svg'/></body></html>", format.ErrUnknown, ""},
		{"HTML that begins with an SVG", "<!DOCTYPE html><svg xmlns='http://www.w3.org/2000/svg'/>", format.ErrUnknown, ""},
		{"HTML behind a comment", "<!-- svg --><html><!-- --><svg xmlns='http://www.w3.org/2000/svg'/>", format.ErrUnknown, ""},
		{"a script that says WEBP", "<script>WEBP>alert(1)</script>", format.ErrUnknown, ""},
		{"a RIFF that is no WebP", "RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00", format.ErrUnknown, ""},
		{"a RIFF of WEBP without a picture first", "RIFF\x24\x00\x00\x00WEBPEXIF\x10\x00\x00\x00", format.ErrUnknown, ""},
		{"HTML that begins BM", "BM<html><script>alert(1)</script></html>", format.ErrUnknown, ""},
		{"no more than BM", "BM", format.ErrUnknown, ""},
		{"no more than an ICO's first bytes", "\x00\x00\x01\x00\x01\x00", format.ErrUnknown, ""},
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
		{"SVG by half its name", "<svgx xmlns='http://www.w3.org/2000/svg'/>", format.ErrUnknown, ""},
		{"HTML behind a long comment", "<!--" + strings.Repeat("x", 4096) + "--><html>" + svg(""), format.ErrUnknown, ""},
		{"HTML behind a long DOCTYPE", "<!DOCTYPE html [" + strings.Repeat(" ", 4096) + "]><svg xmlns='http://www.w3.org/2000/svg'/>", format.ErrUnknown, ""},
		{"text behind a long comment", "<!--" + strings.Repeat("x", 4096) + "-->text", format.ErrUnknown, ""},
		{"a comment without end", "<!--" + strings.Repeat("x", 4096), format.ErrUnknown, ""},
		{"spaces", strings.Repeat(" ", 5000), format.ErrUnknown, ""},
		{"SVG behind more than 1 MiB", "<!--" + strings.Repeat("x", 1<<20+32<<10) + "-->" + svg(""), format.ErrUnknown, "must be in the first 1 MiB"},

		{"CR2", "II*\x00\x10\x00\x00\x00CR\x02\x00" + strings.Repeat("\x00", 100), format.ErrUnknown, "a raw photo"},
		{"DNG", tiff(binary.LittleEndian, append(page(60, 40), field{50706, 4, 1})...), format.ErrUnknown, "a raw photo"},
		{"TIFF/EP", tiff(binary.LittleEndian, append(page(60, 40), field{37398, 4, 1})...), format.ErrUnknown, "a raw photo"},
		{"NEF", tiff(binary.BigEndian, append(page(60, 40), field{254, 4, 1}, field{330, 4, 1000})...), format.ErrUnknown, "a raw photo"},
		{"PEF", tiff(binary.BigEndian, append(page(60, 40), field{262, 3, 32803})...), format.ErrUnknown, "a raw photo"},
		{"linear raw", tiff(binary.BigEndian, append(page(60, 40), field{262, 3, 34892})...), format.ErrUnknown, "a raw photo"},

		{"JPEG: no more than a beginning", "\xff\xd8\xff", format.ErrMalformed, "cut off"},
		{"JPEG: no frame", jpeg(segment(0xe0, "JFIF\x00"), sos), format.ErrMalformed, "no picture"},
		{"JPEG: an end at once", jpeg(segment(0xe0, "JFIF\x00"), "\xff\xd9"), format.ErrMalformed, "no picture"},
		{"JPEG: no scan", jpeg(sof(60, 40), "\xff\xd9"), format.ErrMalformed, "no picture"},
		{"JPEG: two frames", jpeg(sof(60, 40), sof(9, 9), sos), format.ErrMalformed, "begins anew"},
		{"JPEG: in a JPEG", jpeg(segment(0xe0, "JFIF\x00"), jpeg(sof(60, 40), sos)), format.ErrMalformed, "begins anew"},
		{"JPEG: the three markers that are no frame", jpeg(segment(0xc4, sof(9, 9)[4:]), segment(0xc8, sof(9, 9)[4:]), segment(0xcc, sof(9, 9)[4:]), sos), format.ErrMalformed, "no picture"},
		{"JPEG: no height", jpeg(sof(60, 0), sos), format.ErrMalformed, "60 × 0 pixels"},
		{"JPEG: a segment of 1 byte", "\xff\xd8\xff\xe0\x00\x01", format.ErrMalformed, "a segment of 1 bytes"},
		{"JPEG: a frame too long for its components", jpeg(segment(0xc0, "\x08\x00\x28\x00\x3c\x01\x01\x11\x00more"), sos), format.ErrMalformed, "13 bytes for 1 components"},
		{"JPEG: a frame without components", jpeg(segment(0xc0, "\x08\x00\x28\x00\x3c\x00"), sos), format.ErrMalformed, "for 0 components"},

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

		{"GIF: no picture", "GIF89a\x05\x00\x05\x00\x00\x00\x00;", format.ErrMalformed, "no picture"},
		{"GIF: a script", "GIF89a=1;alert(1)//" + strings.Repeat(" ", 100), format.ErrMalformed, "no picture"},
		{"GIF: no size at all", gif(0, 0, 0, 0, 0, 5), format.ErrMalformed, "0 × 5 pixels"},

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
		{"WebP: a lossless version to come", riff(chunkLE("VP8L", "\x2f\x00\x00\x00\x20")), format.ErrMalformed, "lossless"},

		{"JXL: a header that is cut off", jxl("0 00 000000011 000 00 00000")[:4], format.ErrMalformed, "cut off"},
		{"JXL: a container without a codestream", jxlFile(box("jxll", "\x05")), format.ErrMalformed, "no codestream"},
		{"JXL: a container of something else", jxlFile(box("jxlc", "\xff\xd8\xff")), format.ErrMalformed, "no codestream"},
		{"JXL: an empty codestream", jxlFile(box("jxlc")), format.ErrMalformed, "no codestream"},
		{"JXL: a part without a number", jxlFile(box("jxlp", "abc")), format.ErrMalformed, "cut off"},
		{"JXL: a part with a number alone", jxlFile(box("jxlp", "\x00\x00\x00\x80")), format.ErrMalformed, "no codestream"},
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

		{"BMP: no width", bmp(dib(0, 1)), format.ErrMalformed, "0 × 1 pixels"},
		{"BMP: a negative width", bmp(dib(-5, 1)), format.ErrMalformed, "-5 × 1 pixels"},
		{"BMP: the lowest height", bmp(dib(1, -1<<31)), format.ErrMalformed, "1 × 2147483648 pixels"},
		{"BMP: 3 bits", strings.Replace(bmp(dib(1, 1)), "\x01\x00\x20\x00", "\x01\x00\x03\x00", 1), format.ErrMalformed, "3 bits in packing 0"},
		{"BMP: RLE of 32 bits", strings.Replace(bmp(dib(1, 1)), "\x20\x00\x00", "\x20\x00\x01", 1), format.ErrMalformed, "32 bits in packing 1"},
		{"BMP: pixels beyond the end", "BM" + le(0, 8) + le(999, 4) + dib(1, 1), format.ErrMalformed, "begin at byte 999 of 54"},

		{"ICO: a picture beyond the end", ico(icon{1, 1, dib(1, 2)})[:60], format.ErrMalformed, "cut off"},
		{"ICO: any picture beyond the end", ico(icon{9, 9, dib(9, 18)}, icon{1, 1, dib(1, 2)})[:77], format.ErrMalformed, "cut off"},
		{"ICO: no picture", ico(icon{1, 1, strings.Repeat("x", 40)}), format.ErrMalformed, "no bitmap"},
		{"ICO: a broken PNG", ico(icon{1, 1, pngOf(sane[8:])[:33]}), format.ErrMalformed, "cut off"},

		{"TIFF: no width", tiff(binary.LittleEndian, page(0, 40)...), format.ErrMalformed, "0 × 40 pixels"},
		{"TIFF: too wide", tiff(binary.LittleEndian, page(1<<31, 40)...), format.ErrMalformed, "2147483648 × 40 pixels"},
		{"TIFF: a width in no number", tiff(binary.LittleEndian, field{256, 2, 60}, field{257, 4, 40}, field{273, 4, 8}), format.ErrMalformed, "0 × 40 pixels"},
		{"TIFF: a width in a number of BigTIFF", tiff(binary.LittleEndian, field{256, 16, 60}, field{257, 4, 40}, field{273, 4, 8}), format.ErrMalformed, "0 × 40 pixels"},
		{"TIFF: no picture", tiff(binary.LittleEndian, page(60, 40)[:2]...), format.ErrMalformed, "no picture"},
		{"TIFF: Exif alone", tiff(binary.LittleEndian, field{274, 3, 6}), format.ErrMalformed, "no picture"},
		{"TIFF: a directory beyond the end", "II*\x00\xff\xff\xff\xff\x00\x00\x00", format.ErrMalformed, "cut off"},
		{"BigTIFF: a directory at -1", "II+\x00\x08\x00\x00\x00" + strings.Repeat("\xff", 8), format.ErrMalformed, "cut off"},
		{"BigTIFF: 2¹⁶ fields", "II+\x00\x08\x00\x00\x00" + le(16, 8) + le(1<<16, 8) + strings.Repeat("\x00", 20<<16), format.ErrMalformed, "lists 65536 fields"},
		{"BigTIFF: 2⁶⁴-1 fields", "II+\x00\x08\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00" + strings.Repeat("\xff", 8), format.ErrMalformed, "lists 18446744073709551615 fields"},

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
		{"SVG: an entity of another file, far behind", "<!-- " + strings.Repeat("x", 40000) + "-->" + illustrator("SYSTEM 'file:///etc/passwd'"), format.ErrMalformed, "declares entities"},
	} {
		info, err := detect([]byte(c.content))
		if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.why) {
			t.Errorf("%s: %v, %v, want %v that says %q", c.name, info, err, c.want, c.why)
		}
	}
}

// What follows builds files out of parts.

// be and le are a number in n bytes.
func be(v int64, n int) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(v))[8-n:])
}

func le(v int64, n int) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(v))[:n])
}

const sos = "\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"

func jpeg(segments ...string) string { return "\xff\xd8" + strings.Join(segments, "") }

func segment(marker byte, content string) string {
	return "\xff" + string([]byte{marker}) + be(int64(len(content)+2), 2) + content
}

func sof(w, h int64) string { return segment(0xc2, "\x08"+be(h, 2)+be(w, 2)+"\x01\x01\x11\x00") }

func exif(fields ...field) string {
	return segment(0xe1, "Exif\x00\x00"+tiff(binary.BigEndian, fields...))
}

func png(w, h int64, chunks ...string) string {
	return "\x89PNG\r\n\x1a\n" + chunk("IHDR", be(w, 4)+be(h, 4)+"\x08\x02\x00\x00\x00") + strings.Join(chunks, "")
}

func pngOf(ihdr string) string { return "\x89PNG\r\n\x1a\n" + chunk("IHDR", ihdr) + chunk("IDAT", "") }

func chunk(kind, content string) string {
	return be(int64(len(content)), 4) + kind + content + be(int64(crc32.ChecksumIEEE([]byte(kind+content))), 4)
}

func gif(screenW, screenH, x, y, w, h int64) string {
	return "GIF89a" + le(screenW, 2) + le(screenH, 2) + "\x80\x00\x00" + "\x00\x00\x00\xff\xff\xff" +
		"!\xfe\x02hi\x00" + "," + le(x, 2) + le(y, 2) + le(w, 2) + le(h, 2) + "\x00\x02\x00;"
}

func riff(chunks ...string) string {
	content := "WEBP" + strings.Join(chunks, "")
	return "RIFF" + le(int64(len(content)), 4) + content
}

func chunkLE(kind, content string) string {
	return kind + le(int64(len(content)), 4) + content + strings.Repeat("\x00", len(content)%2)
}

func vp8x(w, h int64) string { return chunkLE("VP8X", "\x00\x00\x00\x00"+le(w-1, 3)+le(h-1, 3)) }

func vp8(w, h int64) string { return "\x10\x00\x00\x9d\x01\x2a" + le(w, 2) + le(h, 2) }

func box(kind string, contents ...string) string {
	content := strings.Join(contents, "")
	return be(int64(8+len(content)), 4) + kind + content
}

func box64(kind string, contents ...string) string {
	content := strings.Join(contents, "")
	return be(1, 4) + kind + be(int64(16+len(content)), 8) + content
}

func toTheEnd(kind string, contents ...string) string {
	return be(0, 4) + kind + strings.Join(contents, "")
}

func nested(kind string, n int) (content string) {
	for range n {
		content = be(int64(12+len(content)), 4) + kind + "\x00\x00\x00\x00" + content
	}
	return content
}

func ftyp(major string, compatible ...string) string {
	return box("ftyp", major, "\x00\x00\x00\x00", strings.Join(compatible, ""))
}

func primary(item int64) string { return box("pitm", "\x00\x00\x00\x00", be(item, 2)) }

// heif is a meta box whose primary item is 1.
func heif(iprp ...string) string {
	return box("meta", "\x00\x00\x00\x00", primary(1), box("iprp", iprp...))
}

func ipma(item int64, properties ...byte) string {
	return box("ipma", "\x00\x00\x00\x00", be(1, 4), be(item, 2), string([]byte{byte(len(properties))}), string(properties))
}

func ispe(w, h int64) string { return box("ispe", "\x00\x00\x00\x00", be(w, 4), be(h, 4)) }

func irot(quarters int64) string { return box("irot", be(quarters, 1)) }

func clap(w, h int64) string {
	return box("clap", be(2*w, 4), be(2, 4), be(h, 4), be(1, 4), be(0, 4), be(1, 4), be(0, 4), be(1, 4))
}

func track(w, h int64, properties ...string) string {
	entry := box("av01", strings.Repeat("\x00", 78), strings.Join(properties, ""))
	stsd := box("stsd", "\x00\x00\x00\x00", be(1, 4), entry)
	return box("trak",
		box("tkhd", strings.Repeat("\x00", 76), be(w<<16, 4), be(h<<16, 4)),
		box("mdia", box("minf", box("stbl", stsd))))
}

func bmp(dib string) string { return "BM" + le(0, 8) + le(int64(14+len(dib)), 4) + dib }

func dib(w, h int64) string {
	return le(40, 4) + le(w, 4) + le(h, 4) + le(1, 2) + le(32, 2) + strings.Repeat("\x00", 24)
}

type icon struct {
	w, h    byte
	content string
}

func ico(icons ...icon) string {
	head, contents := "\x00\x00\x01\x00"+le(int64(len(icons)), 2), ""
	for _, i := range icons {
		offset := 6 + 16*len(icons) + len(contents)
		head += string([]byte{i.w, i.h, 0, 0, 1, 0, 32, 0}) + le(int64(len(i.content)), 4) + le(int64(offset), 4)
		contents += i.content
	}
	return head + contents
}

type field struct{ tag, kind, value int64 }

// page has the fields of a picture.
func page(w, h int64) []field {
	return []field{field{256, 4, w}, field{257, 4, h}, field{273, 4, 8}}
}

// tiff has one directory, and says that itself comes next.
func tiff(order binary.AppendByteOrder, fields ...field) string {
	mark := map[binary.AppendByteOrder]string{binary.LittleEndian: "II*\x00", binary.BigEndian: "MM\x00*"}[order]
	return mark + string(order.AppendUint32(nil, 8)) + directory(order, fields...)
}

func directory(order binary.AppendByteOrder, fields ...field) string {
	b := order.AppendUint16(nil, uint16(len(fields)))
	for _, f := range fields {
		b = order.AppendUint16(b, uint16(f.tag))
		b = order.AppendUint16(b, uint16(f.kind))
		b = order.AppendUint32(b, 1)
		if f.kind == 3 {
			b = order.AppendUint16(b, uint16(f.value))
			b = order.AppendUint16(b, 0)
		} else {
			b = order.AppendUint32(b, uint32(f.value))
		}
	}
	return string(order.AppendUint32(b, 8))
}

func svg(attributes string) string {
	return `<svg xmlns="http://www.w3.org/2000/svg" ` + attributes + `></svg>`
}

// illustrator is an SVG with an entity as Illustrator declares and uses them.
func illustrator(entity string) string {
	return `<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd" [
	<!ENTITY ns_extend "http://ns.adobe.com/Extensibility/1.0/">
	<!ENTITY ns_svg ` + entity + `>
]>
<svg xmlns:x="&ns_extend;" xmlns="&ns_svg;" width="60" height="40"/>`
}

// utf16 encodes a text and puts a byte order mark before it.
func utf16(order binary.AppendByteOrder, text string) string {
	var b []byte
	for _, unit := range stdutf16.Encode([]rune("\ufeff" + text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

// jxl is a JPEG XL codestream that begins with these numbers, written in binary.
func jxl(numbers string) string {
	b := make([]byte, 40)
	off := 0
	for number := range strings.FieldsSeq(numbers) {
		for i := len(number) - 1; i >= 0; i-- { // the lowest bit first
			b[off/8] |= (number[i] - '0') << (off % 8)
			off++
		}
	}
	return "\xff\x0a" + string(b)
}

// jxlFile is a JPEG XL container.
func jxlFile(boxes ...string) string {
	return box("JXL ", "\r\n\x87\n") + ftyp("jxl ", "jxl ") + strings.Join(boxes, "")
}
