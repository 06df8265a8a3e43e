package ui_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// downloads makes the browser save its downloads, and returns the folder.
func (p *page) downloads() string {
	p.t.Helper()
	dir := p.t.TempDir()
	_, err := chromedp.CallBrowser(p.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir,
		BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return dir
}

// downloaded waits for a file that matches the pattern and returns its content.
func downloaded(t *testing.T, pattern string) []byte {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if files, _ := filepath.Glob(pattern); len(files) == 1 {
			b, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
	}
	t.Fatal("no download matches", pattern)
	return nil
}

// TestSelection selects several images, also with Shift. It copies their links, downloads
// the images, and deletes them. One Undo restores all of them.
func TestSelection(t *testing.T) {
	t.Parallel()
	behind := newServer(t, "")
	var down atomic.Bool
	url := newFront(t, behind, func(_ http.ResponseWriter, r *http.Request) bool {
		if down.Load() && r.URL.Path == "/archive" {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	contents := map[string][]byte{}
	var names []string
	for i := range 8 {
		name := fmt.Sprintf("image %d.png", i)
		contents[name] = picture(20+i, 20)
		upload(t, behind, name, contents[name])
		names = append([]string{name}, names...)
	}
	p := newPage(t, url)
	p.useClipboard()
	p.allowClipboard()
	dir := p.downloads()
	p.gallery(names...)
	box := func(n int) string { return card(fmt.Sprintf("image %d.png", n)) + " .select" }
	click := func(n int, shift bool) {
		t.Helper()
		at := eval[[]float64](p, fmt.Sprintf(`(e => { e.scrollIntoView({block: "center"}); const r = e.getBoundingClientRect(); return [r.x + 3, r.y + 3]; })(document.querySelector(%q))`, box(n)))
		options := []chromedp.MouseOption{}
		if shift {
			options = append(options, chromedp.ButtonModifiers(chromedp.ModifierShift))
		}
		p.do(chromedp.MouseClickXY(at[0], at[1], options...))
	}
	selected := func(text string) {
		t.Helper()
		p.see("#selection", text)
		p.see("#announcements", text)
	}

	click(6, false)
	selected("1 selected")
	click(2, true)
	selected("5 selected")
	click(3, true) // deselects 2 and 3
	selected("3 selected")
	p.await(`getSelection().isCollapsed`) // Shift must not select text
	p.do(chromedp.Focus(chromedp.CSS(card("image 0.png") + " .picture")))
	p.press(" ", chromedp.ModifierShift) // by keyboard as well
	selected("7 selected")
	p.click("#selection", "", "Clear selection")
	p.await(`!document.querySelector("#selection").checkVisibility() && !document.querySelector("#gallery li :checked")`)
	p.focusIn(card("image 0.png"))

	click(7, false)
	p.click("#selection", "", "Download")
	if got := downloaded(t, dir+"/*.png"); !bytes.Equal(got, contents["image 7.png"]) {
		t.Errorf("downloaded %d bytes, want the %d of the image", len(got), len(contents["image 7.png"]))
	}
	click(5, true)
	p.click("#selection", "", "Copy links")
	p.see(".toast", "3 links copied")
	if got, want := eval[string](p, `navigator.clipboard.readText()`), fmt.Sprintf("%s/images/image%%207.png\n%[1]s/images/image%%206.png\n%[1]s/images/image%%205.png", url); got != want {
		t.Errorf("copied %q, want %q", got, want)
	}
	p.click("#selection", "", "Download")
	archive := downloaded(t, dir+"/*.zip")
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"image 7.png", "image 6.png", "image 5.png"} {
		f, err := z.Open(want)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(f); err != nil || !bytes.Equal(b.Bytes(), contents[want]) {
			t.Errorf("entry %d of the ZIP file is not %s: %v", i, want, err)
		}
	}

	down.Store(true)
	p.click("#selection", "", "Download")
	p.see(".toast", "The images couldn’t be downloaded.")
	down.Store(false)
	req, err := http.NewRequest("DELETE", behind+"/images/image%206.png", nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := http.DefaultClient.Do(req); err != nil || res.StatusCode != http.StatusNoContent {
		t.Fatal(res, err)
	}
	p.click("#selection", "", "Download")
	p.see(".toast", "There is no image called image 6.png.")

	click(4, false)
	p.click("#selection", "", "Delete")
	p.see(".toast", "4 images deleted.")
	p.gallery(names[4:]...)
	p.await(`!document.querySelector("#selection").checkVisibility()`)
	p.focusIn(card("image 3.png"))
	p.press("z", chromedp.ModifierCtrl)
	p.gallery(names...)
	p.see("#announcements", "4 images restored.")
	p.see("#selection", "4 selected") // Undo restores the selection
	p.click("#selection", "", "Delete")
	p.click(".toast", "4 images deleted.", "Dismiss")
	for _, name := range names[:4] {
		gone(t, url, name) // an image that was already deleted is not an error
	}
	p.gallery(names[4:]...)
	p.await(`![...document.querySelectorAll(".toast")].some(e => e.innerText.includes("wasn’t deleted"))`)
	click(3, false)
	p.press("/")
	p.press("image 2")
	p.gallery("image 2.png")
	p.await(`!document.querySelector("#selection").checkVisibility()`) // an image that is not shown is not selected
}

// TestSelectionFollowsTheList: an image that leaves the list is no longer selected.
func TestSelectionFollowsTheList(t *testing.T) {
	t.Parallel()
	behind := newServer(t, "")
	selected := make(chan struct{})
	url := newFront(t, behind, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Has("q") {
			hold(t, selected)
		}
		return false
	})
	for _, name := range []string{"cat.png", "dog.png"} {
		upload(t, url, name, picture(20, 20))
	}
	p := newPage(t, url)
	p.gallery("dog.png", "cat.png")
	p.do(chromedp.SendKeys(chromedp.CSS("#search"), "cat"))
	p.see("#gallery", "Loading")
	p.clickOn(card("dog.png") + " .select input")
	p.see("#selection", "1 selected")
	close(selected)
	p.gallery("cat.png")
	p.await(`!document.querySelector("#selection").checkVisibility()`)
}
