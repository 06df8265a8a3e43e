package ui_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// names has names as people use them. One name is written from right to left. Another
// name is long and has no space at which a line could end.
var names = []string{
	"شاطئ البحر عند الغروب.jpg",
	"IMG_" + strings.Repeat("20261123", 12) + ".jpg",
	"photo (1).jpg", "hills.jpg", "lake.jpg", "dunes.jpg", "morning.jpg", "evening.jpg", "rain.jpg", "snow.jpg", "city.jpg", "garden.jpg",
}

// gradient returns a JPEG without noise. Each n gives a different JPEG.
func gradient(n, width, height int) []byte {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	// The sine of a sum is computed from the sines and cosines of its parts, because a
	// sine for each pixel would take a long time.
	type angle struct{ sin, cos float64 }
	at := func(a float64) angle { return angle{math.Sin(a), math.Cos(a)} }
	wave := func(a, b angle) uint8 { return uint8(127 + 120*(a.sin*b.cos+a.cos*b.sin)) }
	columns := make([]angle, width)
	for x := range columns {
		columns[x] = at(float64(x) / 900)
	}
	for y := range height {
		var row [3]angle
		for i := range row {
			row[i] = at(37*float64(n) + float64(i)*(1+float64(y)/700))
		}
		for x, column := range columns {
			m.SetRGBA(x, y, color.RGBA{wave(row[0], column), wave(row[1], column), wave(row[2], column), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		panic(err) // a picture in memory can be encoded
	}
	return b.Bytes()
}

// states takes the page through all its states and calls see with the name of each.
func states(t *testing.T, see func(p *page, state string)) {
	t.Helper()
	empty, full, locked := newServer(t, ""), newServer(t, ""), newServer(t, "s3cret")
	p := newPage(t, empty)
	online := network.Conditions{DownloadThroughput: -1, UploadThroughput: -1}
	slow := network.Conditions{DownloadThroughput: -1, UploadThroughput: 3_000}
	offline := network.Conditions{Offline: true, DownloadThroughput: -1, UploadThroughput: -1}
	click := func(selector string) {
		p.await(fmt.Sprintf("document.querySelector(%q)?.checkVisibility()", selector))
		eval[*string](p, fmt.Sprintf("document.querySelector(%q).click()", selector))
	}
	search := func(text string) {
		eval[*string](p, fmt.Sprintf(`{ const s = document.getElementById("search"); s.value = %q; s.dispatchEvent(new Event("input")); null; }`, text))
	}

	p.see("#gallery", "No images yet")
	see(p, "empty")

	p.drag([]string{file(t, "a.png", picture(2, 2))}, input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver)
	p.await(`document.querySelector("#overlay").checkVisibility()`)
	see(p, "a file over the window")
	eval[bool](p, `document.querySelector("#overlay").dispatchEvent(new DragEvent("dragleave"))`)

	p.block("*://*:*/upload")
	p.choose(file(t, "notes.txt", []byte("no image")), file(t, "empty.png", nil), file(t, names[0], picture(30, 20)), file(t, names[1], picture(30, 20)))
	p.await(`document.querySelectorAll("#uploads .failed.group").length === 1 && document.querySelectorAll("#uploads .refused").length === 2`)
	see(p, "failing rows")
	p.block()

	p.connect(slow)
	var files []string
	for i, name := range names[2:7] {
		files = append(files, file(t, name, gradient(i, 1200, 900)))
	}
	p.choose(files...)
	p.await(`document.querySelectorAll("#uploads .sending").length === 3`)
	see(p, "uploading")
	p.connect(offline)
	p.await(`document.querySelector("#uploads .note").checkVisibility()`)
	see(p, "offline")
	p.connect(online)
	p.click("#uploads", "", "Cancel all")
	p.await(`onbeforeunload === null`)

	p.visit(locked)
	p.see("#token", "Enter the access token")
	see(p, "token asked for")
	eval[*string](p, `document.getElementById("token-input").value = "wrong"`)
	click("#token button")
	p.see("#token", "That token is wrong")
	see(p, "wrong token")

	for i, name := range names {
		upload(t, full, name, gradient(i, 320+240*(i%2), 240+160*(i%3)))
	}
	p.visit(full)
	p.await(fmt.Sprintf(`document.querySelectorAll("#gallery li").length === %d`, len(names)))
	p.choose(file(t, "new.jpg", gradient(99, 640, 480)))
	p.see("#uploads .stored", "new.jpg")
	see(p, "full gallery")

	click("#gallery li:nth-child(2) .select input")
	click("#gallery li:nth-child(4) .select input")
	see(p, "selection")
	p.remove("city.jpg")
	p.await(`document.querySelector(".toast")`)
	eval[bool](p, `document.querySelector(".toast").dispatchEvent(new PointerEvent("pointerenter"))`) // so that the message stays
	p.await(`document.getAnimations().length === 0`)
	see(p, "toast over a selection")
	click(".toast button")

	click(fmt.Sprintf("#gallery li:has([alt=%q]) .picture", names[1]))
	p.await(`document.querySelector("#view[open] .stage img")?.naturalWidth > 0`)
	see(p, "view")
	p.press("i")
	p.see(".drawer", "SHA-256")
	see(p, "details")
	p.click("#view", "", "Rename")
	see(p, "rename")
	p.click("#view", "", "Cancel")
	p.press("i")
	for range 5 {
		p.press("+")
	}
	p.await(`document.querySelector(".stage.pannable")`)
	see(p, "zoomed view")
	click("#view .actions button:nth-child(2)")
	p.await(`document.querySelector(".share:popover-open")`)
	see(p, "links")
	eval[*string](p, `document.querySelector(".share").hidePopover()`)
	eval[*string](p, "history.back()")
	p.await(`!document.querySelector("dialog[open]")`)

	p.menu("Help")
	p.see("#help", "Who can see the images")
	see(p, "help")
	click("#help summary")
	p.see("#help", "From a terminal")
	see(p, "help for developers")
	eval[*string](p, `document.getElementById("help").close()`)

	eval[*string](p, `navigator.clipboard.writeText = () => Promise.reject(), document.execCommand = () => false, null`)
	click("#gallery li .copy")
	p.see("dialog[open]", "Copy the text from here")
	see(p, "copy by hand")
	click("dialog[open] button")

	search("no such image")
	p.see("#gallery", "No images match")
	see(p, "no match")
	p.connect(offline)
	search("photo")
	p.see("#gallery", "Can’t reach the server")
	see(p, "list error")
	p.connect(online)
}

// size sets the size of the window in CSS pixels.
func (p *page) size(width, height int64) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1,
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// prefer sets a preference of the reader's system, such as prefers-color-scheme.
func (p *page) prefer(feature, value string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: feature, Value: value}},
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// block makes all requests to URLs that match one of the patterns fail from now on.
func (p *page) block(patterns ...string) {
	p.t.Helper()
	blocked := []*network.BlockPattern{}
	for _, pattern := range patterns {
		blocked = append(blocked, &network.BlockPattern{URLPattern: pattern, Block: true})
	}
	if _, err := chromedp.Call(p.ctx, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: blocked}); err != nil {
		p.t.Fatal(err)
	}
}
