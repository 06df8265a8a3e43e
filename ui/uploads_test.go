package ui_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"imageserver/api"
	"imageserver/api/apitest"
	"imageserver/api/imaging/format"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// state returns a JavaScript expression for the number of uploads in this state.
func state(name string) string {
	return fmt.Sprintf(`document.querySelectorAll("#uploads li.%s").length`, name)
}

// rows is a JavaScript expression for the names of the uploads, in the order of their
// rows.
const rows = `[...document.querySelectorAll("#uploads li .name")].map(e => e.textContent)`

// stored is a JavaScript expression for the number of stored uploads. Their rows are not in
// the page while other uploads are running.
const stored = `parseInt(document.querySelector("#uploads .stored-toggle").textContent)`

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
	p.see("#announcements", "2 uploaded")
	p.see("#gallery", "photo (1).png")

	p.choose(file(t, "cat.png", other))
	p.see("#uploads .stored", "Saved as cat-2.png because cat.png was taken")
	p.choose(file(t, "cat.png", cat))
	p.see("#uploads .stored", "You already have this image")
	p.see("#uploads .summary", "4 uploaded")
	p.settle() // now the rows are in their final order
	if got, want := p.shown("#uploads"), "cat.png, cat-2.png, cat.png, photo (1).png"; got != want {
		t.Errorf("the uploads show %q, want %q", got, want)
	}
	if got := p.shown("#gallery"); strings.Count(got, "cat.png") != 1 {
		t.Errorf("the gallery shows %q, want cat.png once", got)
	}

	p.click("#uploads", "", "Copy all links")
	p.see("#announcements", "4 links copied")
	names := regexp.MustCompile(`[^/]+\n`).FindAllString(eval[string](p, `navigator.clipboard.readText()`)+"\n", -1)
	if got, want := strings.Join(names, ""), "cat.png\ncat-2.png\ncat.png\nphoto%20%281%29.png\n"; got != want {
		t.Errorf("copied the links to %q, want %q", got, want)
	}

	p.clickOn("#uploads li:first-child a.picture")
	p.see("#view[open]", "cat.png")
	p.await(`location.search === "?image=cat.png"`)
	p.do(chromedp.KeyEvent("\x1b"))
	p.await(`!document.querySelector("#view[open]")`)

	// An image that is uploaded again while its deletion can be undone stays.
	p.remove("cat-2.png")
	p.see("#toasts", "cat-2.png deleted")
	p.choose(file(t, "cat-2.png", other))
	p.await(`[...document.querySelectorAll("#gallery li")].some(e => e.checkVisibility() && e.innerText.includes("cat-2.png"))`)
	eval[*string](p, `document.querySelectorAll(".toast .icon-button").forEach((dismiss) => dismiss.click())`)
	p.await(`fetch("/images/cat-2.png").then((r) => r.ok)`)

	p.see("#uploads .summary", "5 uploaded") // now the panel does not grow any more
	p.click("#uploads", "", "Close")
	p.await(`!document.querySelector("#uploads").checkVisibility()`)
	p.await(`document.activeElement.id === "upload"`)
	p.reload()
	p.await(`document.querySelectorAll("#gallery li").length === 3`)
}

// TestActiveFirst: what the page sends now is above what has ended and what waits.
func TestActiveFirst(t *testing.T) {
	t.Parallel()
	p := newPage(t, newServer(t, ""))
	p.choose(file(t, "notes.txt", []byte("not an image")), file(t, "done.png", picture(10, 10)))
	p.see("#uploads .summary", "1 uploaded, 1 failed")
	p.throttle(2_000)
	var files []string
	for i := range 12 {
		files = append(files, file(t, fmt.Sprintf("%02d.png", i), picture(200, 200))) // 160 kB of noise each
	}
	p.choose(files...)
	p.await(`document.querySelectorAll("#uploads .sending").length === 3`)
	if got := eval[string](p, `[...document.querySelectorAll("#uploads .rows li")].slice(0, 5).map((li) => li.className).join()`); got != "sending,sending,sending,refused,waiting" {
		t.Errorf("the rows are %q, want what is sent first, then what needs the reader, then what waits", got)
	}
	p.click("#uploads", "", "Cancel all")
	p.await(`onbeforeunload === null`)
}

// TestHEICIsExplained: after the upload of a HEIC, the panel says that others get a JPEG. It
// does not say this about other images.
func TestHEICIsExplained(t *testing.T) {
	t.Parallel()
	p := newPage(t, newServerWith(t, api.Options{Decoders: apitest.Decoders(t)}))
	p.choose(file(t, "a.png", picture(10, 10)))
	p.see("#uploads .summary", "1 uploaded")
	const shown = `document.querySelector("#uploads .heic").checkVisibility()`
	if eval[bool](p, shown) {
		t.Error("the sentence about HEIC is shown without a HEIC")
	}
	p.choose(file(t, "phone.heic", []byte(apitest.Sample(t, "gradient.heic"))))
	p.see("#uploads .heic", "Other people see HEIC photos as JPEG copies.")
	p.await(shown)
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
	p.see("#uploads .summary", "1 uploaded, 5 failed")
	p.see("#uploads .group", "2 files couldn’t be uploaded") // for the same reason
	p.see("#uploads .group", "This kind of file can’t be uploaded. Use JPEG or PNG.")
	for name, reason := range map[string]string{
		"large.png":  "Too large (2.5 MB). The limit is 1.9 MB.",
		"empty.png":  "The file is empty.",
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
	p.await(`/[45] files couldn’t be uploaded/.test(document.querySelector("#announcements").innerText)`)
	p.see("#announcements", "1 uploaded, 5 failed")

	// The row of a group shows the names when it is opened.
	p.click("#uploads .group", "", "Show names")
	p.await(`[...document.querySelectorAll("#uploads .names li")].map((e) => e.textContent).sort().join() === "notes.txt,scan.tif"`)
	p.click("#uploads .group", "", "Dismiss")
	p.see("#uploads .summary", "1 uploaded, 3 failed")
	p.await(`document.querySelector("#uploads").contains(document.activeElement)`)
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
	p.see("#uploads .summary", " cancelled") // now the buttons do not move any more
	p.click("#uploads", "", "Close")
	p.await(`!document.querySelector("#uploads li")`)
	if got := eval[int](p, "held.filter(c => c.width > 0).length"); got != 0 {
		t.Errorf("%d previews are in memory after their rows were removed", got)
	}
}

// TestManyFiles uploads many files, at most three at a time.
func TestManyFiles(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	p := newPage(t, url)
	var files []string
	dir := t.TempDir()
	for i := range 100 {
		files = append(files, write(t, dir, fmt.Sprintf("%03d.png", i), picture(16, 16)))
	}
	p.choose(files...)
	for n := 10; n <= 100; n += 10 {
		p.await(fmt.Sprintf("%s >= %d", stored, n))
		if got := eval[int](p, rows+".length"); got > 40 {
			t.Errorf("%d rows are in the page, want only those in sight", got)
		}
		// The bar keeps its height, whatever is below it.
		if got := eval[float64](p, `document.querySelector("#uploads > progress").getBoundingClientRect().height`); got != 3 {
			t.Errorf("the bar is %v pixels high, want 3", got)
		}
		if got := eval[int](p, state("sending")+" + "+state("saving")); got > 3 {
			t.Errorf("%d uploads at a time, want 3", got)
		}
	}
	p.see("#uploads .summary", "100 uploaded")
	if got := eval[[]string](p, rows); len(got) > 40 || got[0] != "000.png" || !slices.IsSorted(got) {
		t.Errorf("the rows are %q, want the first files in their order", got)
	}
	eval[*string](p, `{ const box = document.querySelector("#uploads .rows"); box.scrollTop = box.scrollHeight; null }`)
	p.see("#uploads .stored", "099.png")
	if got := eval[string](p, `document.querySelector("#uploads li:last-child").getAttribute("aria-posinset")`); got != "100" {
		t.Errorf("the last row is number %s of the list, want 100", got)
	}
	p.click("#uploads", "", "Close")
	p.await(`!document.querySelector("#uploads").checkVisibility()`)
}

// TestRowsDoNotJump: while files are uploaded and rows move up, the browser counts no layout
// shift of a row, and the list keeps its height.
func TestRowsDoNotJump(t *testing.T) {
	t.Parallel()
	url := newFront(t, newServer(t, ""), func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/upload" {
			time.Sleep(150 * time.Millisecond) // so that not all rows change at once
		}
		return false
	})
	p := newPage(t, url)
	p.watchShifts(".rows *")
	var files []string
	for i := range 24 {
		files = append(files, file(t, fmt.Sprintf("%02d.png", i), picture(16+i, 16)))
	}
	p.choose(files...)
	p.await(rows + ".length > 6")
	eval[bool](p, `window.heights = [], new ResizeObserver(([{ target }]) => heights.push(target.clientHeight)).observe(document.querySelector("#uploads .rows")), true`)
	p.see("#uploads .summary", "24 uploaded")
	p.settle()
	for _, shift := range eval[[]string](p, `shifts`) {
		t.Errorf("a shift of %s", shift)
	}
	if got := eval[[]int](p, `heights`); len(got) != 1 {
		t.Errorf("the list has the heights %v, want one", got)
	}
}

// TestRowsDoNotOverlap: a row that becomes higher, because the reader enlarges its text, moves the
// rows below it.
func TestRowsDoNotOverlap(t *testing.T) {
	t.Parallel()
	p := newPage(t, newServer(t, ""))
	var files []string
	for i := range 8 {
		files = append(files, file(t, fmt.Sprintf("%02d.png", i), picture(16+i, 16)))
	}
	p.choose(files...)
	p.see("#uploads .summary", "8 uploaded")
	eval[*string](p, `document.querySelector("#uploads li .name").style.fontSize = "3rem", null`)
	p.await(`document.querySelector("#uploads li").offsetHeight > 70`)
	p.await(`[...document.querySelectorAll("#uploads li")].every((li, i, all) => i === 0 ||
		li.getBoundingClientRect().top >= all[i - 1].getBoundingClientRect().bottom - 1)`)
}

// TestQueueOfTenThousand queues ten thousand files. It logs the longest tasks.
func TestQueueOfTenThousand(t *testing.T) {
	t.Parallel()
	p := newPage(t, newServer(t, ""))
	p.throttle(1) // so slow that no upload ends during the test
	eval[*string](p, `{
		const transfer = new DataTransfer();
		const bytes = new Uint8Array(200);
		for (let i = 0; i < 10_000; i++) transfer.items.add(new File([bytes], i + ".png", { type: "image/png" }));
		window.transfer = transfer;
		null;
	}`)
	p.settle()
	p.logLongestTask("10,000 files are queued", func() {
		eval[*string](p, `{
			const input = document.querySelector("#file");
			input.files = transfer.files;
			input.dispatchEvent(new Event("change"));
			null;
		}`)
		p.see("#uploads .summary", "of 10,000")
		p.await(state("sending") + " + " + state("saving") + " > 0 && " + state("waiting") + " > 0")
	})
	if got := eval[int](p, rows+".length"); got > 40 {
		t.Errorf("%d rows are in the page, want only those in sight", got)
	}
	p.logLongestTask("the last of 10,000 rows", func() {
		eval[*string](p, `{ const box = document.querySelector("#uploads .rows"); box.scrollTop = box.scrollHeight; null }`)
		p.see("#uploads .waiting", "9999.png")
	})
	p.logLongestTask("10,000 uploads are cancelled", func() {
		p.click("#uploads", "", "Cancel all")
		p.see("#uploads .cancelled", "10,000 cancelled")
	})
	p.click("#uploads", "", "Close")
	p.await(`!document.querySelector("#uploads").checkVisibility()`)
}

// TestProgress checks the texts of the page during uploads.
func TestProgress(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	p := newPage(t, url)
	p.throttle(40_000)
	var files []string
	for i := range 5 {
		files = append(files, file(t, fmt.Sprintf("%d.png", i), picture(200, 200))) // 160 kB of noise each
	}
	p.choose(files...)
	p.await(state("sending") + " === 3 && " + state("waiting") + " === 2")
	p.await(`/^[1-9]\d*% of \d+ kB$/.test(document.querySelector("#uploads .sending .status").textContent)`)
	p.see("#uploads .waiting .status", " kB")
	p.await(`/^\d+% · Image server$/.test(document.title)`)
	p.await(`/^Uploading \d of 5$/.test(document.querySelector("#uploads .summary").textContent)`)
	p.await(`/^\d+ sec left$/.test(document.querySelector("#uploads .panel-head .hint").textContent)`)
	p.await(`document.querySelector("#uploads > progress").value > 0.1`)

	// The folded panel still shows the bar.
	p.click("#uploads", "", "Show less")
	p.await(`!document.querySelector("#uploads .rows").checkVisibility() && document.querySelector("#uploads > progress").getBoundingClientRect().height === 3`)
	p.click("#uploads", "", "Show less")
	p.await(`document.querySelector("#uploads .rows").checkVisibility()`)

	p.do(chromedp.Focus(chromedp.CSS("#uploads li:last-child button")))
	p.click("#uploads li", "4.png", "Cancel")
	p.await(`/^Retry\s+4.png$/.test(` + focused + `)`)
	p.await(stored + " > 0")
	p.throttle(-1)
	p.see("#announcements", "Uploading 5 files")
	p.see("#announcements", "4 uploaded, 1 cancelled")
	if got := eval[int](p, `document.querySelectorAll("#announcements p").length`); got != 2 {
		t.Errorf("%d announcements, want only the start and the end", got)
	}
	p.await(`document.title === "Image server"`)

	// After Cancel all nothing more is stored, and the focus stays in the list.
	p.throttle(20_000)
	p.choose(file(t, "a.png", picture(200, 200)), file(t, "b.png", picture(200, 200)))
	p.await(state("sending") + " === 2")
	p.click("#uploads", "", "Cancel all")
	p.see("#uploads .cancelled", "3 cancelled")
	p.await(`document.activeElement.matches(".summary")`)
	p.throttle(-1)
	p.click("#uploads li", "3 cancelled", "Retry all")
	p.await(stored + " === 7")
	if got, want := list(t, url), []string{"0.png", "1.png", "2.png", "3.png", "4.png", "a.png", "b.png"}; !slices.Equal(sorted(got), want) {
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

// TestLimitsChanged: if the server is started again with higher limits, the page does not refuse
// a file that the server now accepts.
func TestLimitsChanged(t *testing.T) {
	t.Parallel()
	url, change := newChangingServer(t, api.Options{MaxUpload: 1000, Allow: []format.Type{format.JPEG}})
	p := newPage(t, url)
	p.await(`document.querySelector("#file").accept.includes("jpeg")`)
	change(api.Options{MaxUpload: 1_000_000})
	p.choose(file(t, "cat.png", picture(100, 100)))
	p.see("#uploads .stored", "cat.png")
}
