package jpeg_test

import (
	"bytes"
	"os"
	"testing"
)

// TestRestartMarkers damages the restart markers of a JPEG of 12 MCUs, and counts the
// MCUs that look like those of the whole JPEG. The numbers are those of libjpeg, which
// browsers use.
func TestRestartMarkers(t *testing.T) {
	whole, err := os.ReadFile("../../../testdata/restarts.jpg")
	if err != nil {
		t.Fatal(err)
	}
	want := decodeAll(t, whole)
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
		if same := sameMCUs(decodeAll(t, c.data), want); same != c.same {
			t.Errorf("%s: got %d MCUs of the picture, want %d", name, same, c.same)
		}
	}
}

// sameMCUs counts the MCUs of 16 × 16 pixels whose luma is the same.
func sameMCUs(a, b decoded) (n int) {
	l := a.Planes[0]
	for y := 0; y < l.Height; y += 16 {
		for x := 0; x < l.Width; x += 16 {
			same := true
			for row := y; row < min(y+16, l.Height); row++ {
				at := row*l.Stride + x
				same = same && bytes.Equal(a.pix[0][at:at+16], b.pix[0][at:at+16])
			}
			if same {
				n++
			}
		}
	}
	return n
}
