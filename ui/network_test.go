package ui_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// TestOffline: the queue waits for the network and continues by itself.
func TestOffline(t *testing.T) {
	t.Parallel()
	p := newPage(t, newServer(t, ""))
	p.see("#gallery", "No images yet")
	p.connect(network.Conditions{Offline: true, DownloadThroughput: -1, UploadThroughput: -1})
	p.choose(file(t, "cat.png", picture(10, 10)), file(t, "dog.png", picture(10, 10)))
	p.see("#uploads .note", "Can’t reach the server. Uploads will continue when it’s back.")
	p.await(state("waiting") + " === 2")
	p.see("#uploads .summary", "Uploading 1 of 2")
	p.see("#announcements", "Can’t reach the server.")
	p.throttle(-1)
	p.await(state("stored") + " === 2")
	p.await(`!document.querySelector("#uploads .note").checkVisibility()`)
}

// TestServerDown: the server stops during uploads and starts again. Then the page sends
// these uploads again.
func TestServerDown(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	p := newPage(t, m.url())
	// In this test, the delays between two checks for the server are a hundred times
	// shorter.
	eval[*string](p, `(() => {
		const real = AbortSignal.timeout.bind(AbortSignal);
		AbortSignal.timeout = (wait) => {
			return real([1000, 2000, 4000, 8000, 15000].includes(wait) ? wait / 100 : wait);
		};
	})()`)
	p.throttle(100_000)
	p.choose(file(t, "large.png", picture(300, 300)), file(t, "small.png", picture(100, 100)), file(t, "gone.png", picture(300, 300)))
	p.await(`document.querySelector("#uploads > progress").value > 0.1`)
	m.stop()
	p.see("#uploads .note", "Can’t reach the server.")
	p.throttle(-1)
	p.click("#uploads li", "gone.png", "Cancel")
	m.start()
	p.await(state("stored") + " === 2 && " + state("cancelled") + " === 1")
	if got, want := sorted(list(t, m.url())), []string{"large.png", "small.png"}; !slices.Equal(got, want) {
		t.Errorf("the server has %q, want %q", got, want)
	}

	// When all uploads have ended, the panel no longer says that they wait for the server.
	m.stop()
	p.choose(file(t, "never.png", picture(10, 10)))
	p.see("#uploads .note", "Can’t reach the server.")
	p.click("#uploads", "", "Cancel all")
	p.await(`!document.querySelector("#uploads .note").checkVisibility()`)
}

// TestConnectionLost: if the connection of an upload is lost but the server responds, the
// page sends the upload three times. Then the reader can retry all failed uploads.
func TestConnectionLost(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	broken.Store(true)
	url := newFront(t, newServer(t, ""), func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/upload" && broken.Load() {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	p := newPage(t, url)
	p.choose(file(t, "a.png", picture(10, 10)), file(t, "b.png", picture(10, 10)))
	p.see("#uploads .summary", "2 failed")
	p.see("#uploads .failed", "2 files couldn’t be uploaded")
	p.see("#uploads .failed", "The connection was lost. Try again.")
	p.see("#announcements", "2 failed")
	if got := eval[int](p, `performance.getEntriesByType("resource").filter(e => e.name.endsWith("/upload")).length`); got != 6 {
		t.Errorf("%d requests, want three for each upload", got)
	}
	broken.Store(false)
	p.click("#uploads", "", "Retry failed")
	p.await(state("stored") + " === 2")
	p.await(`document.activeElement.matches(".summary")`)
}

// TestResponseLost: if only the response to an upload is lost, the page sends the upload again
// and gets a duplicate. It counts this image, too.
func TestResponseLost(t *testing.T) {
	t.Parallel()
	behind := newServer(t, "")
	var lost atomic.Bool
	url := newFront(t, behind, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/upload" || lost.Swap(true) {
			return false
		}
		res, err := http.Post(behind+r.URL.RequestURI(), r.Header.Get("Content-Type"), r.Body)
		if err != nil {
			t.Error(err)
		} else {
			res.Body.Close()
		}
		panic(http.ErrAbortHandler)
	})
	upload(t, behind, "old.png", picture(10, 10))
	p := newPage(t, url)
	p.await(`document.querySelector("#search").placeholder === "Search 1 image"`)
	p.choose(file(t, "new.png", picture(20, 10)))
	p.await(state("stored") + " === 1")
	p.await(`document.querySelector("#search").placeholder === "Search 2 images"`)

	p.size(390, 844)
	p.await(`document.querySelector("#search").placeholder === "Search"`) // the field is too narrow for the number of images
}

// TestBusy: after 429 and 503 the page waits as long as the server asks, and tries again.
func TestBusy(t *testing.T) {
	t.Parallel()
	refusals := []int{http.StatusTooManyRequests, http.StatusServiceUnavailable}
	var mu sync.Mutex
	var came []time.Time
	url := newFront(t, newServer(t, ""), func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/upload" {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		came = append(came, time.Now())
		if len(came) > len(refusals) {
			return false
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(refusals[len(came)-1])
		w.Write([]byte(`{"message": "Too much at once."}`))
		return true
	})
	p := newPage(t, url)
	p.choose(file(t, "a.png", picture(10, 10)))
	p.see("#uploads .note", "The server is busy. Uploads will continue in 1 sec.")
	p.await(state("stored") + " === 1")
	p.see("#announcements", "The server is busy.")
	mu.Lock()
	defer mu.Unlock()
	if len(came) != 3 {
		t.Fatalf("%d requests, want 3", len(came))
	}
	for i, status := range refusals {
		if got := came[i+1].Sub(came[i]); got < time.Second {
			t.Errorf("after status %d the page tried again after %v, want 1 s", status, got)
		}
	}
}

// TestLeaving: if the reader leaves a page with unfinished uploads, the browser asks whether to
// leave. An upload is also unfinished while it is "saving", between its last byte and the
// response. Without such uploads the browser does not ask.
func TestLeaving(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	url := newFront(t, newServer(t, ""), func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/upload" && strings.Contains(r.Header.Get("Content-Type"), "multipart") {
			hold(t, answer)
		}
		return false
	})
	p := newPage(t, url)
	asked := make(chan struct{}, 8)
	if err := chromedp.Listen(p.ctx, func(ev any) {
		if _, ok := ev.(*cdppage.EventJavascriptDialogOpening); ok {
			asked <- struct{}{}
		}
	}); err != nil {
		t.Fatal(err)
	}
	p.clickOn("h1") // browsers ask only after the reader has used the page
	p.choose(file(t, "cat.png", picture(10, 10)))
	p.see("#uploads .saving .status", "Saving…")
	eval[bool](p, `setTimeout(() => location.reload()), true`)
	receive(p, asked) // whether to leave
	if _, err := chromedp.Call(p.ctx, cdppage.HandleJavaScriptDialog, cdppage.HandleJavaScriptDialogParams{Accept: false}); err != nil {
		t.Fatal(err)
	}
	close(answer)
	p.see("#uploads .stored", "cat.png")
	p.see("#uploads .summary", "1 uploaded")
	p.reload()
	p.see("#gallery", "cat.png")
	if len(asked) > 0 {
		t.Error("the browser asks although all uploads are stored")
	}
}
