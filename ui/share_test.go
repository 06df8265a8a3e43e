package ui_test

import (
	"encoding/base64"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestShare: the panel has the link in every format. It has the delete link only in the
// browser that uploaded the image, also after the image was renamed.
func TestShare(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	upload(t, url, "other.jpg", gradient(1, 1600, 900))
	p := newPage(t, url)
	p.useClipboard()
	p.allowClipboard()
	p.choose(file(t, "cat.jpg", gradient(2, 800, 600)))
	p.gallery("cat.jpg", "other.jpg")
	open := func(name string) {
		t.Helper()
		p.clickOn(card(name) + " .picture")
		p.viewing(name)
		p.click("#view .actions", "", "Share")
		p.await(`document.querySelector("#view .share:popover-open")`)
	}
	links := func() map[string]string {
		t.Helper()
		return eval[map[string]string](p, `Object.fromEntries([...document.querySelectorAll(".share textarea")].map((e) => [e.ariaLabel, e.value]))`)
	}
	open("other.jpg")
	link := url + "/images/other.jpg"
	want := map[string]string{
		"URL":      link,
		"Markdown": "![other.jpg](" + link + ")",
		"HTML":     `<img src="` + link + `" alt="other.jpg" width="1600" height="900">`,
		"BBCode":   "[img]" + link + "[/img]",
		"HTML in several sizes": `<img src="` + link + `?w=1280" srcset="` + link + `?w=320 320w, ` + link + `?w=640 640w, ` + link + `?w=1280 1280w, ` + link +
			` 1600w" sizes="100vw" alt="other.jpg" width="1600" height="900">`,
	}
	if got := links(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got the links %q, want %q", got, want)
	}
	p.click(".share .link", "BBCode", "Copy")
	p.see(".share button", "Copied")
	if got := eval[string](p, `navigator.clipboard.readText()`); got != want["BBCode"] {
		t.Errorf("copied %q, want %q", got, want["BBCode"])
	}
	p.press(kb.ArrowRight) // must not open another image
	p.viewing("other.jpg")
	// In Safari, the default action of Escape closes both the panel and the view.
	if eval[bool](p, `document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true }))`) {
		t.Error("the panel leaves Escape to the browser")
	}
	p.await(`!document.querySelector(".share")`)
	p.viewing("other.jpg")
	p.click("#view .actions", "", "Share")
	p.press(kb.Escape) // closes the panel, not the view
	p.await(`!document.querySelector(".share")`)
	p.viewing("other.jpg")
	p.focusIn("#view .actions")
	p.press(kb.Escape)
	p.closed()

	open("cat.jpg")
	key := links()["Delete link"]
	if !strings.HasPrefix(key, url+"/delete/") {
		t.Errorf("the delete link is %q", key)
	}
	p.see(".share", "Anyone who has this link can delete the image.")
	p.press(kb.Escape)
	p.press("i")
	p.click("#view", "", "Rename")
	eval[*string](p, `document.activeElement.select()`)
	p.press("dog.jpg\r")
	p.viewing("dog.jpg")
	p.click("#view .actions", "", "Share")
	p.await(`document.querySelector(".share:popover-open")`)
	if got := links()["Delete link"]; got != key {
		t.Errorf("after the image was renamed the delete link is %q, want %q", got, key)
	}
}

// TestQRCode: zbarimg reads the link from the QR code.
func TestQRCode(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("zbarimg"); err != nil {
		t.Skip("no zbarimg found: install zbar-tools to read the QR codes")
	}
	url := newServer(t, "")
	p := newPage(t, "about:blank")
	for _, name := range []string{"a.png", strings.Repeat("n", 90) + ".png", strings.Repeat("猫", 40) + ".png"} {
		link := upload(t, url, name, picture(40, 30))
		p.visit(url)
		p.clickOn(card(name) + " .picture")
		p.viewing(name)
		p.click("#view .actions", "", "Share")
		p.await(`document.querySelector(".qr")?.checkVisibility() && document.getAnimations().length === 0`)
		at := eval[[]float64](p, `(r => [r.x, r.y, r.width, r.height])(document.querySelector(".qr").getBoundingClientRect())`)
		shot, err := chromedp.Call(p.ctx, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{
			Format: "png", Clip: &cdppage.Viewport{X: at[0], Y: at[1], Width: at[2], Height: at[3], Scale: 4},
		})
		if err != nil {
			t.Fatal(err)
		}
		path := file(t, "qr.png", shot.Data)
		read, err := exec.Command("zbarimg", "-q", "--raw", "-Sbinary", path).Output()
		if got := strings.TrimSpace(string(read)); err != nil || got != link {
			t.Errorf("%d characters: read %q (%v), want %q\n%s", len(link), got, err, link, base64.StdEncoding.EncodeToString(shot.Data))
		}
	}
}
