package tolerant_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"imageserver/api/imaging/resize/tolerant"
)

// TestCompare compares the results of tolerant.JPEG and image/jpeg.
func TestCompare(t *testing.T) {
	files, _ := filepath.Glob("../../../../testdata/*.jpg")
	for _, f := range files {
		b, _ := os.ReadFile(f)
		want, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			continue
		}
		got, err := tolerant.JPEG(bytes.NewReader(b))
		if err != nil {
			t.Logf("%s: %v", f, err)
			continue
		}
		if d := difference(got, want); d > 1 {
			t.Errorf("%s: %T differs by %d", f, got, d)
		}
	}
}

func difference(a, b image.Image) (most int) {
	if a.Bounds() != b.Bounds() {
		return 1000
	}
	switch a := a.(type) {
	case *image.Gray:
		b := b.(*image.Gray)
		for y := range a.Rect.Dy() {
			for x := range a.Rect.Dx() {
				most = max(most, abs(a.GrayAt(x, y).Y, b.GrayAt(x, y).Y))
			}
		}
	case *image.YCbCr:
		b := b.(*image.YCbCr)
		for y := range a.Rect.Dy() {
			for x := range a.Rect.Dx() {
				p, q := a.YCbCrAt(x, y), b.YCbCrAt(x, y)
				most = max(most, abs(p.Y, q.Y), abs(p.Cb, q.Cb), abs(p.Cr, q.Cr))
			}
		}
	}
	return most
}

func abs(a, b byte) int {
	d := int(a) - int(b)
	return max(d, -d)
}

// TestRestartMarkers damages the restart markers of a JPEG of 12 MCUs, and counts the
// MCUs that look like those of the whole JPEG. The numbers are those of libjpeg, which
// browsers use.
func TestRestartMarkers(t *testing.T) {
	whole, err := os.ReadFile("../../../../testdata/restarts.jpg")
	if err != nil {
		t.Fatal(err)
	}
	want, err := tolerant.JPEG(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	scan := bytes.Index(whole, []byte("\xff\xda"))
	marker := func(i int) int { // offset of the marker of MCU i
		return scan + bytes.Index(whole[scan:], []byte{0xff, 0xd0 + byte(i)})
	}
	cut := func(from, to int) []byte { return append(bytes.Clone(whole[:from]), whole[to:]...) }
	renumbered := bytes.Clone(whole)
	renumbered[marker(3)+1] = 0xd7
	for name, c := range map[string]struct {
		data []byte
		same int
	}{
		"an MCU and its marker are lost":  {cut(marker(3), marker(4)), 11},
		"two MCUs and markers are lost":   {cut(marker(3), marker(5)), 10},
		"a marker comes twice":            {append(bytes.Clone(whole[:marker(4)]), whole[marker(3):]...), 12},
		"a marker has a far number":       {renumbered, 12},
		"bytes in front of a marker":      {append(append(bytes.Clone(whole[:marker(4)]), "garbage"...), whole[marker(4):]...), 12},
		"fill bytes in front of a marker": {append(append(bytes.Clone(whole[:marker(4)]), 0xff, 0xff), whole[marker(4):]...), 12},
		"the file is cut off at a marker": {whole[:marker(5)], 6},
	} {
		got, err := tolerant.JPEG(bytes.NewReader(c.data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if same := sameMCUs(got.(*image.YCbCr), want.(*image.YCbCr)); same != c.same {
			t.Errorf("%s: got %d MCUs of the picture, want %d", name, same, c.same)
		}
	}
}

// sameMCUs counts the MCUs of 16 × 16 pixels whose luma is the same.
func sameMCUs(a, b *image.YCbCr) (n int) {
	for y := 0; y < a.Rect.Dy(); y += 16 {
		for x := 0; x < a.Rect.Dx(); x += 16 {
			same := true
			for row := y; row < y+16; row++ {
				at := row*a.YStride + x
				same = same && bytes.Equal(a.Y[at:at+16], b.Y[at:at+16])
			}
			if same {
				n++
			}
		}
	}
	return n
}
