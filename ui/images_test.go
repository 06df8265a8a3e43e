package ui_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"testing"
)

// Tests of what a browser makes of the images themselves, not of the page.

// shows puts into the page a function that returns the pixels of an image of the
// server, drawn in this width and height.
const shows = `globalThis.draw = async (url, width, height) => {
	const img = new Image();
	img.src = url;
	await img.decode();
	const canvas = document.createElement("canvas");
	canvas.width = width; canvas.height = height;
	const context = canvas.getContext("2d");
	context.imageSmoothingQuality = "high";
	context.drawImage(img, 0, 0, width, height);
	return context.getImageData(0, 0, width, height).data;
}, 0`

// TestColoursOfCopies: a copy has the colours of the original, by whichever chunk a
// PNG says what they are. Without the chunk the mean difference is 9 and more. The
// one of the control comes from scaling.
func TestColoursOfCopies(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	p := newPage(t, url)
	eval[int](p, shows)
	gamma := func(v uint32) []byte { return pngChunk("gAMA", binary.BigEndian.AppendUint32(nil, v)) }
	var p3 []byte
	for _, v := range []uint32{31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000} {
		p3 = binary.BigEndian.AppendUint32(p3, v)
	}
	for name, chunks := range map[string][]byte{
		"control":      nil,
		"gamma 1":      gamma(100_000),
		"gamma of P3":  append(gamma(45_455), pngChunk("cHRM", p3)...),
		"sRGB first":   append(gamma(100_000), pngChunk("sRGB", []byte{0})...),
		"Display P3":   pngChunk("cICP", []byte{12, 13, 0, 1}),
		"BT.709":       pngChunk("cICP", []byte{1, 1, 0, 1}),
		"linear light": pngChunk("cICP", []byte{1, 8, 0, 1}),
		"PQ":           pngChunk("cICP", []byte{9, 16, 0, 1}),
		"HLG":          pngChunk("cICP", []byte{9, 18, 0, 1}),
	} {
		t.Run(name, func(t *testing.T) {
			content := smooth()
			content = append(content[:33:33], append(chunks, content[33:]...)...) // behind the header
			file := upload(t, url, "smooth.png", content)
			for _, query := range []string{"w=64&q=100", "w=64&format=png"} {
				mean := eval[float64](p.in(t), fmt.Sprintf(`(async () => {
					const a = await draw(%q, 64, 48), b = await draw(%q, 64, 48);
					return a.reduce((sum, v, i) => sum + Math.abs(v - b[i]), 0) / (a.length * 3 / 4);
				})()`, file, file+"?"+query))
				if mean > 2 {
					t.Errorf("%s: got a mean difference of %.2f of 255, want 2 at most", query, mean)
				}
				t.Logf("%s: %.2f", query, mean)
			}
		})
	}
}

// smooth is a PNG of many saturated colours, which is scaled and packed with little loss.
func smooth() []byte {
	m := image.NewNRGBA(image.Rect(0, 0, 256, 192))
	for y := range 192 {
		for x := range 256 {
			m.SetNRGBA(x, y, color.NRGBA{uint8(x), uint8(y * 255 / 191), uint8(255 - (x+y)*255/446), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // a picture in memory can be encoded
	}
	return b.Bytes()
}

func pngChunk(kind string, content []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	b = append(append(b, kind...), content...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}
