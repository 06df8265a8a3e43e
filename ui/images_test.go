package ui_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf16"

	"golang.org/x/image/font/gofont/goregular"
)

// Tests of how a browser shows the images themselves. They do not use the page.

// shows defines a JavaScript function in the page. The function draws an image of the
// server in this width and height, and returns its pixels.
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

// TestColoursOfCopies: a resized copy has the colours of the original, whichever chunk of
// the PNG defines the colours. If the copy lost the chunk, the mean difference would be 9
// or more. The difference of the control comes from scaling.
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
			content = append(content[:33:33], append(chunks, content[33:]...)...) // after the header
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

// TestDrawnSVG: Chromium draws the SVGs that the server accepts, in a page and in a tab
// that has only the SVG.
func TestDrawnSVG(t *testing.T) {
	t.Parallel()
	const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><rect width="60" height="40" fill="#c83c28"/></svg>`
	inUTF16 := func(order binary.AppendByteOrder, text string) (b []byte) {
		for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
			b = order.AppendUint16(b, unit)
		}
		return b
	}
	url := newServer(t, "")
	p := newPage(t, url)
	for name, content := range map[string][]byte{
		"UTF-16, little-endian": inUTF16(binary.LittleEndian, drawing),
		"UTF-16, big-endian":    inUTF16(binary.BigEndian, `<?xml version="1.0" encoding="UTF-16"?>`+drawing),
		"long comment":          []byte("<!--" + strings.Repeat("x", 20_000) + "-->" + drawing),
		"entities": []byte(`<!DOCTYPE svg [<!ENTITY ns_svg "http://www.w3.org/2000/svg"><!ENTITY w "60">]>` +
			strings.NewReplacer("http://www.w3.org/2000/svg", "&ns_svg;", `width="60"`, `width="&w;"`).Replace(drawing)),
	} {
		t.Run(name, func(t *testing.T) {
			p, file := p.in(t), upload(t, url, "drawing.svg", content)
			p.visit(url)
			eval[int](p, shows)
			if got := eval[string](p, fmt.Sprintf(`draw(%q, 60, 40).then(pixels => pixels.slice(0, 4).join())`, file)); got != "200,60,40,255" {
				t.Errorf("in a page: got %s, want 200,60,40,255", got)
			}
			p.visit(file)
			if got, want := p.pixel(30, 20), (color.NRGBA{200, 60, 40, 255}); got != want {
				t.Errorf("in a tab: got %v, want %v", got, want)
			}
		})
	}
}

// TestJPEGXL: Chromium shows a JPEG XL in the size that the server reports.
func TestJPEGXL(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	p := newPage(t, url)
	for name, want := range map[string]string{"gradient.jxl": "60 40", "rotated.jxl": "40 60", "animated.jxl": "60 40"} {
		content, err := os.ReadFile("../testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		got := eval[string](p, fmt.Sprintf(`(async () => {
			const img = new Image();
			img.src = %q;
			await img.decode();
			return img.naturalWidth + " " + img.naturalHeight;
		})()`, upload(t, url, name, content)))
		if got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// TestSVGInATab: an SVG that is opened by itself shows the pictures and the fonts
// inside it.
func TestSVGInATab(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	red := base64.StdEncoding.EncodeToString(painted(color.NRGBA{255, 0, 0, 255}))
	font := base64.StdEncoding.EncodeToString(goregular.TTF)
	content := `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100">
		<style>@font-face { font-family: own; src: url(data:font/ttf;base64,` + font + `) } text { font-family: own }</style>
		<image width="100" height="100" href="data:image/png;base64,` + red + `"/>
		<text x="110" y="50">text</text></svg>`
	p := newPage(t, upload(t, url, "drawing.svg", []byte(content)))
	if got, want := p.pixel(50, 50), (color.NRGBA{255, 0, 0, 255}); got != want {
		t.Errorf("got %v at the position of the picture, want %v", got, want)
	}
	if got := eval[string](p, `document.fonts.ready.then(fonts => [...fonts].map(f => f.status).join())`); got != "loaded" {
		t.Errorf("the font is %q, want loaded", got)
	}
}

// TestSVGLoadsNothing: an SVG that is opened by itself runs no script and sends no
// request.
func TestSVGLoadsNothing(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	var asked atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1) }))
	t.Cleanup(other.Close)
	content := strings.ReplaceAll(`<?xml-stylesheet href="OTHER/pi.css"?>
		<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100" onload="document.documentElement.id = 'ran'">
		<style>@import url(OTHER/import.css); @font-face { font-family: own; src: url(OTHER/font) } text { font-family: own; fill: url(OTHER/fill.svg#a) }</style>
		<script>document.documentElement.id = "ran"</script>
		<script href="OTHER/script.js"/>
		<script href="data:text/javascript,document.documentElement.id = 'ran'"/>
		<image width="100" height="100" href="OTHER/image.png"/>
		<image width="100" height="100" href="/images?limit=1"/>
		<use href="OTHER/use.svg#a"/>
		<foreignObject width="100" height="100"><div xmlns="http://www.w3.org/1999/xhtml"><iframe src="OTHER/frame"/><iframe src="data:text/html,hello"/>
			<video src="OTHER/video"/><object data="OTHER/object"/><link rel="stylesheet" href="OTHER/link.css"/></div></foreignObject>
		<text x="110" y="50">text</text></svg>`, "OTHER", other.URL)
	refused := func(objection string) bool {
		return strings.Contains(objection, "Content Security Policy") || strings.Contains(objection, "Blocked script execution") ||
			strings.Contains(objection, "Unsafe attempt to load URL")
	}
	p := newPageWith(t, upload(t, url, "drawing.svg", []byte(content)), refused)
	if id := eval[string](p, `document.documentElement.id`); id != "" {
		t.Error("a script ran")
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("another server got %d requests, want none", n)
	}
}

// pixel returns the colour of one pixel of the tab.
func (p *page) pixel(x, y int) color.NRGBA {
	p.t.Helper()
	m, err := png.Decode(bytes.NewReader(p.shot("png")))
	if err != nil {
		p.t.Fatal(err)
	}
	return color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
}

// painted returns a PNG of one colour.
func painted(c color.NRGBA) []byte {
	m := image.NewNRGBA(image.Rect(0, 0, 8, 8))
	draw.Draw(m, m.Rect, image.NewUniform(c), image.Point{}, draw.Src)
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // a picture in memory can be encoded
	}
	return b.Bytes()
}

// smooth returns a PNG of many saturated colours, which loses little when it is scaled
// and compressed.
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
