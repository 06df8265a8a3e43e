package jpeg_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"strings"
	"testing"

	imaging "imageserver/api/imaging/jpeg"
)

// TestWalker walks scans that are followed by other data instead of an end marker. Walk
// returns the data of the scan and no byte after it, however little each call reads.
func TestWalker(t *testing.T) {
	samples := make(map[string][]byte)
	for _, name := range []string{"gradient.jpg", "photo-422.jpg", "photo-cmyk.jpg", "quarters-4x2.jpg", "restarts.jpg"} {
		b, err := os.ReadFile("../../../testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		samples[name] = b
	}
	for blocks := 1; blocks < 10; blocks++ { // of 6 bits each, so for some the last block needs no new byte
		var b bytes.Buffer
		if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8*blocks, 8)), nil); err != nil {
			t.Fatal(err)
		}
		samples[fmt.Sprint(blocks, " blocks")] = b.Bytes()
	}
	for name, b := range samples {
		for _, trailer := range []string{"", "\x01\x02\x03", "\x01\xff\x00\xff\x00", "\x01\xff\xff\x00", "\xff\xff\xff\x00\xff\x00"} {
			for most := 1; most < 9; most++ {
				got, want, end := walk(t, b, trailer, most)
				if end != imaging.Whole || !bytes.Equal(got, want) {
					t.Fatalf("%s followed by %q, %d bytes a call: got %d bytes and end %d, want %d and %d", name, trailer, most, len(got), end, len(want), imaging.Whole)
				}
			}
		}
	}
}

// walk walks the scan of a JPEG. A trailer replaces its end marker. want is the data of
// the scan.
func walk(t *testing.T, b []byte, trailer string, most int) (got, want []byte, end imaging.End) {
	t.Helper()
	var w imaging.Walker
	for b = b[2:]; ; {
		n := 2 + int(binary.BigEndian.Uint16(b[2:]))
		marker, content := b[1], b[4:n]
		b = b[n:]
		w.Segment(marker, content)
		if marker == 0xda {
			if !w.Begin(content) {
				t.Fatal("the scan cannot be walked")
			}
			break
		}
	}
	want = b[:len(b)-2]
	r := bufio.NewReader(strings.NewReader(string(want) + trailer))
	for end == imaging.More {
		part, next, err := w.Walk(r, nil, most)
		if err != nil {
			t.Fatal(err)
		}
		got, end = append(got, part...), next
	}
	return got, want, end
}
