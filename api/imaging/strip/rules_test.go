package strip_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/strip"
)

// rule is a file and the wanted stripped file.
type rule struct{ name, in, want string }

func testRules(t *testing.T, typ format.Type, rules []rule) {
	t.Helper()
	for _, r := range rules {
		out, err := strips([]byte(r.in), typ)
		if string(out) != r.want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", r.name, out, err, r.want)
		}
		check(t, []byte(r.in), typ)
	}
}

func TestJPEG(t *testing.T) {
	const (
		soi  = "\xff\xd8"
		eoi  = "\xff\xd9"
		scan = "\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
	)
	frame := segment(0xc2, "\x08\x00\x28\x00\x3c\x01\x01\x11\x00")
	picture := frame + scan + "data" + eoi
	jfif := segment(0xe0, "JFIF\x00\x01\x02\x01\x00\x48\x00\x48\x00\x00")
	icc := segment(0xe2, "ICC_PROFILE\x00\x01\x01profile")
	adobe := segment(0xee, "Adobe\x00\x64\x00\x00\x00\x00\x01")
	coding := segment(0xdb, "quantization") + segment(0xc4, "Huffman") + segment(0xcc, "arithmetic") +
		segment(0xdd, "\x00\x01") + segment(0xdc, "\x00\x28") + segment(0xde, "DHP") + segment(0xdf, "EXP")
	rules := []rule{
		{"nothing to strip", soi + jfif + icc + adobe + coding + picture, soi + jfif + icc + adobe + coding + picture},
		{"a JFIF thumbnail", soi + segment(0xe0, "JFIF\x00\x01\x02\x01\x00\x48\x00\x48\x02\x01"+"thumb!") + picture, soi + jfif + picture},
		{"more in the JFIF", soi + segment(0xe0, jfif[4:]+secret) + picture, soi + jfif + picture},
		{"less in the JFIF", soi + segment(0xe0, "JFIF\x00\x01\x02\x01\x00\x48\x00\x48\x07") + picture, soi + segment(0xe0, "JFIF\x00\x01\x02\x01\x00\x48\x00\x48\x00") + picture},
		{"nothing in the JFIF", soi + segment(0xe0, "JFIF\x00") + picture, soi + segment(0xe0, "JFIF\x00") + picture},
		{"a JFXX thumbnail", soi + jfif + segment(0xe0, "JFXX\x00\x10"+secret) + picture, soi + jfif + picture},
		{"an APP0 of a camera", soi + segment(0xe0, secret) + picture, soi + picture},
		{"XMP", soi + segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00"+secret) + picture, soi + picture},
		{"extended XMP", soi + segment(0xe1, "http://ns.adobe.com/xmp/extension/\x00"+secret) + picture, soi + picture},
		{"an MPF index", soi + segment(0xe2, "MPF\x00"+secret) + picture, soi + picture},
		{"a gain map's APP2", soi + segment(0xe2, "urn:iso:std:iso:ts:21496:-1\x00") + picture, soi + picture},
		{"IPTC", soi + segment(0xed, "Photoshop 3.0\x008BIM\x04\x04"+secret) + picture, soi + picture},
		{"an APP14 that is not of Adobe", soi + segment(0xee, "Adobf\x00\x64\x00\x00\x00\x00\x01") + picture, soi + picture},
		{"a short APP14", soi + segment(0xee, "Adobe\x00\x64\x00\x00\x00\x00") + picture, soi + picture},
		{"a long APP14", soi + segment(0xee, adobe[4:]+secret) + picture, soi + adobe + picture},
		{"a comment", soi + segment(0xfe, secret) + picture, soi + picture},
		{"reserved segments", soi + segment(0x02, secret) + segment(0xbf, secret) + segment(0xc8, secret) + segment(0xf0, secret) + segment(0xfd, secret) + picture, soi + picture},
		{"fill bytes and stray bytes", soi + "\xff\xff\xff" + jfif + secret + "\xff\x00" + picture, soi + jfif + picture},
		{"markers without content", soi + "\xff\x01\xff\xd0\xff\xd7" + picture, soi + "\xff\x01\xff\xd0\xff\xd7" + picture},
		{"data after the end", soi + picture + "\x00\x00\x00\x18ftypmp42" + secret + soi + picture, soi + picture},
		{"stuffed bytes, restarts, fill bytes", soi + frame + scan + "a\xff\x00\xff\xd0b\xff\xd7\xff\xff\xd0c\xff\xff\x00\xff\xbf\xff\xff" + eoi,
			soi + frame + scan + "a\xff\x00\xff\xd0b\xff\xd7\xff\xff\xd0c\xff\xff\x00\xff\xbf\xff\xff" + eoi},
		{"segments between scans", soi + frame + scan + "one" + segment(0xfe, secret) + segment(0xc4, "Huffman") + segment(0xe1, secret) + scan + "two" + segment(0xe5, secret) + eoi,
			soi + frame + scan + "one" + segment(0xc4, "Huffman") + scan + "two" + eoi},
		{"a long scan", soi + frame + scan + strings.Repeat("\xff\x00", 100000) + eoi, soi + frame + scan + strings.Repeat("\xff\x00", 100000) + eoi},
		{"a long scan, shifted by a byte", soi + frame + scan + "x" + strings.Repeat("\xff\x00", 100000) + eoi, soi + frame + scan + "x" + strings.Repeat("\xff\x00", 100000) + eoi},
		{"the longest segments", soi + segment(0xdb, strings.Repeat("x", 65533)) + segment(0xfe, strings.Repeat("y", 65533)) + picture, soi + segment(0xdb, strings.Repeat("x", 65533)) + picture},

		{"an orientation alone", soi + exifSegment(tiff(6)) + picture, soi + exifSegment(tiff(6)) + picture},
		{"an orientation among others", soi + jfif + exifSegment(secretTIFF(6)) + picture, soi + jfif + exifSegment(tiff(6)) + picture},
		{"the longest Exif", soi + exifSegment(secretTIFF(8)+strings.Repeat("x", 65527-len(secretTIFF(8)))) + picture, soi + exifSegment(tiff(8)) + picture},
		{"an Exif whose name does not end in 0", soi + segment(0xe1, "Exif\x00:"+secretTIFF(6)) + picture, soi + exifSegment(tiff(6)) + picture},
		{"an APP1 that begins like Exif", soi + segment(0xe1, "Exif:\x00"+tiff(6)) + exifSegment(tiff(8)) + picture, soi + exifSegment(tiff(8)) + picture},
		{"Exif without content", soi + segment(0xe1, "Exif\x00\x00") + picture, soi + picture},
		{"Exif without a whole name", soi + segment(0xe1, "Exif\x00") + picture, soi + picture},
		{"broken Exif", soi + segment(0xe1, "Exif\x00\x00MM\x00*\xff\xff\xff\xff"+secret) + picture, soi + picture},
		{"an upright picture", soi + exifSegment(secretTIFF(1)) + picture, soi + picture},
		{"an orientation that does not exist", soi + exifSegment(secretTIFF(9)) + picture, soi + picture},
		{"the first Exif of two", soi + exifSegment(secretTIFF(6)) + exifSegment(tiff(8)) + picture, soi + exifSegment(tiff(6)) + picture},
		{"the first Exif of two, upright", soi + exifSegment(secretTIFF(1)) + exifSegment(tiff(8)) + picture, soi + picture},
		{"Exif after the frame header", soi + frame + exifSegment(secretTIFF(6)) + scan + eoi, soi + frame + exifSegment(tiff(6)) + scan + eoi},
		{"Exif after a scan", soi + frame + scan + "data" + exifSegment(secretTIFF(6)) + eoi, soi + frame + scan + "data" + exifSegment(tiff(6)) + eoi},
	}
	for marker := 0xe3; marker <= 0xef; marker++ {
		if marker != 0xee {
			rules = append(rules, rule{fmt.Sprintf("APP%d", marker-0xe0), soi + segment(byte(marker), secret) + picture, soi + picture})
		}
	}
	for marker := 0xc0; marker <= 0xcf; marker++ {
		if marker != 0xc8 {
			in := soi + segment(byte(marker), frame[4:]) + picture
			rules = append(rules, rule{fmt.Sprintf("marker %x", marker), in, in})
		}
	}
	testRules(t, format.JPEG, rules)
	testRefusals(t, format.JPEG, []refusal{
		{"another beginning inside", soi + frame + soi + picture, "the beginning of another"},
		{"another beginning after a scan", soi + frame + scan + "data" + soi + picture, "the beginning of another"},
		{"a segment of 1 byte", soi + "\xff\xfe\x00\x01" + picture, "a segment of 1 bytes"},
	})
}

// refusal is a damaged file and a part of the text of its error.
type refusal struct{ name, in, why string }

func testRefusals(t *testing.T, typ format.Type, refusals []refusal) {
	t.Helper()
	for _, r := range refusals {
		_, err := strips([]byte(r.in), typ)
		if !errors.Is(err, format.ErrMalformed) || !strings.Contains(err.Error(), r.why) {
			t.Errorf("%s: got %v, want ErrMalformed that says %q", r.name, err, r.why)
		}
	}
}

// TestOrientations strips images with each orientation.
func TestOrientations(t *testing.T) {
	jpeg, png, webp := readSample(t, "gradient.jpg"), readSample(t, "gradient.png"), readSample(t, "lossy.webp")
	for o := 2; o <= 8; o++ {
		testRules(t, format.JPEG, []rule{{fmt.Sprint(o), jpeg[:2] + exifSegment(secretTIFF(o)) + jpeg[2:], jpeg[:2] + exifSegment(tiff(o)) + jpeg[2:]}})
		testRules(t, format.PNG, []rule{{fmt.Sprint(o), png[:33] + chunk("eXIf", secretTIFF(o)) + png[33:], png[:33] + chunk("eXIf", tiff(o)) + png[33:]}})
		testRules(t, format.WebP, []rule{{fmt.Sprint(o), riff(webp[12:], chunkLE("EXIF", secretTIFF(o))), riff(webp[12:], chunkLE("EXIF", tiff(o)))}})
	}
}

func TestPNG(t *testing.T) {
	whole := readSample(t, "gradient.png")
	head, iend := whole[:33], chunk("IEND", "")
	idat := chunk("IDAT", "some")
	var kept, gone string
	for _, kind := range []string{"cHRM", "cICP", "gAMA", "iCCP", "mDCV", "cLLI", "sBIT", "sRGB", "PLTE", "tRNS", "bKGD", "hIST", "pHYs", "acTL", "fcTL", "IDAT", "IDAT", "fcTL", "fdAT"} {
		kept += chunk(kind, kind)
	}
	for _, kind := range []string{"tEXt", "zTXt", "iTXt", "tIME", "sPLT", "caBX", "prVt", "puBl", "saFe", "iDOT", "dSIG", "oFFs", "sCAL", "xxXX", "\x7f\x00\x01\x02"} {
		gone += chunk(kind, secret)
	}
	wrong := strings.Replace(idat, "some", "same", 1)
	testRules(t, format.PNG, []rule{
		{"nothing to strip", head + kept + iend, head + kept + iend},
		{"chunks that are removed", head + gone + kept + gone + iend, head + kept + iend},
		{"data after the end", head + idat + iend + secret + whole, head + idat + iend},
		{"no end", head + idat, head + idat},
		{"an end inside the picture", head + idat + idat[:10], head + idat + idat[:10]},
		{"an end inside a text", head + idat + chunk("tEXt", secret)[:20], head + idat},
		{"an IEND without its content", head + idat + "\x00\x00\x00\x05IEND1234", head + idat + iend},
		{"an IEND with content", head + idat + chunk("IEND", secret), head + idat + iend},
		{"a wrong checksum", head + wrong + iend, head + wrong + iend},
		{"a long chunk", head + chunk("IDAT", strings.Repeat("x", 100000)) + iend, head + chunk("IDAT", strings.Repeat("x", 100000)) + iend},
		{"a long text", head + chunk("tEXt", strings.Repeat("x", 100000)) + idat + iend, head + idat + iend},

		{"an orientation alone", head + chunk("eXIf", tiff(6)) + idat + iend, head + chunk("eXIf", tiff(6)) + idat + iend},
		{"an upright picture", head + chunk("eXIf", secretTIFF(1)) + idat + iend, head + idat + iend},
		{"an eXIf that begins as in a JPEG", head + chunk("eXIf", "Exif\x00\x00"+tiff(6)) + idat + iend, head + idat + iend},
		{"a long eXIf", head + chunk("eXIf", secretTIFF(6)+strings.Repeat("x", 100000)) + idat + iend, head + chunk("eXIf", tiff(6)) + idat + iend},
		{"an eXIf after the picture", head + idat + chunk("eXIf", secretTIFF(6)) + iend, head + idat + chunk("eXIf", tiff(6)) + iend},
		{"the first eXIf of two", head + chunk("eXIf", secretTIFF(6)) + chunk("eXIf", tiff(8)) + idat + iend, head + chunk("eXIf", tiff(6)) + idat + iend},
		{"the first eXIf of two, empty", head + chunk("eXIf", "") + chunk("eXIf", tiff(8)) + idat + iend, head + idat + iend},
	})
	testRefusals(t, format.PNG, []refusal{
		{"an unknown critical chunk", head + chunk("CgBI", "four") + idat + iend, `"CgBI"`},
		{"a chunk longer than the format allows", head + "\x80\x00\x00\x00IDAT", "2147483648 bytes"},
		{"an end before the picture", head + chunk("gAMA", "four"), "cut off"},
	})
}

func TestWebP(t *testing.T) {
	const (
		animation, xmp, exif, alpha, icc = 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5
	)
	picture := chunkLE("VP8 ", vp8)
	frame := strings.Repeat("\x00", 16)
	anmf := func(chunks ...string) string { return chunkLE("ANMF", frame+strings.Join(chunks, "")) }
	odd := "ICCP\x03\x00\x00\x00odd"
	testRules(t, format.WebP, []rule{
		{"nothing to strip", riff(vp8x(icc|alpha), odd+"\x00", chunkLE("ALPH", "odd"), picture), riff(vp8x(icc|alpha), odd+"\x00", chunkLE("ALPH", "odd"), picture)},
		{"a WebP without header", riff(picture), riff(picture)},
		{"a lossless WebP without header", riff(chunkLE("VP8L", "odd")), riff(chunkLE("VP8L", "odd"))},
		{"a WebP without header, with metadata", riff(picture, chunkLE("EXIF", secretTIFF(1)), chunkLE("XMP ", secret)), riff(picture)},
		{"a WebP without header, turned", riff(picture, chunkLE("EXIF", secretTIFF(6))), riff(picture, chunkLE("EXIF", tiff(6)))},
		{"XMP", riff(vp8x(xmp), picture, chunkLE("XMP ", secret)), riff(vp8x(0), picture)},
		{"flags of missing chunks", riff(vp8x(0xff), picture), riff(vp8x(0xff&^(xmp|exif)), picture)},
		{"unknown chunks", riff(vp8x(0), chunkLE("what", "odd"), picture, chunkLE("META", secret)), riff(vp8x(0), picture)},
		{"data after the end", riff(picture) + chunkLE("EXIF", tiff(6)) + secret, riff(picture)},
		{"a missing padding byte", chunkLE("RIFF", "WEBP"+vp8x(icc)+picture+odd)[:8+4+18+18+11], riff(vp8x(icc), picture, odd+"\x00")},
		{"a padding byte that is not 0", riff(vp8x(icc), odd+"A", picture), riff(vp8x(icc), odd+"\x00", picture)},
		{"a long header", riff(chunkLE("VP8X", vp8x(0)[8:]+secret), picture), riff(vp8x(0), picture)},
		{"long chunks", riff(chunkLE("VP8 ", vp8+strings.Repeat("x", 100000)), chunkLE("XMP ", strings.Repeat("y", 100000))), riff(chunkLE("VP8 ", vp8+strings.Repeat("x", 100000)))},

		{"an orientation alone", riff(vp8x(exif), picture, chunkLE("EXIF", tiff(6))), riff(vp8x(exif), picture, chunkLE("EXIF", tiff(6)))},
		{"an orientation among others", riff(vp8x(exif|xmp), picture, chunkLE("EXIF", secretTIFF(6)), chunkLE("XMP ", secret)), riff(vp8x(exif), picture, chunkLE("EXIF", tiff(6)))},
		{"an orientation without a flag", riff(vp8x(0), picture, chunkLE("EXIF", tiff(6))), riff(vp8x(exif), picture, chunkLE("EXIF", tiff(6)))},
		{"an orientation before the picture", riff(vp8x(exif), chunkLE("EXIF", secretTIFF(6)), picture), riff(vp8x(exif), chunkLE("EXIF", tiff(6)), picture)},
		{"an EXIF that begins as in a JPEG", riff(vp8x(exif), picture, chunkLE("EXIF", "Exif\x00\x00"+secretTIFF(6))), riff(vp8x(exif), picture, chunkLE("EXIF", tiff(6)))},
		{"a long EXIF", riff(vp8x(exif), picture, chunkLE("EXIF", secretTIFF(6)+strings.Repeat("x", 100000))), riff(vp8x(exif), picture, chunkLE("EXIF", tiff(6)))},
		{"an upright picture", riff(vp8x(exif), picture, chunkLE("EXIF", secretTIFF(1))), riff(vp8x(0), picture)},
		{"the first EXIF of two", riff(vp8x(exif), picture, chunkLE("EXIF", secretTIFF(6)), chunkLE("EXIF", tiff(8))), riff(vp8x(exif), picture, chunkLE("EXIF", tiff(6)))},
		{"the first EXIF of two, empty", riff(vp8x(exif), picture, chunkLE("EXIF", ""), chunkLE("EXIF", tiff(8))), riff(vp8x(0), picture)},

		{"frames", riff(vp8x(animation), chunkLE("ANIM", "colour"), anmf(picture), anmf(chunkLE("ALPH", "odd"), picture), anmf(chunkLE("VP8L", "odd"))),
			riff(vp8x(animation), chunkLE("ANIM", "colour"), anmf(picture), anmf(chunkLE("ALPH", "odd"), picture), anmf(chunkLE("VP8L", "odd")))},
		{"unknown chunks in frames", riff(vp8x(animation), anmf(chunkLE("what", "odd"), picture, chunkLE("EXIF", secretTIFF(6))), anmf(picture, chunkLE("XMP ", secret))), riff(vp8x(animation), anmf(picture), anmf(picture))},
		{"a missing padding byte in a frame", riff(vp8x(animation), anmf("VP8L\x03\x00\x00\x00odd"), anmf(picture)), riff(vp8x(animation), anmf(chunkLE("VP8L", "odd")), anmf(picture))},
		{"an orientation before the frames", riff(vp8x(animation|exif), chunkLE("EXIF", secretTIFF(6)), anmf(picture)), riff(vp8x(animation|exif), chunkLE("EXIF", tiff(6)), anmf(picture))},
		{"an orientation after the frames", riff(vp8x(animation|exif), anmf(picture), chunkLE("EXIF", secretTIFF(6))), riff(vp8x(animation|exif), anmf(picture), chunkLE("EXIF", tiff(6)))},
	})
	testRefusals(t, format.WebP, []refusal{
		{"a chunk longer than the file", "RIFF" + le(4+18, 4) + "WEBP" + "VP8 \x0b\x00\x00\x00" + vp8 + "xx", "does not fit"},
		{"no room for a chunk", riff(picture, "VP8 "), "does not fit"},
		{"an unknown chunk without room", riff(picture, "what\x01\x00\x00\x00"), "does not fit"},
		{"a chunk longer than its frame", riff(vp8x(animation), anmf("VP8 \x0b\x00\x00\x00"+vp8), picture), "does not fit"},
		{"a frame without room", riff(vp8x(animation), chunkLE("ANMF", frame[1:])), "a frame of 15 bytes"},
		{"a header without room", riff(chunkLE("VP8X", "123456789"), picture), "a header of 9 bytes"},
		{"a second header", riff(vp8x(0), vp8x(0), picture), "two headers"},
		{"a RIFF that is not a WebP", "RIFF\x04\x00\x00\x00WAVE", "does not begin"},
	})
}

// TestTooLarge: a stripped WebP may need exactly the given memory, and no byte more.
func TestTooLarge(t *testing.T) {
	picture := chunkLE("VP8 ", vp8+strings.Repeat("x", 70000))
	want := riff(picture)
	in := riff(picture, chunkLE("XMP ", strings.Repeat("y", 200000)))
	for memory, wantErr := range map[int64]error{
		int64(len(want)): nil, 1 << 62: nil,
		int64(len(want)) - 1: strip.ErrTooLarge, 15: strip.ErrTooLarge, 11: strip.ErrTooLarge, 0: strip.ErrTooLarge,
	} {
		r, err := strip.Reader(strings.NewReader(in), format.WebP, memory)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := io.ReadAll(r); err != wantErr || err == nil && string(out) != want {
			t.Errorf("%d bytes of memory: got %d bytes, %v, want %d, %v", memory, len(out), err, len(want), wantErr)
		}
	}
}
