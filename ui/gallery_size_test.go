package ui_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

// newFront starts a server that stands before another one and asks answer
// about each request: whether that has answered it itself.
func newFront(t *testing.T, behind string, answer func(http.ResponseWriter, *http.Request) bool) string {
	t.Helper()
	target, err := url.Parse(behind)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answer(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// newLargeGallery is newGalleryOf with a small picture.
func newLargeGallery(t *testing.T, n int) string {
	t.Helper()
	return newGalleryOf(t, n, picture(64, 48))
}

// newGalleryOf starts a server that lists n images, all of which look like the
// one that it has stored. A page of its list has as many images as the request
// asks for, or a tenth of all where that is more. Its cursors are numbers.
func newGalleryOf(t *testing.T, n int, content []byte) string {
	t.Helper()
	behind := newServer(t, "")
	upload(t, behind, "one.png", content)
	res, err := http.Get(behind + "/images")
	if err != nil {
		t.Fatal(err)
	}
	var stored struct{ Images []map[string]any }
	decode(t, res, http.StatusOK, &stored)
	return newFront(t, behind, func(w http.ResponseWriter, r *http.Request) bool {
		q := r.URL.Query()
		if strings.HasPrefix(r.URL.Path, "/images/") {
			r.URL.Path, r.URL.RawPath = "/images/one.png", ""
		}
		if r.URL.Path != "/images" || q.Get("name") != "" {
			return false
		}
		from, _ := strconv.Atoi(q.Get("cursor"))
		limit, _ := strconv.Atoi(q.Get("limit"))
		to := min(from+max(limit, n/10), n)
		page := map[string]any{}
		images := []map[string]any{}
		for i := from; i < to; i++ {
			image := maps.Clone(stored.Images[0])
			image["filename"] = fmt.Sprintf("image %05d.png", i)
			images = append(images, image)
		}
		page["images"] = images
		if to < n {
			page["next"] = strconv.Itoa(to)
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(page)
		return true
	})
}

// TestTenThousand: the page holds only what is near the window, wherever that
// is, and the last thousand of ten cost no more than the first.
func TestTenThousand(t *testing.T) {
	const n = 10_000
	p := newPage(t, newLargeGallery(t, n))
	_, err := chromedp.Call(p.ctx, performance.Enable, performance.EnableParams{
		TimeDomain: performance.EnableTimeDomainThreadTicks, // of the processor, which others use, too
	})
	if err != nil {
		t.Fatal(err)
	}
	busy := func() float64 {
		t.Helper()
		r, err := chromedp.Call(p.ctx, performance.GetMetrics, cdp.Empty{})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range r.Metrics {
			if m.Name == "TaskDuration" {
				return m.Value
			}
		}
		t.Fatal("no TaskDuration")
		return 0
	}
	nodes := func() int { return eval[int](p, `document.getElementsByTagName("*").length`) }
	covered := `document.elementFromPoint(innerWidth - 200, innerHeight / 2)?.closest("#gallery li") && ` +
		`document.elementFromPoint(innerWidth - 200, 10)?.closest("#gallery ul")`
	p.see("#gallery .name", "image 00059.png")
	took := []float64{}
	for i := 1; i <= 10; i++ {
		before := busy()
		last := fmt.Sprintf("image %05d.png", n/10*i-1)
		p.await(fmt.Sprintf(`void scrollTo(0, document.documentElement.scrollHeight) || document.querySelector("#gallery [alt='%s']")`, last))
		took = append(took, busy()-before)
	}
	first, last := took[1]+took[2]+took[3], took[7]+took[8]+took[9]
	if last > 2*first+0.3 {
		t.Errorf("three scrolls to the end took %.2f s of the processor at first, and %.2f s at last", first, last)
	}
	for _, share := range []float64{0.5, 0, 0.9, 0.1, 1} {
		eval[*string](p, fmt.Sprintf(`void scrollTo(0, %g * (document.documentElement.scrollHeight - innerHeight) + 400 * (%[1]g === 0))`, share))
		p.await(covered)
		if got := nodes(); got > 12_000 {
			t.Errorf("the page has %d elements, want at most 12,000", got)
		}
	}
}
