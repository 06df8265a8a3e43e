package ui_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// viewing returns when the view shows the image of this name.
func (p *page) viewing(name string) {
	p.t.Helper()
	p.await(fmt.Sprintf(`document.querySelector("#view[open] h2")?.innerText === %q && new URLSearchParams(location.search).get("image") === %[1]q &&
		document.querySelector("#view .stage img").naturalWidth > 0 && document.title.includes(%[1]q)`, name))
}

// closed returns when all dialogs are closed.
func (p *page) closed() {
	p.t.Helper()
	p.await(`!document.querySelector("dialog[open]") && !location.search.includes("image")`)
}

// swipe moves a finger over the picture by x and y pixels.
func (p *page) swipe(x, y float64) {
	p.t.Helper()
	at := func(x, y float64) []*input.TouchPoint { return []*input.TouchPoint{{X: 500 + x, Y: 400 + y}} }
	for _, touch := range []input.DispatchTouchEventParams{
		{Type: input.DispatchTouchEventTypeTouchStart, TouchPoints: at(0, 0)},
		{Type: input.DispatchTouchEventTypeTouchMove, TouchPoints: at(x/2, y/2)},
		{Type: input.DispatchTouchEventTypeTouchMove, TouchPoints: at(x, y)},
		{Type: input.DispatchTouchEventTypeTouchEnd, TouchPoints: []*input.TouchPoint{}},
	} {
		if _, err := chromedp.Call(p.ctx, input.DispatchTouchEvent, touch); err != nil {
			p.t.Fatal(err)
		}
	}
}

// TestView opens and closes an image by a click, by a URL and with Back and Forward. Arrow
// keys, buttons and swipes open its neighbours.
func TestView(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	for _, name := range []string{"c.png", "b.png", "a.png"} {
		upload(t, url, name, picture(40, 30))
	}
	p := newPage(t, url)
	p.gallery("a.png", "b.png", "c.png")
	p.clickOn(card("b.png") + " .picture")
	p.viewing("b.png")
	p.await(`!document.querySelector(".drawer").checkVisibility()`)
	p.press("i")
	for _, fact := range []string{"PNG", "40 × 30", "3.", "Uploaded", "SHA-256"} {
		p.see("#view .drawer", fact)
	}
	p.press(kb.ArrowRight)
	p.viewing("c.png")
	p.press(kb.ArrowRight) // there is no next image
	p.viewing("c.png")
	p.await(`!document.querySelector("#view .next").checkVisibility()`)
	p.click("#view", "", "Previous image")
	p.viewing("b.png")
	p.click("#view", "", "Previous image")
	p.viewing("a.png")
	p.focusIn("#view h2") // not the button, which is now hidden
	p.press(kb.Escape)
	p.closed()
	p.focusIn(card("a.png"))
	p.await(`document.title === "Image server"`)

	p.do(chromedp.NavigateForward())
	p.viewing("a.png")
	p.press("?")
	p.see("#help", "Share images")
	p.press(kb.Delete) // must not delete the image below the help
	p.press(kb.Escape)
	p.viewing("a.png")
	p.do(chromedp.NavigateBack())
	p.closed()
	p.gallery("a.png", "b.png", "c.png")
	p.press("\r")
	p.viewing("a.png")
	p.reload()
	p.viewing("a.png")
	p.click("#view", "", "Close")
	p.closed()
	p.focusIn(card("a.png"))
	if got := eval[int](p, `history.length`); got > 3 {
		t.Errorf("the history has %d entries, want 3: about:blank, the gallery, the image", got)
	}

	// An image that was opened by its URL has no earlier entry in the history.
	p.visit("about:blank")
	p.visit(url + "/?q=b&image=b.png")
	p.viewing("b.png")
	p.await(`!document.querySelector("#view .next").checkVisibility()`) // the search finds only this image
	p.press(kb.Escape)
	p.closed()
	p.await(`location.search === "?q=b"`)
	p.focusIn(card("b.png"))
	p.visit(url + "/?image=gone.png")
	p.see(".toast", "There is no image called gone.png.")
	p.closed()

	// Swipes.
	if _, err := chromedp.Call(p.ctx, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	p.clickOn(card("b.png") + " .picture")
	p.viewing("b.png")
	p.swipe(-200, 20)
	p.viewing("c.png")
	p.swipe(200, 20)
	p.viewing("b.png")
	p.swipe(-30, 0)
	p.swipe(-100, 200)
	p.viewing("b.png")
	p.swipe(200, 0)
	p.viewing("a.png")
}

// TestLongPicture: a very long picture does not fit into the window. The view shows its
// beginning, and loads enough pixels for that.
func TestLongPicture(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	upload(t, url, "tall.jpg", gradient(1, 80, 4000))
	upload(t, url, "short.jpg", gradient(1, 80, 1900))
	p := newPage(t, url)
	p.size(1280, 900)
	for name, pixels := range map[string]int{"tall.jpg": 4000, "short.jpg": 1900} {
		p.visit(url + "/?image=" + name)
		p.viewing(name)
		p.await(fmt.Sprintf(`document.querySelector("#view .stage img:not(.small)")?.naturalHeight === %d`, pixels))
	}
}

// TestZoom zooms by keys, by the wheel, by a double click and by the button. The pixel under
// the pointer stays there. When the picture is enlarged, the view loads the original.
func TestZoom(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	upload(t, url, "small.png", picture(100, 80))
	upload(t, url, "large.jpg", gradient(1, 3000, 1400))
	p := newPage(t, url+"/?image=large.jpg")
	p.viewing("large.jpg")
	p.size(1280, 900)
	const img, stage = `document.querySelector("#view .stage img")`, `document.querySelector("#view .stage")`
	width := func(want string) {
		t.Helper()
		p.await(fmt.Sprintf(`Math.abs(%s.getBoundingClientRect().width - %s) < 1`, img, want))
	}
	p.await(img + `.naturalWidth === 1280`) // a copy, because the original is larger than the window
	width("1280")
	p.press("1")
	p.await(img + `.naturalWidth === 3000`)
	width("3000")
	p.see("#announcements", "100%")
	p.press(kb.ArrowRight) // shows more of the picture, not the next picture
	p.await(fmt.Sprintf(`Math.abs(%s.getBoundingClientRect().left - (1280 - 3000) / 2 + 80) < 1`, img))
	p.viewing("large.jpg")
	p.press("0")
	width("1280")
	p.press("+")
	width("1920")
	p.press("-")
	width("1280")
	p.press("-")
	p.settle()
	width("1280") // not smaller than the window

	// The wheel zooms around the pointer.
	under := fmt.Sprintf(`(r => (300 - r.left) / r.width)(%s.getBoundingClientRect())`, img)
	before := eval[float64](p, under)
	wheel := func(y float64) {
		t.Helper()
		if _, err := chromedp.Call(p.ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseWheel, X: 300, Y: 450, DeltaX: 1, DeltaY: y}); err != nil {
			t.Fatal(err)
		}
	}
	wheel(-500)
	width("1280 * Math.E")
	if after := eval[float64](p, under); after-before > 0.002 || before-after > 0.002 {
		t.Errorf("the wheel moved the pixel under the pointer from %.3f to %.3f of the width", before, after)
	}
	wheel(-5000)
	width("3000 * 8")
	wheel(20_000)
	width("1280")
	// A notch of the wheel is 3 lines in Firefox, or a page if the reader's system scrolls by
	// pages, and 120 pixels in Chromium.
	for _, notch := range []string{"deltaMode: WheelEvent.DOM_DELTA_LINE, deltaY: -3", "deltaMode: WheelEvent.DOM_DELTA_PAGE, deltaY: -1"} {
		eval[bool](p, fmt.Sprintf(`%s.dispatchEvent(new WheelEvent("wheel", { %s }))`, stage, notch))
		width("1280 * Math.exp(120 * 0.002)")
		wheel(20_000)
		width("1280")
	}

	p.click("#view .actions", "", "Full size")
	width("3000")
	p.click("#view .actions", "", "Fit to window")
	width("1280")

	// A drag moves the picture.
	p.press("1")
	width("3000")
	left := eval[float64](p, img+`.getBoundingClientRect().left`)
	for i, typ := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseMoved, input.DispatchMouseEventTypeMouseReleased} {
		if _, err := chromedp.Call(p.ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: typ, X: 600 + 60*float64(min(i, 1)), Y: 450, Button: input.MouseButtonLeft, ClickCount: 1}); err != nil {
			t.Fatal(err)
		}
	}
	p.await(fmt.Sprintf(`%s.getBoundingClientRect().left === %g`, img, left+60))

	// The next picture begins as a whole. It is small, so a double click enlarges it.
	p.press("0")
	width("1280")
	p.press(kb.ArrowRight)
	p.viewing("small.png")
	width("100")
	p.doubleClick("#view .stage img")
	width("250")
	p.doubleClick("#view .stage img")
	width("100")
	p.await(fmt.Sprintf(`Math.abs(%s.getBoundingClientRect().left + 50 - %s.clientWidth / 2) < 1`, img, stage))

	upload(t, url, "icon.svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 60"><path d="M0 0h90v60"/></svg>`))
	p.visit(url + "/?image=icon.svg")
	p.viewing("icon.svg")
	p.press("1")
	p.await(img + `.clientWidth === 90 && ` + img + `.clientHeight === 60`)
}

// TestPinch: two fingers zoom, and one tap hides the controls or shows them.
func TestPinch(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	upload(t, url, "large.jpg", gradient(1, 3000, 1400))
	p := newPage(t, url)
	if _, err := chromedp.Call(p.ctx, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	p.visit(url + "/?image=large.jpg")
	p.viewing("large.jpg")
	const width = `document.querySelector("#view .stage img").getBoundingClientRect().width`
	fitted := eval[float64](p, width)
	touch := func(typ input.DispatchTouchEventType, points ...*input.TouchPoint) {
		t.Helper()
		if points == nil {
			points = []*input.TouchPoint{}
		}
		if _, err := chromedp.Call(p.ctx, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: typ, TouchPoints: points}); err != nil {
			t.Fatal(err)
		}
	}
	id := func(n float64) *float64 { return &n }
	fingers := func(distance float64) []*input.TouchPoint {
		return []*input.TouchPoint{{X: 600 - distance/2, Y: 450, ID: id(0)}, {X: 600 + distance/2, Y: 450, ID: id(1)}}
	}
	touch(input.DispatchTouchEventTypeTouchStart, fingers(100)...)
	touch(input.DispatchTouchEventTypeTouchMove, fingers(150)...)
	touch(input.DispatchTouchEventTypeTouchMove, fingers(200)...)
	touch(input.DispatchTouchEventTypeTouchEnd)
	p.await(fmt.Sprintf("Math.abs(%s - %g) < 2", width, 2*fitted))
	p.viewing("large.jpg")

	tap := func() {
		touch(input.DispatchTouchEventTypeTouchStart, &input.TouchPoint{X: 600, Y: 450})
		touch(input.DispatchTouchEventTypeTouchEnd)
	}
	const opacity = `getComputedStyle(document.querySelector("#view .bar")).opacity`
	tap()
	p.await(opacity + ` === "0"`)
	// On a slow device the focus moves only now.
	eval[bool](p, `document.querySelector("#view").dispatchEvent(new FocusEvent("focusin", { bubbles: true }))`)
	p.settle()
	p.await(`document.querySelector("#view.bare")`)
	eval[*string](p, `document.querySelector("#view .actions button").focus()`)
	p.await(opacity + ` === "1"`)
	tap()
	p.await(opacity + ` === "0"`)
	tap()
	p.await(opacity + ` === "1"`)
}

// TestViewControls: the controls fade when the mouse rests, and a key shows them again. The
// view loads the neighbours ahead, and small pictures of the neighbours open them.
func TestViewControls(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	for i, name := range []string{"c.jpg", "b.jpg", "a.jpg"} {
		upload(t, url, name, gradient(i, 1600, 1200))
	}
	p := newPage(t, url+"/?image=b.jpg")
	p.viewing("b.jpg")
	p.await(`["a.jpg", "c.jpg"].every((name) => performance.getEntriesByType("resource").some((e) => e.name.includes(name) && e.name.includes("w=1280")))`)
	const opacity = `getComputedStyle(document.querySelector("#view .bar")).opacity`
	p.do(chromedp.MouseEvent("mouseMoved", 600, 450))
	p.await(opacity + ` === "0"`)
	p.press("+")
	p.await(opacity + ` === "1"`)
	p.clickOn(`#view .filmstrip button[title="c.jpg"]`)
	p.viewing("c.jpg")
	p.await(`document.querySelector("#view .filmstrip [aria-current=true]").title === "c.jpg"`)
}

// TestViewTooLate: the reader opens another image before the error response for the first image
// arrives. The response does not close the other image.
func TestViewTooLate(t *testing.T) {
	t.Parallel()
	behind := newServer(t, "")
	var failing atomic.Bool
	asked, viewing := make(chan struct{}), make(chan struct{})
	url := newFront(t, behind, func(w http.ResponseWriter, r *http.Request) bool {
		if !failing.Load() || !r.URL.Query().Has("name") {
			return false
		}
		close(asked)
		hold(t, viewing)
		w.WriteHeader(http.StatusInternalServerError)
		return true
	})
	upload(t, url, "b.png", picture(20, 20))
	upload(t, url, "a.png", picture(20, 20))
	p := newPage(t, url)
	p.gallery("a.png", "b.png")
	p.clickOn(card("a.png") + " .picture")
	p.viewing("a.png")
	p.do(chromedp.NavigateBack())
	p.closed()
	failing.Store(true)
	p.step("forward")
	receive(p, asked)
	p.step("back")
	p.closed()
	p.clickOn(card("b.png") + " .picture")
	p.viewing("b.png")
	close(viewing)
	p.await(`performance.getEntriesByType("resource").some(e => e.name.includes("name=") && e.responseStatus === 500)`)
	p.settle()
	p.viewing("b.png")
	p.await(`!document.querySelector(".toast")`)
}

// TestRename renames images in the view. After that, the old name is free.
func TestRename(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	same := picture(20, 20)
	upload(t, url, "twin.png", same)
	upload(t, url, "taken.png", picture(10, 10))
	upload(t, url, "cat.png", same)
	p := newPage(t, url)
	p.clickOn(card("cat.png") + " .select")
	p.see("#selection", "1 selected")
	p.clickOn(card("cat.png") + " .picture")
	p.viewing("cat.png")
	p.press("i")
	rename := func(name string) {
		t.Helper()
		p.click("#view", "", "Rename")
		p.await(`document.activeElement.matches(".rename input") && document.activeElement.selectionEnd === document.activeElement.value.lastIndexOf(".")`)
		eval[*string](p, `document.activeElement.select()`)
		p.press(name + "\r")
	}
	rename("taken.png")
	p.see("#view .rename .error", "Another image is called taken.png.")
	p.press(kb.Escape) // closes the form, not the view
	p.viewing("cat.png")
	p.focusIn("#view .name-row")
	rename("a/b.png")
	p.see("#view .rename .error", "A name can’t contain “/”.")
	p.click("#view", "", "Cancel")
	rename(".png")
	p.see("#view .rename .error", "A name can’t start or end with a dot.")
	p.click("#view", "", "Cancel")
	rename(strings.Repeat("é", 150) + ".png") // more bytes than a name may have; only the server counts bytes
	// The server's sentence has its own direction, because the page may be in Arabic.
	p.await(`/^\u2068.*\u2069$/.test(document.querySelector("#view .rename .error").textContent)`)
	p.click("#view", "", "Cancel")
	rename("cat.png")
	p.await(`!document.querySelector(".rename")`)
	rename("dog") // keeps the extension
	p.viewing("dog.png")
	p.see("#announcements", "Renamed to dog.png")
	p.focusIn("#view .name-row")
	rename("taken.png")
	p.click("#view .rename", "", "Use ")
	p.viewing("taken-2.png")
	rename("twin.png") // twin.png has the same bytes, so the server merges the two images
	p.viewing("twin.png")
	p.press(kb.Escape)
	p.closed()
	p.gallery("taken.png", "twin.png") // the image has the time of the first upload
	p.await(`document.querySelector("#search").placeholder === "Search 2 images"`)
	p.focusIn(card("twin.png"))
	p.see("#selection", "1 selected")
	if got, want := strings.Join(list(t, url), ", "), "taken.png, twin.png"; got != want {
		t.Errorf("the server has %s, want %s", got, want)
	}

	// Someone else deletes the image.
	p.press("\r")
	p.viewing("twin.png")
	req, err := http.NewRequest("DELETE", url+"/images/twin.png", nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := http.DefaultClient.Do(req); err != nil || res.StatusCode != http.StatusNoContent {
		t.Fatal(res, err)
	}
	rename("late.png")
	p.await(`document.querySelector("#view .rename .error").innerText.length > 10`)
}
