package strip_test

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// planted returns the personal data in the tagged samples, as bytes of the file: names
// also in the 16 bits of XPAuthor, coordinates as text and as three fractions.
func planted() []string {
	return []string{
		"Anna Beispiel", wide("Anna Beispiel"), "Beispielstadt", "Aunt Berta", "Planted", "NOTE-5150",
		"SN-4711-0815", "LENS-2342", "ID-1234567890", "2024:02:29", "48,14.496",
		be(48, 4) + be(1, 4) + be(14, 4) + be(1, 4), be(11, 4) + be(1, 4) + be(34, 4) + be(1, 4),
	}
}

// wide returns a text in UTF-16, little-endian.
func wide(text string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(text)) {
		b.WriteString(le(int(u), 2))
	}
	return b.String()
}

// found returns the planted strings that are in content, or in compressed data in it.
func found(content []byte) (found []string) {
	all := append(bytes.Clone(content), inflated(content)...)
	for _, p := range planted() {
		if bytes.Contains(all, []byte(p)) {
			found = append(found, p)
		}
	}
	return found
}

// inflated returns all data that can be inflated, from any offset. It tries each byte
// that can be the header of a zlib stream (RFC 1950, 2.2).
func inflated(content []byte) (all []byte) {
	for i := range content {
		if content[i]&0x0f != 8 {
			continue
		}
		if z, err := zlib.NewReader(bytes.NewReader(content[i:])); err == nil {
			text, _ := io.ReadAll(io.LimitReader(z, 1<<20))
			all = append(all, text...)
		}
	}
	return all
}

// TestNothingPersonalIsLeft looks for the personal data of the tagged samples in the
// stripped images.
func TestNothingPersonalIsLeft(t *testing.T) {
	everywhere := make(map[string]bool)
	tagged := append(glob(t, "../../../testdata/tagged*"), taggedAnimation(t))
	if len(tagged) != 5 {
		t.Errorf("got %d tagged samples, want 5", len(tagged))
	}
	for _, s := range tagged {
		before := found(s.content)
		if len(before) < 9 {
			t.Errorf("%s contains only %q, want 9 strings and more", s.name, before)
		}
		for _, p := range before {
			everywhere[p] = true
		}
		out := mustStrip(t, s.content, s.Type)
		if left := found(out); len(left) > 0 {
			t.Errorf("%s: the stripped image contains %q", s.name, left)
		}
		if len(profile(t, out, s.Type)) != 240 {
			t.Errorf("%s has lost its colour profile", s.name)
		}
		if !bytes.Contains(out, []byte(tiff(6))) {
			t.Errorf("%s has lost its orientation", s.name)
		}
	}
	for _, p := range planted() {
		if !everywhere[p] {
			t.Errorf("no sample contains %q", p)
		}
	}
}

// harmless are the tags that exiftool may find in a stripped image, by group. An empty
// list allows all tags of the group: the groups for the file and for colour profiles.
var harmless = map[string]string{
	"ExifTool":    "ExifToolVersion",
	"System":      "",
	"File":        "FileType FileTypeExtension MIMEType ExifByteOrder ImageWidth ImageHeight EncodingProcess BitsPerSample ColorComponents YCbCrSubSampling",
	"Composite":   "ImageSize Megapixels",
	"JFIF":        "JFIFVersion ResolutionUnit XResolution YResolution",
	"Adobe":       "DCTEncodeVersion APP14Flags0 APP14Flags1 ColorTransform",
	"IFD0":        "Orientation",
	"ICC-header":  "",
	"ICC_Profile": "",
	"ICC-chrm":    "",
	"ICC-meas":    "",
	"ICC-view":    "",
	"PNG": "ImageWidth ImageHeight BitDepth ColorType Compression Filter Interlace Palette Transparency Gamma SRGBRendering " +
		"WhitePointX WhitePointY RedX RedY GreenX GreenY BlueX BlueY ProfileName SignificantBits BackgroundColor PaletteHistogram " +
		"AnimationFrames AnimationPlays",
	"PNG-pHYs": "PixelsPerUnitX PixelsPerUnitY PixelUnits",
	"RIFF": "ImageWidth ImageHeight WebP_Flags VP8Version HorizontalScale VerticalScale AlphaIsUsed AlphaPreprocessing AlphaFiltering " +
		"AlphaCompression BackgroundColor AnimationLoopCount FrameCount Duration",
}

// TestExiftool checks with exiftool which tags a stripped image contains.
func TestExiftool(t *testing.T) {
	exiftool, err := exec.LookPath("exiftool")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("exiftool is not installed, but CI is set")
		}
		t.Skip("exiftool is not installed. Install it to run this test.")
	}
	dir := t.TempDir()
	samples := append(readSamples(t), readCorpus(t)...)
	for _, s := range samples {
		if err := os.WriteFile(filepath.Join(dir, s.name), mustStrip(t, s.content, s.Type), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// -a: also duplicate tags. -G1: with the groups above. -u: also unknown tags.
	output, err := exec.Command(exiftool, "-json", "-a", "-G1", "-u", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	var files []map[string]any
	if err := json.Unmarshal(output, &files); err != nil {
		t.Fatal(err)
	}
	if len(files) != len(samples) {
		t.Errorf("exiftool read %d files, want %d", len(files), len(samples))
	}
	for _, file := range files {
		for tag, value := range file {
			group, name, _ := strings.Cut(tag, ":")
			names, ok := harmless[group]
			if tag != "SourceFile" && (!ok || names != "" && !strings.Contains(" "+names+" ", " "+name+" ")) {
				t.Errorf("%s: the stripped image contains %s: %.80v", filepath.Base(file["SourceFile"].(string)), tag, value)
			}
		}
	}
}
