package ui_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

func TestChoose(t *testing.T) {
	p := newPage(t, newServer(t, ""))
	p.see("#gallery", "No images yet")
	p.choose(file(t, "cat.png", picture(40, 30)), file(t, "photo (1).png", picture(20, 50)))
	p.see("#uploads .stored", "cat.png")
	p.see("#uploads .stored", "40 × 30")
	p.see("#uploads .stored", "photo (1).png")
	if got, want := p.shown("#uploads"), "cat.png, photo (1).png"; got != want {
		t.Errorf("the uploads show %q, want %q", got, want)
	}
	p.see("#gallery", "cat.png")
	p.reload()
	p.see("#gallery", "cat.png")
	if got := p.shown("#gallery"); got != "photo (1).png, cat.png" && got != "cat.png, photo (1).png" {
		t.Errorf("after a reload the gallery shows %q", got)
	}
}

func TestDrop(t *testing.T) {
	const (
		enter = input.DispatchDragEventTypeDragEnter
		over  = input.DispatchDragEventTypeDragOver
		drop  = input.DispatchDragEventTypeDrop
	)
	p := newPage(t, newServer(t, ""))
	files := []string{file(t, "dropped.png", picture(16, 16))}
	overlay := `document.querySelector("#overlay").checkVisibility()`

	p.drag(files, enter, over, over)
	p.await(overlay)
	// DevTools cannot take a drag out of the window.
	eval[bool](p, `document.querySelector("#overlay").dispatchEvent(new DragEvent("dragleave"))`)
	p.await("!" + overlay)

	p.drag(files, enter, over, drop)
	p.see("#uploads .stored", "dropped.png")
	p.await("!" + overlay)
	if got, want := p.shown("#gallery"), "dropped.png"; got != want {
		t.Errorf("the gallery shows %q, want %q", got, want)
	}

	p.drag([]string{t.TempDir()}, enter, over, drop)
	p.see("#uploads .failed", "This is a folder")
}

func TestPaste(t *testing.T) {
	p := newPage(t, newServer(t, ""))
	p.allowClipboard()
	eval[*string](p, `(async () => {
		const canvas = new OffscreenCanvas(24, 18);
		canvas.getContext("2d").fillRect(2, 2, 10, 10);
		await navigator.clipboard.write([new ClipboardItem({ "image/png": canvas.convertToBlob() })]);
	})()`)
	p.paste()
	p.see("#uploads .stored", "24 × 18")
	if got, want := p.shown("#uploads"), regexp.MustCompile(`^pasted-\d{4}(-\d\d){5}\.png$`); !want.MatchString(got) {
		t.Errorf("the uploads show %q, want %v", got, want)
	}
}

func TestRefused(t *testing.T) {
	p := newPage(t, newServer(t, ""))
	p.choose(file(t, "notes.txt", []byte("not an image\n")))
	p.see("#uploads .failed", eval[string](p, `(async () => {
		const form = new FormData();
		form.append("file", new Blob(["not an image\n"]), "notes.txt");
		const { message } = await (await fetch("/upload", { method: "POST", body: form })).json();
		return message.replace("notes.txt: ", "");
	})()`))
	p.await(`document.querySelector("#uploads .failed").innerText.split("notes.txt").length === 2`) // the name, once
	p.see("#gallery", "No images yet")
	p.see("#announcements", "notes.txt")
	p.await(`document.querySelectorAll("#uploads .failed button").length === 0`) // it would be refused again
	p.click("#uploads", "", "Clear finished")
	p.await(`!document.querySelector("#uploads").checkVisibility()`)
}

func TestSameNameAndSameImage(t *testing.T) {
	p := newPage(t, newServer(t, ""))
	cat, other := picture(10, 10), picture(12, 12)
	p.choose(file(t, "cat.png", cat))
	p.see("#uploads .stored", "10 × 10")
	p.choose(file(t, "cat.png", other))
	p.see("#uploads .stored", "Sent as cat.png, stored as cat-2.png")
	p.choose(file(t, "cat.png", cat))
	p.see("#uploads .stored", "already there")
	if got, want := p.shown("#gallery"), "cat-2.png, cat.png"; got != want {
		t.Errorf("the gallery shows %q, want %q", got, want)
	}
}

func TestCancelAndRetry(t *testing.T) {
	url := newServer(t, "")
	p := newPage(t, url)
	p.connect(network.Conditions{DownloadThroughput: -1, UploadThroughput: 100_000})
	p.choose(file(t, "large.png", picture(700, 700))) // 2 MB of noise
	p.await(`document.querySelector("#uploads .sending progress")?.value > 0`)
	p.await(`document.querySelector("#uploads .sending progress").value < 1`)
	p.click("#uploads li", "large.png", "Cancel")
	p.see("#uploads .cancelled", "Cancelled")
	if got := list(t, url); len(got) != 0 {
		t.Errorf("after the cancel the server has %q", got)
	}
	p.connect(network.Conditions{DownloadThroughput: -1, UploadThroughput: -1})
	p.click("#uploads li", "large.png", "Retry")
	p.see("#uploads .stored", "700 × 700")
}

func TestOffline(t *testing.T) {
	p := newPage(t, newServer(t, ""))
	p.see("#gallery", "No images yet")
	p.connect(network.Conditions{Offline: true, DownloadThroughput: -1, UploadThroughput: -1})
	p.choose(file(t, "cat.png", picture(10, 10)))
	p.see("#uploads .failed", "could not be reached")
	p.connect(network.Conditions{DownloadThroughput: -1, UploadThroughput: -1})
	p.click("#uploads li", "cat.png", "Retry")
	p.see("#uploads .stored", "cat.png")
}

func TestThreeAtATime(t *testing.T) {
	p := newPage(t, newServer(t, ""))
	p.connect(network.Conditions{DownloadThroughput: -1, UploadThroughput: 300_000})
	var files []string
	for i := range 5 {
		files = append(files, file(t, fmt.Sprintf("%d.png", i), picture(200, 200)))
	}
	p.choose(files...)
	p.await(`document.querySelectorAll("#uploads .sending").length === 3 && document.querySelectorAll("#uploads .waiting").length === 2`)
	p.click("#uploads li", "4.png", "Cancel")
	p.see("#announcements", "4 uploaded")
	p.await(`document.querySelectorAll("#uploads .stored").length === 4 && document.querySelectorAll("#uploads .cancelled").length === 1`)
}

// TestThumbnails: the page loads small copies, and leads to the originals.
func TestThumbnails(t *testing.T) {
	url := newServer(t, "")
	photo := upload(t, url, "photo.png", picture(1000, 600))
	scan, err := os.ReadFile("../testdata/little.tif") // browsers show no TIFF
	if err != nil {
		t.Fatal(err)
	}
	upload(t, url, "scan.tif", scan)
	upload(t, url, "cut.png", picture(1000, 600)[:300_000])
	p := newPage(t, url)
	for name, width := range map[string]int{"photo.png": 320, "scan.tif": 60, "cut.png": 1000} {
		img := fmt.Sprintf(`document.querySelector('#gallery img[alt="%s"]')`, name)
		p.await(img + "?.naturalWidth > 0")
		if got := eval[int](p, img+".naturalWidth"); got != width {
			t.Errorf("%s: got a picture %d pixels wide, want %d", name, got, width)
		}
	}
	if got := eval[string](p, `document.querySelector('#gallery a.picture:has([alt="photo.png"])').href`); !strings.HasPrefix(got, photo+"?v=") || strings.Contains(got, "w=") {
		t.Errorf("the thumbnail leads to %s, want the original %s", got, photo)
	}
	if got := eval[int](p, `performance.getEntriesByType("resource").filter(e => e.name.includes("photo.png")).reduce((sum, e) => sum + e.encodedBodySize, 0)`); got > 200_000 {
		t.Errorf("the page loaded %d bytes for the thumbnail of an image of 1.8 MB", got)
	}
}

func TestDelete(t *testing.T) {
	url := newServer(t, "")
	upload(t, url, "dog #1.png", picture(11, 11))
	p := newPage(t, url)
	p.choose(file(t, "cat.png", picture(10, 10)))
	p.see("#uploads .stored", "cat.png")
	p.click("#gallery li", "cat.png", "Delete")
	p.click("dialog", "Delete cat.png?", "Keep")
	p.await(`!document.querySelector("dialog")`)
	p.see("#gallery", "cat.png")
	p.click("#gallery li", "dog _1.png", "Delete")
	p.click("dialog", "Delete dog _1.png?", "Delete")
	p.see("#announcements", "dog _1.png is deleted")
	if got, want := p.shown("#gallery"), "cat.png"; got != want {
		t.Errorf("the gallery shows %q, want %q", got, want)
	}
	if got := list(t, url); len(got) != 1 {
		t.Errorf("the server has %q, want only cat.png", got)
	}
	p.click("#gallery li", "cat.png", "Delete")
	p.click("dialog", "Delete cat.png?", "Delete")
	p.see("#gallery", "No images yet")
	p.await(`!document.querySelector("#uploads li")`)
}

func TestLoadMore(t *testing.T) {
	url := newServer(t, "")
	for i := range 30 {
		upload(t, url, fmt.Sprintf("%02d.png", i), picture(4+i, 4))
	}
	p := newPage(t, url)
	cards := `document.querySelectorAll("#gallery li").length`
	p.await(cards + " === 24")
	p.click("#gallery", "", "Load more")
	p.await(cards + " === 30")
	p.await(`!document.querySelector("#gallery > button").checkVisibility()`)
	if got, want := eval[string](p, `document.activeElement.querySelector("img").alt`), "05.png"; got != want {
		t.Errorf("the focus is on %q, want %q, the first new image", got, want)
	}
}

func TestCopyLink(t *testing.T) {
	url := newServer(t, "")
	link := upload(t, url, "photo (1).png", picture(10, 10))
	for name, base := range map[string]string{
		"clipboard API":                url,
		"plain http, no clipboard API": strings.Replace(url, "127.0.0.1", untrusted, 1),
	} {
		t.Run(name, func(t *testing.T) {
			p := newPage(t, base)
			if got, want := eval[bool](p, "isSecureContext"), base == url; got != want {
				t.Fatalf("secure context: %v, want %v", got, want)
			}
			p.click("#gallery li", "photo (1).png", "Copy link")
			p.see("#gallery li button", "Copied")
			p.visit(url) // where the clipboard can be read
			p.allowClipboard()
			got := eval[string](p, `navigator.clipboard.readText()`)
			want := strings.Replace(link, url, base, 1)
			if got != want {
				t.Errorf("copied %q, want %q", got, want)
			}
		})
	}
	t.Run("no way to copy", func(t *testing.T) {
		p := newPage(t, url)
		eval[*string](p, `navigator.clipboard.writeText = () => Promise.reject(), document.execCommand = () => false, null`)
		p.click("#gallery li", "photo (1).png", "Copy link")
		p.await(`document.activeElement.value === "` + link + `" && document.activeElement.selectionEnd === document.activeElement.value.length`)
	})
}

func TestToken(t *testing.T) {
	url := newServer(t, "s3cret")
	p := newPage(t, url)
	p.see("#token", "access token")
	p.choose(file(t, "cat.png", picture(10, 10)))
	p.see("#uploads .locked", "cat.png")
	enter := func(token string) {
		p.do(
			chromedp.SendKeys(chromedp.CSS("#token input"), token),
			chromedp.Click(chromedp.CSS("#token button")),
		)
	}
	enter("wrong")
	p.see("#token", "That token is wrong")
	enter("s3cret")
	p.see("#uploads .stored", "cat.png")
	if got, want := p.shown("#gallery"), "cat.png"; got != want {
		t.Errorf("the gallery shows %q, want %q", got, want)
	}
	p.reload()
	p.see("#gallery", "cat.png")
	p.await(`document.querySelector("#token").childElementCount === 0`)
}

func TestWithoutJavaScript(t *testing.T) {
	url := newServer(t, "")
	p := newPage(t, "about:blank")
	_, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	if err != nil {
		t.Fatal(err)
	}
	p.visit(url)
	p.choose(file(t, "plain.png", picture(10, 10)))
	if _, err := chromedp.RunResponse(p.ctx, chromedp.Click(chromedp.CSS("#zone button"))); err != nil {
		t.Fatal(err)
	}
	p.see("body", "plain.png")
	if got, want := list(t, url), []string{"plain.png"}; len(got) != 1 || got[0] != want[0] {
		t.Errorf("the server has %q, want %q", got, want)
	}
}

// picture returns a PNG of random pixels, so that no two are equal.
func picture(width, height int) []byte {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			n := rand.Uint32()
			m.SetNRGBA(x, y, color.NRGBA{uint8(n), uint8(n >> 8), uint8(n >> 16), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // a picture in memory can be encoded
	}
	return b.Bytes()
}

// file writes content to a file of that name and returns its path.
func file(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// upload stores an image without the page and returns its URL.
func upload(t *testing.T, url, name string, content []byte) string {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	part.Write(content)
	w.Close()
	res, err := http.Post(url+"/upload", w.FormDataContentType(), &b)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ URL string }
	decode(t, res, http.StatusCreated, &answer)
	return answer.URL
}

// list returns the names of the images that the server has.
func list(t *testing.T, url string) []string {
	t.Helper()
	res, err := http.Get(url + "/images?limit=100")
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Images []struct{ Filename string } }
	decode(t, res, http.StatusOK, &answer)
	names := []string{}
	for _, i := range answer.Images {
		names = append(names, i.Filename)
	}
	return names
}

func decode(t *testing.T, res *http.Response, status int, v any) {
	t.Helper()
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", res.StatusCode, status, b)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
}
