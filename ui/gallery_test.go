package ui_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"imageserver/api"
	"imageserver/api/apitest"
)

// press presses keys, one after the other, as a keyboard does. If the page handles a key
// itself, the key writes no text.
func (p *page) press(keys string, modifiers ...chromedp.Modifier) {
	p.t.Helper()
	for _, key := range keys {
		if key < ' ' || key > '~' || len(modifiers) > 0 {
			p.do(chromedp.KeyEvent(string(key), chromedp.KeyModifiers(modifiers...)))
			continue
		}
		for _, event := range []input.DispatchKeyEventParams{
			{Type: input.DispatchKeyEventTypeKeyDown, Key: string(key), Text: string(key)},
			{Type: input.DispatchKeyEventTypeKeyUp, Key: string(key)},
		} {
			if _, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, event); err != nil {
				p.t.Fatal(err)
			}
		}
	}
}

// galleryNames is a JavaScript expression of the names in the gallery, in their order.
const galleryNames = `[...document.querySelectorAll("#gallery .name")].map(e => e.innerText).join(", ")`

// gallery returns when the gallery shows these images, in this order.
func (p *page) gallery(names ...string) {
	p.t.Helper()
	p.await(fmt.Sprintf("%s === %q", galleryNames, strings.Join(names, ", ")))
}

// card returns the selector of the card of an image.
func card(name string) string { return fmt.Sprintf("#gallery li:has([alt=%q])", name) }

// remove deletes an image of the gallery with the key Delete.
func (p *page) remove(name string) {
	p.t.Helper()
	p.await(fmt.Sprintf("document.querySelector(%q)", card(name)+" .picture"))
	p.do(chromedp.Focus(chromedp.CSS(card(name) + " .picture")))
	p.press(kb.Delete)
}

// focusIn returns when the focus is inside an element that matches the selector.
func (p *page) focusIn(selector string) {
	p.t.Helper()
	p.await(fmt.Sprintf("document.activeElement.closest(%q)", selector))
}

// TestThumbnails: the page loads resized copies.
func TestThumbnails(t *testing.T) {
	t.Parallel()
	url := newServerWith(t, api.Options{Decoders: apitest.Decoders(t)})
	upload(t, url, "photo.png", picture(1000, 600))
	scan, err := os.ReadFile("../testdata/little.tif") // browsers do not show TIFF
	if err != nil {
		t.Fatal(err)
	}
	upload(t, url, "scan.tif", scan)
	upload(t, url, "phone.heic", []byte(apitest.Sample(t, "gradient.heic"))) // Chromium does not show HEIC
	upload(t, url, "cut.png", picture(1000, 600)[:300_000])
	p := newPage(t, url)
	for name, width := range map[string]int{"photo.png": 320, "scan.tif": 60, "phone.heic": 60} {
		img := fmt.Sprintf(`document.querySelector('#gallery img[alt="%s"]')`, name)
		p.await(img + "?.naturalWidth > 0")
		if got := eval[int](p, img+".naturalWidth"); got != width {
			t.Errorf("%s: got a picture %d pixels wide, want %d", name, got, width)
		}
	}
	// The server resizes the part of a damaged picture that it can decode.
	p.await(`document.querySelector('#gallery img[alt="cut.png"]')?.naturalWidth === 320`)
	photo := `document.querySelector('#gallery img[alt="photo.png"]')`
	if got, want := eval[string](p, photo+`.getAttribute("width") + "×" + `+photo+`.getAttribute("height")`), "1000×600"; got != want {
		t.Errorf("the attributes say that the picture is %s, want %s", got, want)
	}
	if got := eval[int](p, `performance.getEntriesByType("resource").filter(e => e.name.includes("photo.png")).reduce((sum, e) => sum + e.encodedBodySize, 0)`); got > 200_000 {
		t.Errorf("the page loaded %d bytes for the thumbnail of an image of 1.8 MB", got)
	}
}

// TestFirstView: early.js, not main.js, requests the list and the limits, each of them once. Only
// pictures in the lower half of the window and out of sight have a low priority.
func TestFirstView(t *testing.T) {
	t.Parallel()
	p := newPage(t, newLargeGallery(t, 60))
	p.size(390, 844)
	p.reload()
	p.await(`document.querySelectorAll("#gallery img").length >= 24`)
	for _, request := range []string{"/images?limit=24", "/limits"} {
		got := eval[[]string](p, fmt.Sprintf(`performance.getEntriesByType("resource").filter((e) => e.name.endsWith(%q)).map((e) => e.initiatorType)`, request))
		if !slices.Equal(got, []string{"fetch"}) { // main.js uses XMLHttpRequest
			t.Errorf("%s was requested with %q, want one fetch, from early.js", request, got)
		}
	}
	for _, late := range eval[[]string](p, `[...document.querySelectorAll("#gallery img")]
		.filter((img) => (img.fetchPriority === "low") !== (img.closest("li").getBoundingClientRect().top > innerHeight / 2))
		.map((img) => img.alt + " has the priority " + img.fetchPriority + ", want low only below the middle")`) {
		t.Error(late)
	}
}

// TestSearchAndSort fills the gallery, searches in it and shows every order. The URL has
// the search and the order.
func TestSearchAndSort(t *testing.T) {
	t.Parallel()
	behind := newServer(t, "")
	slow, answered := make(chan struct{}), make(chan struct{})
	url := newFront(t, behind, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("q") == "cat" {
			defer close(answered)
			select {
			case <-slow:
			case <-r.Context().Done():
			}
		}
		return false
	})
	p := newPage(t, url)
	p.see("#gallery", "No images yet. Drop images anywhere on this page, paste an image, or choose files.")
	p.choose(file(t, "cat.png", picture(10, 10)))
	p.gallery("cat.png") // without a reload
	p.choose(file(t, "Dog.png", picture(60, 60)))
	p.gallery("Dog.png", "cat.png")
	p.choose(file(t, "bird.png", picture(30, 30)))
	p.gallery("bird.png", "Dog.png", "cat.png")

	sort := func(order string, names ...string) {
		t.Helper()
		eval[bool](p, fmt.Sprintf(`(() => { const s = document.querySelector("#sort"); s.value = %q; return s.dispatchEvent(new Event("change")); })()`, order))
		p.gallery(names...)
	}
	sort("oldest", "cat.png", "Dog.png", "bird.png")
	sort("name", "Dog.png", "bird.png", "cat.png")
	sort("name-desc", "cat.png", "bird.png", "Dog.png")
	sort("smallest", "cat.png", "bird.png", "Dog.png")
	sort("largest", "Dog.png", "bird.png", "cat.png")

	p.press("/")
	// Insert the text in one step. On a busy machine, single keys are so slow that the page
	// searches for "c" first.
	if _, err := chromedp.Call(p.ctx, input.InsertText, input.InsertTextParams{Text: "cat"}); err != nil {
		t.Fatal(err)
	}
	// The response to this search is late.
	p.await(`location.search.includes("q=cat")`)
	p.see("#gallery .pill", "Loading…")
	p.gallery("Dog.png", "bird.png", "cat.png") // the earlier list stays until the response
	eval[*string](p, `document.querySelector("#search").select()`)
	p.press("Do")
	p.gallery("Dog.png")
	close(slow)
	receive(p, answered)
	p.settle()
	p.gallery("Dog.png")
	p.see("#announcements", "1 image")
	p.reload()
	p.gallery("Dog.png")
	if got, want := eval[string](p, `document.querySelector("#search").value + " " + document.querySelector("#sort").value`), "Do largest"; got != want {
		t.Errorf("after a reload the search and the order are %q, want %q", got, want)
	}
	upload(t, url, "another.png", picture(5, 5))
	p.choose(file(t, "mouse.png", picture(5, 5)), file(t, "condor.png", picture(6, 6)))
	p.see("#uploads .stored", "mouse.png")
	p.gallery("Dog.png", "condor.png") // only the images that match, the largest first

	p.press("/")
	p.press("xyz")
	p.see("#gallery", "No images match “xyz”.")
	p.see("#announcements", "No images match “xyz”.")

	// Back and Forward show the list of their URL.
	eval[bool](p, `history.pushState(null, "", "/?q=bird"), history.pushState(null, "", "/?q=mouse"), history.back(), true`)
	p.gallery("bird.png")
	if got := eval[string](p, `document.querySelector("#search").value`); got != "bird" {
		t.Errorf("the search field has %q, want bird", got)
	}
	p.visit("about:blank")
	p.visit(url + "/?sort=constructor")
	p.await(`document.querySelectorAll("#gallery li").length === 6`)
}

// TestLoadMore: the page loads more images when the end of the list is near. A button also
// loads more images, and moves the focus to them. After an error the reader can try again.
// No image moves.
func TestLoadMore(t *testing.T) {
	t.Parallel()
	var failing atomic.Bool
	var lists atomic.Int32
	url := newFront(t, newLargeGallery(t, 240), func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/images" {
			return false
		}
		lists.Add(1)
		if failing.Load() {
			http.Error(w, `{"message": "Not today."}`, http.StatusServiceUnavailable)
			return true
		}
		return false
	})
	p := newPage(t, "about:blank")
	p.size(500, 700)
	failing.Store(true)
	p.visit(url)
	p.see("#gallery .error", "Not today.")
	failing.Store(false)
	p.do(chromedp.Focus(chromedp.CSS("#gallery > button:last-of-type")))
	p.press("\r")
	p.focusIn(card("image 00000.png"))

	p.visit("about:blank")
	p.visit(url)
	eval[bool](p, `(window.shift = 0, new PerformanceObserver(l => l.getEntries().forEach(e => { shift += e.value; })).observe({type: "layout-shift", buffered: true}), true)`)
	p.see("#gallery", "image 00017.png")
	p.settle()
	if got := lists.Load(); got > 5 {
		t.Errorf("the page requested %d lists although nobody scrolled, want at most 5", got)
	}
	bottom := `void scrollTo(0, document.documentElement.scrollHeight)`
	last := `Number([...document.querySelectorAll("#gallery li")].at(-1).getAttribute("aria-posinset"))`
	p.await(`(` + bottom + `, ` + last + ` >= 84)`)
	failing.Store(true)
	p.await(`(` + bottom + `, document.querySelector("#gallery .error"))`)
	p.see("#gallery .error", "Not today.")
	asked := lists.Load()
	eval[*string](p, `void scrollTo(0, 0)`)
	eval[*string](p, bottom)
	p.settle()
	loaded := eval[int](p, last)
	if got := lists.Load(); got != asked {
		t.Errorf("after an error the page requested the list again by itself")
	}
	failing.Store(false)
	p.click("#gallery", "", "Retry")
	p.focusIn(card(fmt.Sprintf("image %05d.png", loaded)))
	p.see("#announcements", "60 more images")
	if got := eval[float64](p, `shift`); got != 0 {
		t.Errorf("the layout shifted by %g", got)
	}
	p.await(`(scrollTo(0, document.documentElement.scrollHeight), document.querySelector('[alt="image 00239.png"]'))`)
	p.await(`!document.querySelector("#gallery > button:last-of-type").checkVisibility()`)
}

// TestScrollPosition: Back from another page and a reload show the same images again.
func TestScrollPosition(t *testing.T) {
	t.Parallel()
	url := newLargeGallery(t, 400)
	p := newPage(t, url)
	top := `[...document.querySelectorAll("#gallery li")].find(e => e.getBoundingClientRect().bottom > 110)?.querySelector(".name").innerText`
	p.see("#gallery .name", "image 00023.png")
	for _, n := range []int{20, 330} {
		name := fmt.Sprintf("image %05d.png", n)
		for end := time.Now().Add(patience); !eval[bool](p, fmt.Sprintf(`(() => {
			const e = document.querySelector('#gallery li:has([alt=%q])');
			e ? e.scrollIntoView() : scrollTo(0, document.documentElement.scrollHeight);
			return !!e;
		})()`, name)); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the page never loads", name)
			}
		}
		before := eval[string](p, top)
		p.await(fmt.Sprintf(`history.state?.top === %q`, before))
		p.reload()
		p.await(fmt.Sprintf("%s === %q && scrollY > 0", top, before))
		eval[*string](p, `void addEventListener("unload", () => {})`) // the browser keeps no page in memory that has an unload listener
		p.visit("about:blank")
		// A script goes back in the history, because DevTools refuses to do so while the
		// browser closes a page with an unload listener.
		p.step("back")
		p.await(`location.protocol !== "about:" && document.readyState === "complete"`)
		p.await(fmt.Sprintf("%s === %q && scrollY > 0", top, before))
	}
	if got := eval[string](p, `location.search`); !strings.HasPrefix(got, "?from=") {
		t.Errorf("far down in the list the URL has %q, want ?from=", got)
	}
	eval[*string](p, `void scrollTo(0, 0)`)
	p.await(`history.state.top === undefined`)
	p.reload()
	p.see("#gallery", "Back to the start") // still not the first page
	p.click("#gallery", "", "Back to the start")
	p.see("#gallery .name", "image 00000.png")
	p.focusIn("#gallery-title")
	p.await(`location.search === ""`)

	// A cursor of another list, or an invalid one.
	url = newServer(t, "")
	upload(t, url, "cat.png", picture(10, 10))
	p.visit(url + "/?from=nonsense&sort=name")
	p.gallery("cat.png")
	p.await(`location.search === "?sort=name"`)
}

// TestTooManyPixels: the gallery does not load the original of a picture that is
// too large for the server to resize.
func TestTooManyPixels(t *testing.T) {
	t.Parallel()
	url := newServerWith(t, api.Options{MaxPixels: 1000})
	upload(t, url, "large.png", picture(64, 64))
	upload(t, url, "small.png", picture(16, 16))
	p := newPage(t, url)
	p.see("#gallery", "small.png")
	eval[*string](p, `void location.reload()`) // with or without stored limits, the page is the same at the end
	p.await(`document.querySelectorAll("#gallery .picture").length === 2`)
	p.await(`document.querySelector("#gallery .picture img[alt='small.png']")?.naturalWidth === 16`)
	p.await(`document.querySelector("#gallery .picture img[alt='large.png']") === null`)
}
