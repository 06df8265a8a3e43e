package ui_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"testing"

	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// TestScreenshot writes testdata/page.webp, which README shows, if SCREENSHOT is set:
// SCREENSHOT=1 go test ./ui -run TestScreenshot. If SCREENSHOTS names a folder, it
// writes pictures of the page in many states there, for a person to look at.
func TestScreenshot(t *testing.T) {
	dir := os.Getenv("SCREENSHOTS")
	if os.Getenv("SCREENSHOT") == "" && dir == "" {
		t.Skip("SCREENSHOT is not set")
	}
	url := newServer(t, "")
	for i, name := range []string{"night.jpg", "meadow.jpg", "visits.jpg", "evening.jpg", "desert.jpg", "harbour.jpg", "growth.jpg", "winter.jpg", "noon.jpg", "fjord.jpg", "budget.jpg", "sunrise.jpg"} {
		upload(t, url, name, painting(i))
	}
	p := newPage(t, "about:blank")
	p.size(1440, 900)
	p.visit(url)
	p.see("#gallery", "night.jpg")
	p.choose(file(t, "holiday in the hills.jpg", painting(13)), file(t, "dunes.jpg", painting(16)), file(t, "shopping list.txt", []byte("milk")))
	p.await(`document.querySelectorAll("#uploads .stored").length === 2`)
	p.await(`[...document.querySelectorAll("#gallery img, #uploads img")].slice(0, 14).every((img) => img.complete)`)
	p.prefer("prefers-color-scheme", "light")
	if dir == "" {
		if err := os.WriteFile("../testdata/page.webp", p.shot("webp"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	look := func(state string) {
		for _, width := range []int64{1440, 2560, 390} {
			for _, colours := range []string{"light", "dark"} {
				p.size(width, map[int64]int64{1440: 900, 2560: 1300, 390: 844}[width])
				p.prefer("prefers-color-scheme", colours)
				p.await(`[...document.images].filter((img) => img.loading !== "lazy" && img.checkVisibility()).every((img) => img.complete)`)
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", state, width, colours)), p.shot("png"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		p.size(1440, 900)
	}
	look("full")
	eval[*string](p, `document.querySelectorAll("#gallery li .select input").forEach((box, i) => i % 3 === 1 && box.click())`)
	look("selection")
	eval[*string](p, `document.querySelector("#selection .danger").click()`)
	look("toast")
	eval[*string](p, `document.querySelectorAll("#gallery .picture")[6].click()`)
	p.await(`document.querySelector("#view[open] .stage img")?.naturalWidth > 0`)
	look("view")
	p.press("i")
	p.see(".drawer", "SHA-256")
	look("details")
	p.press("i")
	eval[*string](p, `document.querySelector("#view .actions button:nth-child(2)").click()`)
	p.await(`document.querySelector(".share:popover-open")`)
	look("links")
	eval[*string](p, `history.back()`)
	p.await(`!document.querySelector("dialog[open]")`)
	p.menu("Help")
	look("help")
	states(t, func(page *page, state string) {
		switch state {
		case "empty", "failing rows", "uploading", "token asked for", "no match", "copy by hand":
			p = page
			look(state)
			p.size(1280, 900)
		}
	})
}

// shot returns a picture of the window.
func (p *page) shot(format string) []byte {
	p.t.Helper()
	shot, err := chromedp.Call(p.ctx, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{Format: cdppage.CaptureScreenshotFormat(format)})
	if err != nil {
		p.t.Fatal(err)
	}
	return shot.Data
}

// painting returns a JPEG that this test draws. It shows hills and a sky, with other
// colours and shapes for each n. For every fourth n it shows a bar chart.
func painting(n int) []byte {
	sizes := []image.Point{{1200, 800}, {1200, 900}, {1000, 1000}, {1280, 720}, {900, 1200}}
	size := sizes[n%len(sizes)]
	if n%4 == 2 {
		size = sizes[1]
	}
	m := image.NewRGBA(image.Rectangle{Max: size})
	at := func(x, y int) color.RGBA {
		return landscape(n, float64(x)/float64(size.X), float64(y)/float64(size.Y), float64(size.X)/float64(size.Y))
	}
	if n%4 == 2 {
		at = func(x, y int) color.RGBA { return chart(n, float64(x)/float64(size.X), float64(y)/float64(size.Y)) }
	}
	for y := range size.Y {
		for x := range size.X {
			m.SetRGBA(x, y, at(x, y))
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}); err != nil {
		panic(err) // a picture in memory can be encoded
	}
	return b.Bytes()
}

// skies has the colours at the top of the sky, at the horizon, and of the hills.
var skies = [][3]color.RGBA{
	{{18, 24, 62, 255}, {92, 84, 150, 255}, {12, 18, 40, 255}},
	{{86, 170, 220, 255}, {214, 236, 240, 255}, {52, 120, 74, 255}},
	{{40, 60, 120, 255}, {250, 170, 120, 255}, {60, 44, 84, 255}},
	{{96, 60, 110, 255}, {252, 196, 130, 255}, {110, 52, 70, 255}},
	{{70, 140, 200, 255}, {250, 226, 180, 255}, {200, 130, 74, 255}},
	{{30, 100, 130, 255}, {180, 224, 216, 255}, {18, 70, 86, 255}},
	{{130, 160, 190, 255}, {240, 244, 248, 255}, {120, 140, 164, 255}},
}

// landscape returns one pixel of a sky with a sun above four rows of hills.
func landscape(n int, x, y, aspect float64) color.RGBA {
	sky := skies[n%len(skies)]
	c := between(sky[0], sky[1], math.Min(1, y/0.62))
	sun := math.Hypot((x-0.25-0.1*float64(n%6))*aspect, y-0.2-0.05*float64(n%5))
	c = between(color.RGBA{255, 246, 220, 255}, c, math.Max(0, math.Min(1, (sun-0.06)*300)))
	for row := range 4 {
		k := float64(row)
		phase := float64(n)*1.7 + k*2.3
		top := 0.5 + 0.12*k + 0.07*math.Sin(x*(4+k)+phase) + 0.03*math.Sin(x*(11-k)+2*phase)
		edge := math.Max(0, math.Min(1, (y-top)*400))
		c = between(c, between(sky[1], sky[2], 0.35+0.2*k), edge)
	}
	return c
}

// chart returns one pixel of a bar chart on white.
func chart(n int, x, y float64) color.RGBA {
	c := color.RGBA{252, 252, 250, 255}
	if math.Mod(y, 0.2) < 0.004 && x > 0.08 && x < 0.92 {
		c = color.RGBA{226, 228, 226, 255}
	}
	bar := int((x - 0.1) / 0.1)
	within := math.Mod(x-0.1, 0.1)
	height := 0.25 + 0.06*float64(bar) + 0.08*math.Sin(float64(bar*(n+2)))
	if bar >= 0 && bar < 8 && x > 0.1 && within > 0.015 && within < 0.085 && y < 0.9 && y > 0.9-height {
		c = between(color.RGBA{79, 209, 189, 255}, color.RGBA{11, 90, 120, 255}, float64(bar)/8)
	}
	return c
}

func between(a, b color.RGBA, share float64) color.RGBA {
	mix := func(a, b uint8) uint8 { return uint8(float64(a) + (float64(b)-float64(a))*share) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}
