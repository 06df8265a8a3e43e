package format_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"imageserver/api/imaging/format"
)

// gAMA, cHRM, cICP and iCCP make the chunks that describe the colours of a PNG.
func gAMA(hundredThousandths int64) string { return chunk("gAMA", be(hundredThousandths, 4)) }

func cHRM(hundredThousandths ...int64) string {
	content := ""
	for _, v := range hundredThousandths {
		content += be(v, 4)
	}
	return chunk("cHRM", content)
}

func cICP(primaries, transfer, matrix, full byte) string {
	return chunk("cICP", string([]byte{primaries, transfer, matrix, full}))
}

func iCCP(profile string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write([]byte(profile))
	z.Close()
	return chunk("iCCP", "name\x00\x00"+b.String())
}

// broken changes the checksum of a chunk.
func broken(chunk string) string {
	return chunk[:len(chunk)-1] + string([]byte{chunk[len(chunk)-1] ^ 1})
}

// TestPNGColours checks which chunk is used, and the content of the profile that is
// made from it. Chromium 156 uses the same chunks. The wanted colours are the published
// colours of sRGB, Display P3 and BT.2020, adapted to D50.
func TestPNGColours(t *testing.T) {
	t.Parallel()
	const (
		none   = ""
		srgb   = "0.436 0.222 0.014, 0.385 0.717 0.097, 0.143 0.061 0.714"
		p3     = "0.515 0.241 -0.001, 0.292 0.692 0.042, 0.157 0.067 0.784"
		bt2020 = "0.673 0.279 -0.002, 0.166 0.675 0.030, 0.125 0.046 0.797"
		own    = "the profile of the file"
	)
	profile := strings.Repeat("\x00", 36) + "acsp" + strings.Repeat("\x00", 88) + "its own"
	sRGB := chunk("sRGB", "\x00")
	srgbPrimaries := cHRM(31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
	p3Primaries := cHRM(31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
	for name, c := range map[string]struct{ chunks, want string }{
		"nothing":                        {"", none},
		"gAMA":                           {gAMA(100000), srgb + "; 1.000"},
		"gAMA like sRGB":                 {gAMA(45455), none},
		"gAMA almost like sRGB":          {gAMA(43200), none},
		"gAMA not like sRGB":             {gAMA(43000), srgb + "; 2.326"},
		"gAMA and cHRM like sRGB":        {gAMA(45455) + srgbPrimaries, none},
		"gAMA and cHRM":                  {gAMA(45455) + p3Primaries, p3 + "; 2.200"},
		"cHRM before gAMA":               {p3Primaries + gAMA(100000), p3 + "; 1.000"},
		"cHRM alone":                     {p3Primaries, none},
		"cHRM of zeros":                  {gAMA(100000) + cHRM(0, 0, 0, 0, 0, 0, 0, 0), none},
		"cHRM of one colour":             {gAMA(100000) + cHRM(31270, 32900, 64000, 33000, 64000, 33000, 64000, 33000), none},
		"cHRM with a white of y = 0":     {gAMA(100000) + cHRM(31270, 0, 64000, 33000, 30000, 60000, 15000, 6000), none},
		"cHRM cut short":                 {gAMA(100000) + chunk("cHRM", "short"), srgb + "; 1.000"},
		"gAMA of 0":                      {gAMA(0), none},
		"the largest gAMA":               {gAMA(1<<31 - 1), srgb + "; 0.000"},
		"the smallest gAMA":              {gAMA(1), srgb + "; 32768.000"},
		"gAMA cut short":                 {chunk("gAMA", "abc"), none},
		"gAMA cut short, and another":    {chunk("gAMA", "abc") + gAMA(100000), srgb + "; 1.000"},
		"gAMA twice":                     {gAMA(100000) + gAMA(50000), srgb + "; 1.000"},
		"gAMA with a wrong checksum":     {broken(gAMA(100000)), none},
		"gAMA after the picture":         {chunk("IDAT", "") + gAMA(100000), none},
		"sRGB before gAMA":               {gAMA(100000) + p3Primaries + sRGB, none},
		"an sRGB with an unknown intent": {chunk("sRGB", "\x04") + gAMA(100000), srgb + "; 1.000"},
		"an empty sRGB":                  {chunk("sRGB", "") + gAMA(100000), srgb + "; 1.000"},
		"iCCP before sRGB":               {sRGB + iCCP(profile) + gAMA(100000), own},
		"iCCP of rubbish":                {iCCP(strings.Repeat("x", 200)) + gAMA(100000), srgb + "; 1.000"},
		"iCCP with a wrong checksum":     {broken(iCCP(profile)) + gAMA(100000), srgb + "; 1.000"},
		"cICP before iCCP":               {iCCP(profile) + sRGB + gAMA(100000) + cICP(12, 13, 0, 1), p3 + "; 2.400"},
		"cICP of sRGB":                   {cICP(1, 13, 0, 1) + iCCP(profile), none},
		"cICP of PQ":                     {cICP(9, 16, 0, 1), bt2020 + "; 2.400; 9 16 0 1"},
		"cICP of HLG":                    {cICP(9, 18, 0, 1), bt2020 + "; 2.400; 9 18 0 1"},
		"cICP of linear light":           {cICP(1, 8, 0, 1), srgb + "; 1.000"},
		"cICP of BT.709":                 {cICP(1, 1, 0, 1), srgb + "; 2.400"},
		"cICP of the narrow range":       {cICP(12, 13, 0, 0) + gAMA(100000), srgb + "; 1.000"},
		"cICP with a matrix":             {cICP(12, 13, 1, 1) + gAMA(100000), srgb + "; 1.000"},
		"cICP without primaries":         {cICP(2, 13, 0, 1) + gAMA(100000), srgb + "; 1.000"},
		"cICP without a transfer":        {cICP(12, 2, 0, 1) + gAMA(100000), srgb + "; 1.000"},
		"cICP cut short":                 {chunk("cICP", "\x0c\x0d\x00") + gAMA(100000), srgb + "; 1.000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := png(1, 1, c.chunks, chunk("IDAT", ""))
			got, err := format.ICCProfile(strings.NewReader(content), int64(len(content)), format.PNG, false)
			if err != nil {
				t.Fatal(err)
			}
			say := own
			if string(got) != profile {
				say = describe(t, got, "rXYZ", "gXYZ", "bXYZ")
			}
			if say != c.want {
				t.Errorf("got %q, want %q", say, c.want)
			}
		})
	}
}

// TestGreyProfile: a profile for greyscale has a curve and no primaries.
func TestGreyProfile(t *testing.T) {
	t.Parallel()
	content := png(1, 1, cICP(9, 16, 0, 1), chunk("IDAT", ""))
	got, err := format.ICCProfile(strings.NewReader(content), int64(len(content)), format.PNG, true)
	if say, want := describe(t, got), "; 2.400; 9 16 0 1"; say != want || string(got[16:20]) != "GRAY" || err != nil {
		t.Errorf("got %q in %q, %v, want %q", say, got[16:20], err, want)
	}
}

// TestBMPProfile: a profile with an offset after the end of the file does not count.
func TestBMPProfile(t *testing.T) {
	t.Parallel()
	profile := strings.Repeat("\x00", 36) + "acsp" + strings.Repeat("\x00", 88) + "its own"
	bmp := func(space string, offset, size int) string {
		header := leBytes(124, 1, 1, 1|24<<16) + strings.Repeat("\x00", 40) + space + strings.Repeat("\x00", 52) + leBytes(offset, size, 0)
		return "BM" + leBytes(0, 0, 138) + header + profile
	}
	for name, c := range map[string]struct{ content, want string }{
		"embedded":                {bmp("DEBM", 124, len(profile)), profile},
		"of another space":        {bmp("BGRs", 124, len(profile)), ""},
		"longer than the file":    {bmp("DEBM", 124, len(profile)+1), ""},
		"beyond the file":         {bmp("DEBM", 1<<31, len(profile)), ""},
		"too short for a profile": {bmp("DEBM", 124, 127), ""},
	} {
		got, err := format.ICCProfile(strings.NewReader(c.content), int64(len(c.content)), format.BMP, false)
		if string(got) != c.want || err != nil {
			t.Errorf("%s: got %d bytes, %v, want %d", name, len(got), err, len(c.want))
		}
	}
}

func leBytes(numbers ...int) string {
	var b []byte
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return string(b)
}

// describe returns the content of a profile as a text: the given tags, the exponent of
// the curve, and the numbers of the cicp tag. It also checks that the content of each
// tag is inside of the profile.
func describe(t *testing.T, profile []byte, tags ...string) string {
	t.Helper()
	if profile == nil {
		return ""
	}
	if size := binary.BigEndian.Uint32(profile); int(size) != len(profile) || string(profile[36:40]) != "acsp" {
		t.Fatalf("the header says %d bytes, and the profile has %d", size, len(profile))
	}
	content := make(map[string][]byte)
	for i := range binary.BigEndian.Uint32(profile[128:]) {
		entry := profile[132+12*i:]
		offset, size := binary.BigEndian.Uint32(entry[4:]), binary.BigEndian.Uint32(entry[8:])
		if offset%4 != 0 || int(offset+size) > len(profile) {
			t.Fatalf("tag %q has %d bytes at %d, and the profile has %d", entry[:4], size, offset, len(profile))
		}
		content[string(entry[:4])] = profile[offset:][:size]
	}
	number := func(b []byte) float64 { return float64(int32(binary.BigEndian.Uint32(b))) / 65536 }
	var colours []string
	for _, tag := range tags {
		b := content[tag]
		colours = append(colours, fmt.Sprintf("%.3f %.3f %.3f", number(b[8:]), number(b[12:]), number(b[16:])))
	}
	say := strings.Join(colours, ", ")
	curve := content["kTRC"]
	if len(tags) > 0 {
		curve = content["gTRC"]
	}
	say += fmt.Sprintf("; %.3f", number(curve[12:]))
	if b := content["cicp"]; b != nil {
		say += fmt.Sprintf("; %d %d %d %d", b[8], b[9], b[10], b[11])
	}
	return say
}
