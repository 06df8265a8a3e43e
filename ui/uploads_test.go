package ui_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"imageserver/api"
	"imageserver/api/imaging/format"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

// state returns a JavaScript expression for the number of uploads in this state.
func state(name string) string {
	return fmt.Sprintf(`document.querySelectorAll("#uploads li.%s").length`, name)
}

// rows is a JavaScript expression for the names of the uploads, in the order of their
// rows.
const rows = `[...document.querySelectorAll("#uploads li .name")].map(e => e.textContent)`

// focused is a JavaScript expression for the label of the element that has the focus.
const focused = `(document.activeElement.innerText || document.activeElement.id || document.activeElement.className).replace(/[\u2068\u2069]/g, "")`

func (p *page) throttle(bytesPerSecond float64) {
	p.t.Helper()
	p.connect(network.Conditions{DownloadThroughput: -1, UploadThroughput: bytesPerSecond})
}

// TestStored checks the rows of stored files, and copies their links.
func TestStored(t *testing.T) {
	t.Parallel()
	p := newPage(t, newServer(t, ""))
	p.useClipboard()
	p.allowClipboard()
	cat, other := picture(10, 10), picture(12, 12)
	p.choose(file(t, "cat.png", cat), file(t, "photo (1).png", picture(20, 50)))
	p.see("#uploads .stored", "photo (1).png")
	p.see("#uploads .stored", "10 × 10 · ")
	p.see("#uploads .stored", "20 × 50 · ")
	p.see("#uploads .summary", "2 uploaded")
	p.see("#announcements", "Uploading 2 files")
	p.see("#announcements", "2 uploaded")
	p.see("#gallery", "photo (1).png")

	p.choose(file(t, "cat.png", other))
	p.see("#uploads .stored", "Saved as cat-2.png instead of cat.png")
	p.choose(file(t, "cat.png", cat))
	p.see("#uploads .stored", "already have this image")
	if got, want := p.shown("#uploads"), "cat.png, cat-2.png, cat.png, photo (1).png"; got != want {
		t.Errorf("the uploads show %q, want %q", got, want)
	}
	if got := p.shown("#gallery"); strings.Count(got, "cat.png") != 1 {
		t.Errorf("the gallery shows %q, want cat.png once", got)
	}

	p.click("#uploads", "", "Copy all")
	p.see("#announcements", "4 links copied")
	names := regexp.MustCompile(`[^/]+\n`).FindAllString(eval[string](p, `navigator.clipboard.readText()`)+"\n", -1)
	if got, want := strings.Join(names, ""), "cat.png\ncat-2.png\ncat.png\nphoto%20%281%29.png\n"; got != want {
		t.Errorf("copied the links to %q, want %q", got, want)
	}

	p.do(chromedp.Click(chromedp.CSS("#uploads li:first-child a.picture")))
	p.see("#view[open]", "cat.png")
	p.await(`location.search === "?image=cat.png"`)
	p.do(chromedp.KeyEvent("\x1b"))
	p.await(`!document.querySelector("#view[open]")`)

	// An image that is uploaded again while its deletion can be undone stays.
	p.remove("cat-2.png")
	p.see("#toasts", "cat-2.png deleted")
	p.choose(file(t, "cat-2.png", other))
	p.await(`[...document.querySelectorAll("#gallery li")].some(e => e.checkVisibility() && e.innerText.includes("cat-2.png"))`)
	p.click("#toasts", "", "Dismiss")
	p.await(`fetch("/images/cat-2.png").then((r) => r.ok)`)

	p.click("#uploads", "", "Clear finished")
	p.await(`!document.querySelector("#uploads").checkVisibility()`)
	p.await(`document.activeElement.id === "upload"`)
	p.reload()
	p.await(`document.querySelectorAll("#gallery li").length === 3`)
}

// TestRefused checks files that the page refuses and does not send, and files that the
// server refuses.
func TestRefused(t *testing.T) {
	t.Parallel()
	url := newServerWith(t, api.Options{MaxUpload: 2_000_000, Allow: []format.Type{format.PNG, format.JPEG}})
	p := newPage(t, url)
	p.await(`/image\/png,\.png/.test(document.querySelector("#file").accept)`)
	tooLarge := append(picture(10, 10), make([]byte, 2_600_000)...)
	p.choose(
		file(t, "notes.txt", []byte("not an image\n")),
		file(t, "large.png", tooLarge),
		file(t, "empty.png", nil),
		file(t, "scan.tif", []byte("II*\x00")),
		file(t, "good.png", picture(10, 10)),
		file(t, "broken.png", []byte("not an image either\n")),
	)
	p.await(state("refused") + " === 5 && " + state("stored") + " === 1")
	for name, reason := range map[string]string{
		"notes.txt":  "This kind of file can’t be uploaded. Use JPEG or PNG.",
		"large.png":  "Too large (2.6 MB). The limit is 2 MB.",
		"empty.png":  "The file is empty.",
		"scan.tif":   "This kind of file can’t be uploaded. Use JPEG or PNG.",
		"broken.png": "This doesn’t look like an image. It may be damaged.",
	} {
		row := fmt.Sprintf(`[...document.querySelectorAll("#uploads li")].find(e => e.innerText.includes(%q))`, name)
		if got := eval[string](p, row+`.querySelector(".status").textContent`); got != reason {
			t.Errorf("%s: the row says %q, want %q", name, got, reason)
		}
		if eval[bool](p, row+`.querySelector("button") !== null`) { // the server would refuse the file again
			t.Errorf("%s: the row has a button, want none", name)
		}
	}
	// The page sent only the two files that it cannot check.
	if got := eval[int](p, `performance.getEntriesByType("resource").filter(e => e.name.endsWith("/upload")).length`); got != 2 {
		t.Errorf("%d uploads were sent, want 2", got)
	}
	if got, want := list(t, url), []string{"good.png"}; !slices.Equal(got, want) {
		t.Errorf("the server has %q, want %q", got, want)
	}
	p.see("#uploads .summary", "1 uploaded, 5 failed")
	p.see("#announcements", "Uploading 2 files")
	p.await(`/[45] files couldn’t be uploaded/.test(document.querySelector("#announcements").innerText)`)
	p.see("#announcements", "1 uploaded, 5 failed")
}

// TestPreviews: the row of a waiting file shows a small picture of the file, if the
// browser can decode the file. When the page removes the row, it frees the picture.
func TestPreviews(t *testing.T) {
	t.Parallel()
	p := newPage(t, newServer(t, ""))
	p.do(chromedp.EmulateViewport(1280, 1600)) // people can see a dozen rows
	p.throttle(30_000)
	eval[bool](p, `window.most = 0, window.now = 0, window.create = createImageBitmap, window.createImageBitmap = async (...a) => {
		most = Math.max(most, ++now);
		try { return await create(...a); } finally { now--; }
	}, true`)
	files := []string{file(t, "broken.png", []byte("nothing to see"))}
	for i := range 60 {
		files = append(files, file(t, fmt.Sprintf("%d.png", i), picture(400, 200)))
	}
	p.choose(files...)
	drawn := `[...document.querySelectorAll("#uploads canvas")].filter(c => c.width > 0)`
	p.await(drawn + ".length > 4")
	p.await(`[...document.querySelectorAll("#uploads li")].find(e => e.innerText.includes("broken.png")).innerText.startsWith("PNG")`)
	if got := eval[string](p, drawn+`.map(c => c.width + "x" + c.height)[0]`); got != "144x72" {
		t.Errorf("a preview has %s pixels, want 144x72", got)
	}
	p.await("now === 0")
	if got := eval[int](p, drawn+".length"); got > 30 {
		t.Errorf("%d previews are in memory, want only those in sight", got)
	}
	if got := eval[int](p, "most"); got != 2 {
		t.Errorf("at most %d previews were made at a time, want 2", got)
	}
	eval[bool](p, "window.held = "+drawn+", true")
	p.click("#uploads", "", "Cancel all")
	p.see("#uploads .summary", "0 uploaded") // now the buttons do not move any more
	p.click("#uploads", "", "Clear finished")
	p.await(`!document.querySelector("#uploads li")`)
	if got := eval[int](p, "held.filter(c => c.width > 0).length"); got != 0 {
		t.Errorf("%d previews are in memory after their rows were removed", got)
	}
}

// TestManyFiles uploads five hundred files, at most three at a time. It logs the longest
// task, during which the page cannot respond.
func TestManyFiles(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	p := newPage(t, url)
	if _, err := chromedp.Call(p.ctx, performance.Enable, performance.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	eval[bool](p, `window.longest = 0, new PerformanceObserver((list) => {
		longest = Math.max(longest, ...list.getEntries().map((task) => task.duration));
	}).observe({ type: "longtask" }), true`)
	var files []string
	dir := t.TempDir()
	for i := range 500 {
		files = append(files, write(t, dir, fmt.Sprintf("%03d.png", i), picture(16, 16)))
	}
	before := metrics(p)
	p.choose(files...)
	for _, stored := range []int{1, 250, 500} {
		p.await(fmt.Sprintf("%s >= %d", state("stored"), stored))
		if got := eval[int](p, state("sending")+" + "+state("saving")); got > 3 {
			t.Errorf("%d uploads at a time, want 3", got)
		}
	}
	after := metrics(p)
	// The test only logs times, because they depend on the load of the machine. On a busy
	// machine a task also waits for the processor.
	share := min(1, (after["ThreadTime"]-before["ThreadTime"])/(after["TaskDuration"]-before["TaskDuration"]))
	t.Logf("the longest task took %.0f ms, with %.0f%% of a processor", eval[float64](p, "longest"), 100*share)
	if got := eval[[]string](p, rows); len(got) != 500 || !slices.IsSorted(got) {
		t.Errorf("%d rows, want 500 in the order of the files", len(got))
	}
	p.see("#uploads .summary", "500 uploaded")
	p.click("#uploads", "", "Clear finished")
	p.await(`!document.querySelector("#uploads").checkVisibility()`)
}

// metrics returns Chromium's counters of the page. Times are in seconds.
func metrics(p *page) map[string]float64 {
	p.t.Helper()
	m, err := chromedp.Call(p.ctx, performance.GetMetrics, cdp.Empty{})
	if err != nil {
		p.t.Fatal(err)
	}
	values := map[string]float64{}
	for _, metric := range m.Metrics {
		values[metric.Name] = metric.Value
	}
	return values
}

// TestProgress checks the texts of the page during uploads.
func TestProgress(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	p := newPage(t, url)
	p.throttle(150_000)
	var files []string
	for i := range 5 {
		files = append(files, file(t, fmt.Sprintf("%d.png", i), picture(200, 200))) // 160 kB of noise each
	}
	p.choose(files...)
	p.await(state("sending") + " === 3 && " + state("waiting") + " === 2")
	p.await(`document.querySelector("#uploads .sending progress").value > 0`)
	p.see("#uploads .sending .status", "Uploading, ")
	p.see("#uploads .waiting .status", "Waiting")
	p.await(`/^\d+% · Image server$/.test(document.title)`)
	p.await(`/^\d of 5 · [\d.]+ kB\/s, \d+ sec left$/.test(document.querySelector("#uploads .summary").textContent)`)
	p.await(`document.querySelector("#uploads > progress").value > 0.1`)

	p.do(chromedp.Focus(chromedp.CSS("#uploads li:last-child button")))
	p.click("#uploads li", "4.png", "Cancel")
	p.await(`/^Retry\s+4.png$/.test(` + focused + `)`)
	p.await(state("stored") + " > 0")
	p.see("#uploads .summary", " of 5")
	p.see("#announcements", "25% uploaded")
	p.see("#announcements", "50% uploaded")
	p.see("#announcements", "75% uploaded")
	p.see("#announcements", "4 uploaded, 1 failed")
	p.await(`document.title === "Image server"`)
	p.await(`!document.querySelector("#uploads > progress").checkVisibility()`)

	// After Cancel all nothing more is stored, and the focus stays in the list.
	p.throttle(20_000)
	p.choose(file(t, "a.png", picture(200, 200)), file(t, "b.png", picture(200, 200)))
	p.await(state("sending") + " === 2")
	p.click("#uploads", "", "Cancel all")
	p.await(state("cancelled") + " === 3")
	p.see("#uploads .cancelled", "Cancelled")
	p.await(`document.activeElement.matches(".rows")`)
	p.throttle(-1)
	p.click("#uploads li", "a.png", "Retry")
	p.await(`[...document.querySelectorAll("#uploads .stored")].some(e => e.innerText.includes("a.png"))`)
	if got, want := list(t, url), []string{"0.png", "1.png", "2.png", "3.png", "a.png"}; !slices.Equal(sorted(got), want) {
		t.Errorf("the server has %q, want %q", got, want)
	}
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

// TestFileGone: an upload is refused if its file is deleted while it waits.
func TestFileGone(t *testing.T) {
	t.Parallel()
	p := newPage(t, newServer(t, ""))
	p.throttle(100_000)
	path := file(t, "moved.png", picture(300, 300))
	p.choose(file(t, "first.png", picture(200, 200)), file(t, "second.png", picture(200, 200)), file(t, "third.png", picture(200, 200)), path)
	p.await(state("waiting") + " === 1")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	p.throttle(-1)
	p.see("#uploads .refused", "The file can’t be read")
}

// TestLimitsChanged: a server with new limits is started again. Then the page does not
// refuse a file that the server now accepts.
func TestLimitsChanged(t *testing.T) {
	t.Parallel()
	url, change := newChangingServer(t, api.Options{MaxUpload: 1000, Allow: []format.Type{format.JPEG}})
	p := newPage(t, url)
	p.await(`document.querySelector("#file").accept.includes("jpeg")`)
	change(api.Options{MaxUpload: 1_000_000})
	p.choose(file(t, "cat.png", picture(100, 100)))
	p.see("#uploads .stored", "cat.png")
}
