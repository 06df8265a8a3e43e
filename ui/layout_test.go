package ui_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestFocusIsSeen: each element that Tab reaches has an outline. The selection bar and
// messages do not cover the element (WCAG 2.2, 2.4.7 and 2.4.11).
func TestFocusIsSeen(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	for i, name := range names {
		upload(t, url, name, gradient(i, 320, 240))
	}
	p := newPage(t, url)
	for i, width := range []int64{1280, 390} {
		p.size(width, 700)
		p.reload()
		p.see("#gallery", "photo (1).jpg")
		eval[*string](p, `document.querySelector("#gallery li .select input").click(), null`)
		p.remove(names[4+i]) // the reload carries out the deletion
		p.await(`document.querySelector(".toast")`)
		eval[*string](p, `document.querySelector(".toast").dispatchEvent(new PointerEvent("pointerenter")), scrollTo(0, 0), document.activeElement.blur(), document.querySelector("h1").tabIndex = -1, document.querySelector("h1").focus(), null`)
		seen := 0
		for range 100 {
			p.do(chromedp.KeyEvent("\t"))
			problem := eval[string](p, `(() => {
				const e = document.activeElement;
				if (e === document.body) return "end";
				const label = e.labels?.[0];
				const shown = e.getBoundingClientRect().width > 1 ? e : label;
				const {left, top, width, height} = shown.getBoundingClientRect();
				const marked = [e, shown].some((x) => getComputedStyle(x).outlineStyle !== "none" && parseFloat(getComputedStyle(x).outlineWidth) >= 2);
				if (!marked) return "without an outline: " + e.outerHTML;
				const points = [[0.5, 0.5], [0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.9]];
				const covered = points.some(([x, y]) => {
					const at = document.elementFromPoint(left + x * width, top + y * height);
					const above = at?.closest("#selection, .toast");
					return !at || (above && !above.contains(e));
				});
				return covered ? "covered: " + e.outerHTML.slice(0, 200) : "";
			})()`)
			if problem == "end" {
				break
			}
			seen++
			if problem != "" {
				t.Errorf("%d pixels wide, tab stop %d: %s", width, seen, problem)
			}
		}
		if want := 10; seen < want {
			t.Errorf("%d pixels wide: Tab reached %d elements, want at least %d", width, seen, want)
		}
	}
}

// TestNothingOverlaps: on a phone, a message, the selection bar and the uploads panel do not
// cover each other.
func TestNothingOverlaps(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	for i, name := range names[:4] {
		upload(t, url, name, gradient(i, 320, 240))
	}
	p := newPage(t, url)
	p.size(320, 640)
	p.see("#gallery", names[0])
	p.choose(file(t, "new.png", picture(20, 20)))
	p.await(`document.querySelectorAll("#uploads .stored").length === 1`)
	p.remove(names[1])
	p.await(`document.querySelector(".toast")`)
	eval[*string](p, `document.querySelector("#gallery li .select input").click(), null`)
	p.await(`document.querySelector("#selection").checkVisibility() && document.getAnimations().length === 0`)
	if overlap := eval[string](p, `(() => {
		const boxes = [".toast", "#selection", "#uploads"].map((e) => [e, document.querySelector(e).getBoundingClientRect()]);
		return boxes.flatMap(([a, r], i) => boxes.slice(i + 1).filter(([, s]) =>
			r.left < s.right && s.left < r.right && r.top < s.bottom && s.top < r.bottom).map(([b]) => a + " covers " + b)).join();
	})()`); overlap != "" {
		t.Error(overlap)
	}
}

// TestReasonIsWhole: on a phone, people can read the whole title and the whole reason of a
// group of failed uploads.
func TestReasonIsWhole(t *testing.T) {
	t.Parallel()
	p := newPage(t, newServer(t, ""))
	p.size(320, 640)
	p.choose(file(t, "a.txt", []byte("text")), file(t, "b.txt", []byte("text")))
	p.see("#uploads .group .status", "and more.")
	if cut := eval[string](p, `[...document.querySelectorAll("#uploads .group :is(.name, .status)")]
		.filter((e) => e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight).map((e) => e.innerText).join()`); cut != "" {
		t.Errorf("cut off: %s", cut)
	}
}

// TestWishes: if the reader has set the system to reduced motion, the page moves nothing. If the
// system replaces all colours, people can still see which images are selected.
func TestWishes(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	upload(t, url, "a.png", picture(20, 20))
	p := newPage(t, url)
	p.see("#gallery", "a.png")
	moving := `(document.querySelector("#gallery li .select input").click(),
		document.querySelector("#selection .danger").click(),
		document.getAnimations().length)`
	if eval[int](p, moving) == 0 {
		t.Error("nothing moves even without reduced motion, so this test cannot fail")
	}
	p.reload()
	p.prefer("prefers-reduced-motion", "reduce")
	p.see("#gallery", "No images yet") // the reload has carried out the deletion above
	upload(t, url, "b.png", picture(20, 20))
	p.reload()
	p.see("#gallery", "b.png")
	if n := eval[int](p, moving); n != 0 {
		t.Errorf("%d animations run with reduced motion, want none", n)
	}
	p.click("#toasts", "", "Undo")
	p.await(`document.querySelector("#gallery li")?.checkVisibility()`)
	eval[*string](p, `{ const box = document.querySelector("#gallery li .select input"); if (!box.checked) box.click(); null }`)
	p.prefer("forced-colors", "active")
	if !eval[bool](p, `document.querySelector("#gallery .selected").checkVisibility() && getComputedStyle(document.querySelector("#gallery .selected")).outlineStyle !== "none"`) {
		t.Error("with forced colours a selected image has no outline")
	}
	if got := eval[string](p, `getComputedStyle(document.querySelector("#gallery .copy .icon")).stroke`); got == "none" {
		t.Error("with forced colours the icons are not drawn")
	}
}

// TestNothingJumps: while the page is loading, no visible element moves, even if half of
// the HTML arrives late.
func TestNothingJumps(t *testing.T) {
	t.Parallel()
	behind := newServer(t, "")
	html := body(t, get(t, "GET", "/", nil))
	half := strings.Index(html, `<label class="scripted-only folder"`)
	url := newFront(t, behind, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/" {
			return false
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, html[:half])
		w.(http.Flusher).Flush()
		time.Sleep(200 * time.Millisecond) // time to paint the first half
		io.WriteString(w, html[half:])
		return true
	})
	for i, name := range names {
		upload(t, behind, name, gradient(i, 320+240*(i%2), 240+160*(i%3)))
	}
	p := newPage(t, "about:blank")
	for _, width := range []int64{1280, 390} {
		p.size(width, 800)
		p.visit("about:blank")
		p.visit(url)
		p.see("#gallery", "photo (1).jpg")
		p.await(`[...document.querySelectorAll("#gallery img")].slice(0, 4).every((img) => img.naturalWidth > 0)`)
		p.watchShifts("*")
		p.settle()
		for _, found := range eval[[]string](p, `shifts`) {
			t.Errorf("%d pixels wide: a shift of %s", width, found)
		}
	}
}

// TestEmptyPageDoesNotJump: when the page finds out that there are no images, nothing that is
// visible moves.
func TestEmptyPageDoesNotJump(t *testing.T) {
	t.Parallel()
	p := newPage(t, newServer(t, ""))
	p.await(`document.querySelector("#zone").checkVisibility()`)
	p.watchShifts("*")
	p.settle()
	for _, found := range eval[[]string](p, `shifts`) {
		t.Errorf("a shift of %s", found)
	}
}

// TestColours: the page is light or dark. The reader chooses, or the system decides. After
// a reload the first paint has the chosen colours.
func TestColours(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	p := newPage(t, url)
	background := `getComputedStyle(document.body).backgroundColor`
	p.prefer("prefers-color-scheme", "light")
	light := eval[string](p, background)
	p.prefer("prefers-color-scheme", "dark")
	dark := eval[string](p, background)
	if light == dark {
		t.Fatalf("the page is %s in light and in dark", light)
	}
	choose := func(colours string) {
		p.do(chromedp.Evaluate[chromedp.Void](`{
			const select = document.querySelector("#colours");
			select.value = "` + colours + `";
			select.dispatchEvent(new Event("change"));
		}`))
	}
	choose("light")
	if got := eval[string](p, background); got != light {
		t.Errorf("with light chosen the background is %s, want %s", got, light)
	}
	// Without main.js only early.js runs, before the first paint.
	p.block("*://*:*/ui/main.en.js")
	p.reload()
	if got := eval[string](p, background); got != light {
		t.Errorf("after a reload with light chosen the background is %s, want %s", got, light)
	}
	p.block()
	p.reload()
	p.see("#gallery", "No images yet")
	if got := eval[string](p, `document.querySelector("#colours").value`); got != "light" {
		t.Errorf("after a reload the chooser shows %s, want light", got)
	}
	choose("system")
	if got := eval[string](p, background); got != dark {
		t.Errorf("with the system's colours the background is %s, want %s", got, dark)
	}
}

// TestPlainPage: without JavaScript the page has no control that needs JavaScript, and
// the form is a plain form.
func TestPlainPage(t *testing.T) {
	t.Parallel()
	p := newPage(t, "about:blank")
	if _, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	p.size(320, 800)
	p.visit(newServer(t, ""))
	p.see("#gallery", "needs JavaScript")
	controls := `[...document.querySelectorAll("button, input, label, select")].filter((e) => e.checkVisibility()).map((e) => e.innerText || e.type).join()`
	if got, want := eval[string](p, controls), "file,Upload"; got != want {
		t.Errorf("the page has the controls %s, want %s", got, want)
	}
	if got := eval[int](p, `document.querySelector("#file").getBoundingClientRect().width`); got < 150 {
		t.Errorf("the file input is %d pixels wide, want at least 150", got)
	}
	if got := eval[int](p, `document.scrollingElement.scrollWidth`); got > 320 {
		t.Errorf("in a window of 320 pixels the page is %d pixels wide", got)
	}
}
