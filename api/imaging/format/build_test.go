package format_test

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	stdutf16 "unicode/utf16"
)

// The functions in this file build images from parts.

// be and le return a number in n bytes, big-endian and little-endian.
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

// heif is a meta box with the primary item 1.
func heif(iprp ...string) string {
	return box("meta", "\x00\x00\x00\x00", primary(1), box("iprp", iprp...))
}

func ipma(item int64, properties ...byte) string {
	return box("ipma", "\x00\x00\x00\x00", be(1, 4), be(item, 2), string([]byte{byte(len(properties))}), string(properties))
}

func ispe(w, h int64) string { return box("ispe", "\x00\x00\x00\x00", be(w, 4), be(h, 4)) }

func irot(quarters int64) string { return box("irot", be(quarters, 1)) }

func clap(w, h int64) string {
	return box("clap", be(2*w, 4), be(2, 4), be(h, 4), be(1, 4), be(w-60, 4), be(2, 4), be(h-40, 4), be(2, 4))
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

// page returns the fields that a page of a TIFF needs.
func page(w, h int64) []field {
	return []field{field{256, 4, w}, field{257, 4, h}, field{273, 4, 8}}
}

// tiff returns a TIFF with one directory, which refers to itself as the next directory.
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

// illustrator is an SVG with an entity, declared and used as in files of Illustrator.
func illustrator(entity string) string {
	return `<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd" [
	<!ENTITY ns_extend "http://ns.adobe.com/Extensibility/1.0/">
	<!ENTITY ns_svg ` + entity + `>
]>
<svg xmlns:x="&ns_extend;" xmlns="&ns_svg;" width="60" height="40"/>`
}

// utf16 encodes a text with a byte order mark.
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
