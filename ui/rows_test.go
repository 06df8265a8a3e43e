package ui_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imageserver/api/apitest"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// uploadAt stores an image through the API, with this time of the upload.
func uploadAt(t *testing.T, url, name string, content []byte, at time.Time) {
	t.Helper()
	req, err := http.NewRequest("PUT", url+"/images/"+name, strings.NewReader(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Uploaded-At", at.UTC().Format(time.RFC3339))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("%s: status %d", name, res.StatusCode)
	}
}

// focusOn returns when the picture of this image has the focus.
func (p *page) focusOn(name string) {
	p.t.Helper()
	p.await(fmt.Sprintf("document.activeElement.matches(%q)", card(name)+" .picture"))
}

// watchShifts collects, in the variable shifts, the elements that match the selector and move
// without an action of the reader, also before this call. It leaves out each shift in which the
// panel of the uploads moves, too.
func (p *page) watchShifts(selector string) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf(`(window.shifts = [], new PerformanceObserver((list) => {
		for (const { value, sources } of list.getEntries().filter((e) => !e.hadRecentInput && !e.sources.some(({ node }) => node?.id === "uploads"))) {
			shifts.push(...sources.filter(({ node }) => node?.matches?.(%q)).map(({ node }) => value + " " + node.outerHTML.slice(0, 120)));
		}
	}).observe({ type: "layout-shift", buffered: true }), true)`, selector))
}

// TestLongPictures: a picture that is very long or very wide has enough space to be seen and
// clicked, in rows and in squares.
func TestLongPictures(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	upload(t, url, "long.png", picture(6, 600))
	upload(t, url, "wide.png", picture(600, 5))
	p := newPage(t, url)
	for _, width := range []int64{1440, 390} {
		p.size(width, 800)
		p.await(`document.querySelectorAll("#gallery li img").length === 2`)
		if got := eval[float64](p, `Math.min(...[...document.querySelectorAll("#gallery li")].flatMap((li) => [li.offsetWidth, li.offsetHeight]))`); got < 80 {
			t.Errorf("%d pixels wide: a side of a card has %.0f pixels, want at least 80", width, got)
		}
	}
}

// TestPictureShare: most of the window is pictures.
func TestPictureShare(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	shapes := [][2]int{{300, 200}, {200, 300}, {320, 180}, {240, 240}, {280, 210}}
	for i := range 36 {
		shape := shapes[i*7%5]
		upload(t, url, fmt.Sprintf("%02d.jpg", i), gradient(i, shape[0], shape[1]))
	}
	p := newPage(t, "about:blank")
	for width, want := range map[int64]float64{1440: 0.6, 768: 0.6, 390: 0.7} {
		p.size(width, map[int64]int64{1440: 900, 768: 1024, 390: 844}[width])
		p.visit(url)
		p.await(`document.querySelectorAll("#gallery img").length > 10`)
		p.await(`[...document.querySelectorAll("#gallery img")].slice(0, 10).every((img) => img.naturalWidth > 0)`)
		share := eval[float64](p, `[...document.querySelectorAll("#gallery img")].reduce((sum, img) => {
			const {left, right, top, bottom} = img.getBoundingClientRect();
			return sum + Math.max(0, Math.min(right, innerWidth) - Math.max(left, 0)) * Math.max(0, Math.min(bottom, innerHeight) - Math.max(top, 104));
		}, 0) / innerWidth / innerHeight`)
		t.Logf("%d pixels wide: %.0f%% of the window are pictures", width, 100*share)
		if share < want {
			t.Errorf("%d pixels wide: %.2f of the window are pictures, want at least %.2f", width, share, want)
		}
		if gap := eval[float64](p, `(() => {
			const boxes = [...document.querySelectorAll("#gallery .picture")].map((e) => e.getBoundingClientRect());
			return Math.max(...boxes.filter((b) => b.top === boxes[0].top).map((b) => b.right)) - document.querySelector("#gallery section").getBoundingClientRect().right;
		})()`); gap < -1 || gap > 1 {
			t.Errorf("%d pixels wide: the first row ends %.1f pixels from the edge", width, gap)
		}
	}
}

// TestShapes: very long pictures and pictures of unknown size are visible, in rows of one
// height.
func TestShapes(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	upload(t, url, "unknown.svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><rect width="60" height="40" fill="#c83c28"/></svg>`))
	upload(t, url, "wide.png", picture(4000, 20))
	upload(t, url, "tall.png", picture(20, 4000))
	p := newPage(t, url)
	p.gallery("tall.png", "wide.png", "unknown.svg")
	size := func(name string) string {
		return fmt.Sprintf(`(({width, height}) => [Math.round(width), Math.round(height)].join("×"))(document.querySelector('#gallery [alt=%q]').getBoundingClientRect())`, name)
	}
	for name, want := range map[string]string{"tall.png": "104×208", "wide.png": "624×208", "unknown.svg": "208×208"} {
		if got := eval[string](p, size(name)); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	p.await(`document.querySelector('#gallery [alt="wide.png"]').src.includes("fit=cover")`)
}

// TestDays: images that are sorted by time have a heading for each day, with a checkbox that
// selects the day.
func TestDays(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	noon := time.Date(time.Now().Year(), time.Now().Month(), time.Now().Day(), 12, 0, 0, 0, time.Local)
	uploadAt(t, url, "old.png", picture(30, 20), time.Date(2020, 5, 17, 12, 0, 0, 0, time.Local))
	uploadAt(t, url, "b.png", picture(30, 20), noon.AddDate(0, 0, -1))
	uploadAt(t, url, "a.png", picture(30, 20), noon.AddDate(0, 0, -1).Add(time.Second))
	upload(t, url, "new.png", picture(30, 20))
	p := newPage(t, url)
	p.gallery("new.png", "a.png", "b.png", "old.png")
	headings := `[...document.querySelectorAll("#gallery .day")].map((e) => e.innerText.replace(/\s+/g, " ").trim()).join(" | ")`
	if got, want := eval[string](p, headings), "Today 1 | Yesterday 2 | May 17, 2020 1"; got != want {
		t.Errorf("the headings are %q, want %q", got, want)
	}
	box := `[...document.querySelectorAll("#gallery .day input")][1]`
	eval[*string](p, box+`.click()`)
	p.see("#selection", "2 selected")
	p.see("#announcements", "2 selected")
	p.clickOn(card("b.png") + " .select input")
	p.see("#selection", "1 selected")
	p.await(box + `.indeterminate`)
	p.do(chromedp.Focus(chromedp.CSS(card("a.png") + " .picture")))
	p.press(kb.Escape)
	p.await(`!document.querySelector("#selection").checkVisibility() && !` + box + `.indeterminate`)
	eval[bool](p, `(() => { const s = document.querySelector("#sort"); s.value = "name"; return s.dispatchEvent(new Event("change")); })()`)
	p.gallery("a.png", "b.png", "new.png", "old.png")
	p.await(`!document.querySelector("#gallery .day")`)
}

// TestKeyboard: the gallery has one tab stop. Keys move between the images and handle the
// image that has the focus.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	p := newPage(t, newLargeGallery(t, 200))
	p.useClipboard()
	p.allowClipboard()
	p.see("#gallery .name", "image 00010.png")
	stops := `[...document.querySelectorAll("#gallery li :is(a, input, button)")].filter((e) => e.tabIndex >= 0).length`
	if got := eval[int](p, stops); got != 1 {
		t.Errorf("the images have %d tab stops, want 1", got)
	}
	eval[*string](p, `document.querySelector("#skip").focus()`)
	p.press("\r")
	p.focusOn("image 00000.png")
	perRow := eval[int](p, `[...document.querySelectorAll("#gallery li")].filter((e, _, all) => e.getBoundingClientRect().top === all[0].getBoundingClientRect().top).length`)
	name := func(n int) string { return fmt.Sprintf("image %05d.png", n) }
	for _, step := range []struct {
		key  string
		want int
	}{
		{kb.ArrowRight, 1}, {kb.ArrowLeft, 0}, {kb.ArrowLeft, 0}, {kb.ArrowDown, perRow}, {kb.ArrowRight, perRow + 1}, {kb.ArrowUp, 1},
		{kb.PageDown, 3*perRow + 1}, {kb.PageUp, 1}, {kb.Home, 0},
	} {
		p.press(step.key)
		p.focusOn(name(step.want))
	}
	p.press(kb.End)
	p.await(`document.activeElement.closest("#gallery li")?.getAttribute("aria-posinset") > 20`)
	p.await(`(({top, bottom}) => top >= 56 && bottom <= innerHeight)(document.activeElement.getBoundingClientRect())`)
	eval[*string](p, `void scrollTo(0, 0)`)
	p.settle()
	p.await(`document.activeElement.closest("#gallery li")`) // the focus stays, although its row is far away
	p.press(kb.Home)
	p.focusOn(name(0))
	p.press(" ")
	p.see("#selection", "1 selected")
	p.press(kb.ArrowRight + kb.ArrowRight)
	p.press(" ", chromedp.ModifierShift)
	p.see("#selection", "3 selected")
	p.press("c")
	p.see("#announcements", "Copied")
	p.focusOn(name(2))
	p.press(kb.Delete)
	p.focusOn(name(3))
	p.press("z", chromedp.ModifierCtrl)
	p.press("\r")
	p.viewing(name(3))
}

// TestNewImagesStay: a new image is in its place at once. The images that the reader sees do not
// move.
func TestNewImagesStay(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	for i := range 60 {
		upload(t, url, fmt.Sprintf("%02d.jpg", i), gradient(i, 300, 200+20*(i%5)))
	}
	p := newPage(t, url)
	p.await(`document.querySelector("#gallery .day .hint")?.textContent === "60"`) // all images are loaded
	p.watchShifts("#gallery *")
	eval[*string](p, `void scrollTo(0, 500)`)
	p.settle()
	place := `JSON.stringify([...document.querySelectorAll("#gallery li")].map((e) => [e.querySelector("img").alt, e.getBoundingClientRect()])
		.filter(([, r]) => r.top > 110 && r.bottom < innerHeight - 50).map(([alt, r]) => [alt, r.left, Math.round(r.top)]))`
	before := eval[string](p, place)
	var files []string
	for i := range 20 {
		files = append(files, file(t, fmt.Sprintf("new %02d.jpg", i), gradient(100+i, 320, 200+17*(i%4))))
	}
	p.choose(files...)
	p.see("#uploads .summary", "20 uploaded")
	p.await(`document.querySelector("#gallery .day .hint")?.textContent === "80"`)
	p.settle()
	if after := eval[string](p, place); after != before {
		t.Errorf("the images were at %s, and are at %s", before, after)
	}
	for _, shift := range eval[[]string](p, `shifts`) {
		t.Errorf("the layout shifted: %s", shift)
	}
	eval[*string](p, `void scrollTo(0, 0)`)
	p.see("#gallery .name", "new 19.jpg")
}

// TestBatchDoesNotShift: while many images are uploaded, the images that the reader sees do not
// jump. The page inserts the new images at most once a second.
func TestBatchDoesNotShift(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	for i := range 12 {
		upload(t, url, fmt.Sprintf("%02d.png", i), picture(30, 20))
	}
	p := newPage(t, url)
	p.see("#gallery .name", "11.png")
	p.watchShifts("#gallery *")
	// The page makes the cards that are out of sight in later frames. Changes within 300 ms of a
	// counted insertion belong to it.
	eval[bool](p, `window.insertions = [], new MutationObserver((changes) => {
		if (changes.some(({addedNodes}) => addedNodes.length > 0) && !(performance.now() - insertions.at(-1) < 300)) insertions.push(performance.now());
	}).observe(document.querySelector("#gallery ul"), { childList: true }), true`)
	var files []string
	for i := range 40 {
		files = append(files, file(t, fmt.Sprintf("new %03d.png", i), picture(20+i%17, 20)))
	}
	p.choose(files...)
	p.see("#uploads .summary", "40 uploaded")
	p.await(`document.querySelector("#gallery .day .hint")?.textContent === "52"`)
	p.settle()
	for _, shift := range eval[[]string](p, `shifts`) {
		t.Errorf("the layout shifted: %s", shift)
	}
	times := eval[[]float64](p, `insertions`)
	if most := (times[len(times)-1]-times[0])/1000 + 2; float64(len(times)) > most {
		t.Errorf("the page inserted images %d times in %.0f ms, want at most once a second", len(times), times[len(times)-1]-times[0])
	}
}

// TestSearchWhileAway: if the server does not respond to a search, the page keeps the images of
// the previous search, and says that the server does not respond. When the server is back, the
// page searches again.
func TestSearchWhileAway(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	for _, name := range []string{"dog.png", "cat.png"} {
		upload(t, url, name, picture(30, 20))
	}
	p := newPage(t, url)
	p.gallery("cat.png", "dog.png")
	p.connect(network.Conditions{Offline: true, DownloadThroughput: -1, UploadThroughput: -1})
	p.press("/")
	p.press("dog")
	p.see("#gallery .pill", "Can’t reach the server")
	p.see("#announcements", "Can’t reach the server")
	p.gallery("cat.png", "dog.png")
	p.connect(network.Conditions{DownloadThroughput: -1, UploadThroughput: -1})
	p.gallery("dog.png")
	p.await(`!document.querySelector("#gallery .pill").checkVisibility()`)
	p.see("#announcements", "1 image")
}

// TestThumbnailsComeBack: if thumbnails could not be loaded because the server was stopped, the
// page loads them when the server is back.
func TestThumbnailsComeBack(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	url := newFront(t, newServer(t, ""), func(_ http.ResponseWriter, r *http.Request) bool {
		if away.Load() && (strings.HasPrefix(r.URL.Path, "/images/") || r.URL.Path == "/livez") {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	upload(t, url, "cat.png", picture(30, 20))
	away.Store(true)
	p := newPage(t, url)
	p.gallery("cat.png")
	p.await(`performance.getEntriesByType("resource").some((e) => e.name.endsWith("/livez"))`)
	away.Store(false)
	p.await(`document.querySelector('#gallery [alt="cat.png"]')?.naturalWidth === 30`)
}

// TestList: the list has columns, and keeps the images and the keys.
func TestList(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	for _, name := range []string{"dog.png", "cat.png"} {
		upload(t, url, name, picture(30, 20))
	}
	p := newPage(t, url)
	p.gallery("cat.png", "dog.png")
	p.clickOn("#menu-button")
	p.focusIn("#menu")
	eval[*string](p, `document.querySelector("#menu [value=list]").click()`)
	p.press(kb.Escape)
	p.await(`document.activeElement.id === "menu-button" && !document.querySelector("#menu").checkVisibility()`)
	p.gallery("cat.png", "dog.png")
	for _, fact := range []string{"PNG", "30 × 20", "kB"} {
		p.see(card("cat.png"), fact)
	}
	p.do(chromedp.Focus(chromedp.CSS(card("cat.png") + " .picture")))
	p.press(kb.ArrowDown)
	p.focusOn("dog.png")
	p.reload() // the choice stays
	p.see(card("cat.png"), "30 × 20")
	for name, want := range map[string]string{"lossy.webp": "WebP", "icon.ico": "ICO", "gradient.jxl": "JPEG XL", "wide.svg": "SVG"} {
		content := `<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"/>`
		if name != "wide.svg" {
			content = apitest.Sample(t, name)
		}
		upload(t, url, name, []byte(content))
		p.reload()
		p.see(card(name)+" .type", want)
	}
}

// TestListOnPhone: in the list on a phone, the size is below the name, so that a name has space.
func TestListOnPhone(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	const name = "harbour at night.png"
	upload(t, url, name, picture(30, 20))
	p := newPage(t, url)
	p.size(320, 640)
	eval[*string](p, `document.querySelector("#menu [value=list]").click()`)
	p.see(card(name), "kB")
	facts := eval[map[string]float64](p, fmt.Sprintf(`(() => {
		const [name, size] = [".name", ".size"].map((part) => document.querySelector(%q).querySelector(part).getBoundingClientRect());
		return { width: name.width, below: size.top - name.bottom, inset: size.left - name.left };
	})()`, card(name)))
	if facts["width"] < 150 || facts["below"] < 0 || facts["inset"] != 0 {
		t.Errorf("the places of the name and the size are %v, want a width of 150 or more, no inset, and the size below", facts)
	}
}
