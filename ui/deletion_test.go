package ui_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// hasten makes messages stay for this number of milliseconds instead of eight seconds.
// The set messageTimers has the running timers of the messages.
func (p *page) hasten(life string) {
	p.t.Helper()
	eval[*string](p, `(() => {
		const [set, clear] = [setTimeout, clearTimeout];
		globalThis.messageTimers = new Set();
		setTimeout = (f, wait, ...rest) => {
			if (wait !== 8000) return set(f, wait, ...rest);
			const timer = set(() => { messageTimers.delete(timer); f(); }, `+life+`);
			messageTimers.add(timer);
			return timer;
		};
		clearTimeout = (timer) => { messageTimers.delete(timer); clear(timer); };
	})()`)
}

func has(t *testing.T, url, name string) bool {
	t.Helper()
	return slices.Contains(list(t, url), name)
}

// gone returns when the server has deleted the image.
func gone(t *testing.T, url, name string) {
	t.Helper()
	for end := time.Now().Add(patience); has(t, url, name); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the server still has %s", name)
		}
	}
}

// TestDelete: the page hides an image at once. The server deletes the image when the page
// removes the message. Until then the reader can undo the deletion.
func TestDelete(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	for _, name := range []string{"e.png", "d.png", "c.png", "b.png"} {
		upload(t, url, name, picture(20, 20))
	}
	p := newPage(t, url)
	cat := file(t, "a.png", picture(10, 10))
	p.choose(cat)
	p.see("#uploads .stored", "a.png")
	p.gallery("a.png", "b.png", "c.png", "d.png", "e.png")

	p.remove("b.png")
	p.see(".toast", "b.png deleted.")
	p.see("#announcements", "Press Ctrl+Z to undo.")
	p.gallery("a.png", "c.png", "d.png", "e.png")
	p.focusIn(card("c.png"))
	p.click(".toast", "b.png", "Undo")
	p.gallery("a.png", "b.png", "c.png", "d.png", "e.png")
	p.focusIn(card("b.png"))
	p.await(`!document.querySelector(".toast")`)

	p.remove("e.png")
	p.focusIn(card("d.png")) // the last card has no next card, so the previous card gets the focus
	p.press("z", chromedp.ModifierCtrl)
	p.gallery("a.png", "b.png", "c.png", "d.png", "e.png")
	p.press("z", chromedp.ModifierCtrl) // there is nothing to undo
	if got := list(t, url); len(got) != 5 {
		t.Errorf("after both deletions were undone the server has %q, want five images", got)
	}

	// The message stays while the pointer or the focus is on it.
	p.hasten("1000")
	p.remove("b.png")
	p.do(chromedp.Focus(chromedp.CSS(".toast button")))
	at := eval[[]float64](p, `(r => [r.x + 8, r.y + 8])(document.querySelector(".toast").getBoundingClientRect())`)
	p.do(chromedp.MouseEvent("mouseMoved", at[0], at[1]))
	p.do(chromedp.MouseEvent("mouseMoved", 5, 5)) // the focus stays
	p.settle()
	if eval[int](p, `messageTimers.size`) > 0 || !has(t, url, "b.png") {
		t.Error("b.png was deleted while the focus was on the message")
	}
	p.do(chromedp.MouseEvent("mouseMoved", at[0], at[1]))
	eval[*string](p, `document.activeElement.blur()`)
	p.settle()
	if eval[int](p, `messageTimers.size`) > 0 || !has(t, url, "b.png") {
		t.Error("b.png was deleted while the pointer was on the message")
	}
	p.do(chromedp.MouseEvent("mouseMoved", 5, 5))
	gone(t, url, "b.png")
	p.await(`!document.querySelector(".toast")`)

	// An image that is uploaded again in the meantime stays.
	p.hasten("1e9")
	p.remove("a.png")
	p.gallery("c.png", "d.png", "e.png")
	p.choose(cat)
	p.gallery("a.png", "c.png", "d.png", "e.png")
	p.await(`!document.querySelector(".toast")`)

	// A deletion in the view opens the next image, or the gallery after the last one.
	p.clickOn(card("c.png") + " .picture")
	p.viewing("c.png")
	p.press(kb.Delete)
	p.viewing("d.png")
	p.see("#view .toast", "c.png deleted.") // inside the view, where people can reach the message
	p.press("z", chromedp.ModifierCtrl)
	p.viewing("c.png") // Undo shows the image again
	p.press(kb.Delete)
	p.viewing("d.png")
	p.click("#view .actions", "", "Delete")
	p.viewing("e.png")
	p.focusIn("#view .actions")
	p.click("#view", "", "Delete")
	p.viewing("a.png")
	p.click("#view", "", "Delete")
	p.closed()
	p.see("#gallery", "No images yet")
	p.focusIn("#gallery-title")
	p.see("body > #toasts", "c.png deleted.")
	p.click(".toast", "a.png", "Undo")
	p.gallery("a.png")
	if got := list(t, url); len(got) != 4 {
		t.Errorf("before the messages went away the server has %q, want four images", got)
	}
	p.click(".toast", "c.png", "Dismiss")
	gone(t, url, "c.png")

	// If the reader leaves the page, the images are deleted.
	p.visit("about:blank")
	gone(t, url, "d.png")
	gone(t, url, "e.png")
	p.visit(url)
	p.gallery("a.png")
	p.remove("a.png")
	p.see("#gallery", "No images yet")
	p.reload()
	gone(t, url, "a.png")
	p.see("#gallery", "No images yet")
}

// TestDeleteRefused: an image that was replaced is not deleted, and an image that
// could not be deleted is shown again.
func TestDeleteRefused(t *testing.T) {
	t.Parallel()
	behind := newServer(t, "")
	var failing atomic.Bool
	url := newFront(t, behind, func(w http.ResponseWriter, r *http.Request) bool {
		if failing.Load() && r.Method == "DELETE" {
			w.WriteHeader(http.StatusInternalServerError)
			w.Write([]byte(`{"message": "The storage failed."}`))
			return true
		}
		return false
	})
	for _, name := range []string{"c.png", "b.png", "a.png"} {
		upload(t, url, name, picture(20, 20))
	}
	p := newPage(t, url)
	p.remove("a.png")
	req, err := http.NewRequest("PUT", url+"/images/a.png", strings.NewReader(string(picture(33, 22))))
	if err != nil {
		t.Fatal(err)
	}
	if res, err := http.DefaultClient.Do(req); err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res, err)
	}
	p.click(".toast", "a.png deleted", "Dismiss")
	p.see(".toast", "a.png wasn’t deleted. Someone has just replaced this image, so it wasn’t deleted.")
	p.await(`document.querySelector("#gallery [alt='a.png']").naturalWidth === 33`)
	p.click(".toast", "a.png", "Dismiss")

	failing.Store(true)
	p.remove("b.png")
	p.gallery("a.png", "c.png")
	p.click(".toast", "b.png deleted", "Dismiss")
	p.see(".toast", "b.png wasn’t deleted. The storage failed.")
	p.gallery("a.png", "b.png", "c.png")
	p.click(".toast", "b.png", "Dismiss")
	eval[*string](p, `document.querySelectorAll("#gallery li .select input").forEach(box => box.click())`)
	p.click("#selection", "", "Delete")
	p.click(".toast", "3 images deleted", "Dismiss")
	p.see(".toast", "a.png wasn’t deleted. The storage failed. 2 more images couldn’t be deleted either.")
	p.gallery("a.png", "b.png", "c.png")
}

// TestDeleteOnce: a key that is held down or a double click deletes one image, and not
// the images that move into its place.
func TestDeleteOnce(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	for _, name := range []string{"e.png", "d.png", "c.png", "b.png", "a.png"} {
		upload(t, url, name, picture(20, 20))
	}
	p := newPage(t, url)
	p.gallery("a.png", "b.png", "c.png", "d.png", "e.png")
	hold := func() {
		for _, repeat := range []bool{false, true, true} {
			_, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{
				Type: input.DispatchKeyEventTypeKeyDown, Key: "Delete", Code: "Delete", AutoRepeat: &repeat,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	p.do(chromedp.Focus(chromedp.CSS(card("a.png") + " .picture")))
	hold()
	p.focusIn(card("b.png"))
	p.gallery("b.png", "c.png", "d.png", "e.png")

	p.clickOn(card("b.png") + " .picture")
	p.viewing("b.png")
	p.doubleClick("#view .danger")
	p.viewing("c.png")
	hold()
	p.viewing("d.png")
	p.gallery("d.png", "e.png")
	p.doubleClick(".toast button") // undoes only the last deletion
	p.gallery("c.png", "d.png", "e.png")
}

// doubleClick clicks twice at the position that the element has before the first click.
func (p *page) doubleClick(selector string) {
	p.t.Helper()
	at := eval[[]float64](p, fmt.Sprintf(`(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector(%q).getBoundingClientRect())`, selector))
	for n := range int64(2) {
		for _, event := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
			_, err := chromedp.Call(p.ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{
				Type: event, X: at[0], Y: at[1], Button: input.MouseButtonLeft, ClickCount: n + 1,
			})
			if err != nil {
				p.t.Fatal(err)
			}
		}
	}
}

// TestUploadedWhileDeleted: an image that is uploaded again is stored at the end, even if
// the request to delete it reaches the server after the upload.
func TestUploadedWhileDeleted(t *testing.T) {
	t.Parallel()
	behind := newServer(t, "")
	uploaded := make(chan struct{})
	url := newFront(t, behind, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == "DELETE" {
			hold(t, uploaded)
		}
		return false
	})
	p := newPage(t, url)
	cat := file(t, "cat.png", picture(10, 10))
	p.choose(cat)
	p.gallery("cat.png")
	p.remove("cat.png")
	p.click(".toast", "cat.png", "Dismiss")
	p.see("#gallery", "No images yet")
	p.choose(cat)
	p.see("#uploads .stored", "already have this image")
	p.gallery("cat.png")
	close(uploaded)
	p.await(`![...document.querySelectorAll("#uploads li")].some(e => e.innerText.includes("already have this image"))`)
	p.await(state("stored") + " === 2")
	p.gallery("cat.png")
	if !has(t, url, "cat.png") {
		t.Error("the server has no cat.png")
	}
}

// TestManyMessages: if not all messages fit into the window, people see the newest
// message and can scroll to the others.
func TestManyMessages(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	for i := range 24 {
		upload(t, url, fmt.Sprintf("%02d.png", i), picture(20, 20))
	}
	p := newPage(t, url)
	p.await(`document.querySelectorAll("#gallery li").length === 24`)
	p.hasten("1e9")
	eval[*string](p, `(() => { for (let i = 0; i < 24; i++) {
		const picture = document.querySelector("#gallery li .picture");
		picture.focus();
		picture.dispatchEvent(new KeyboardEvent("keydown", { key: "Delete", bubbles: true }));
	} })()`)
	at := func(name string) string {
		return fmt.Sprintf(`(r => r.top >= 0 && r.bottom <= innerHeight)([...document.querySelectorAll(".toast")].find(e => e.innerText.includes(%q)).getBoundingClientRect())`, name)
	}
	p.await(at("00.png"))
	p.await("!" + at("23.png"))
	eval[*string](p, `[...document.querySelectorAll(".toast button")].at(-1).focus()`)
	p.await(at("23.png"))
}

// TestMessageWraps: a long name in a message wraps, and the text of the button does not.
func TestMessageWraps(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	name := strings.Repeat("long name ", 10) + ".png"
	upload(t, url, name, picture(20, 20))
	p := newPage(t, url)
	p.size(1280, 900)
	p.remove(name)
	p.see(".toast", name)
	lines := eval[int](p, `(() => {
		const range = document.createRange();
		range.selectNodeContents(document.querySelector(".toast button").firstChild);
		return range.getClientRects().length;
	})()`)
	if lines != 1 {
		t.Errorf("the text of the button has %d lines, want 1", lines)
	}
}
