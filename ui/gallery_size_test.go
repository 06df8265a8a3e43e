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
)

// newFront starts a proxy for another server. For each request it calls answer, which
// reports whether it has sent the response itself.
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

// hold waits until the channel is closed, or until the test ends. A server waits for its
// handlers before it closes, so a failed test would wait for ever.
func hold(t *testing.T, until <-chan struct{}) {
	select {
	case <-until:
	case <-t.Context().Done():
	}
}

// newLargeGallery does the same as newGalleryOf, with a small picture.
func newLargeGallery(t *testing.T, n int) string {
	t.Helper()
	return newGalleryOf(t, n, picture(64, 48))
}

// newGalleryOf starts a server that lists n images. The server has stored only one image, and
// lists it n times under different names. A page of the list has the requested number of
// images, or a tenth of all images if that is more. The cursors are numbers.
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

// TestThousands: the page has only the cards near the window. So it is as fast at the end of a
// list of thousands of images as at the start. The test logs the longest tasks.
func TestThousands(t *testing.T) {
	t.Parallel()
	const n = 2000
	p := newPage(t, newLargeGallery(t, n))
	checkElements := func(where string) {
		t.Helper()
		if got := eval[int](p, `document.getElementsByTagName("*").length`); got > 2500 {
			t.Errorf("%s the page has %d elements, want at most 2500", where, got)
		}
	}
	p.see("#gallery .name", "image 00000.png")
	p.logLongestTask("2,000 images are loaded", func() {
		for i := 1; i <= 10; i++ {
			last := fmt.Sprintf("image %05d.png", n/10*i-1)
			// The page may have loaded more images before the test reads the number.
			p.await(fmt.Sprintf(`void scrollTo(0, document.documentElement.scrollHeight) || [...document.querySelectorAll("#gallery [alt]")].at(-1)?.alt >= %q`, last))
			checkElements("at " + last)
		}
	})
	covered := `document.elementFromPoint(200, innerHeight / 2)?.closest("#gallery li") && ` +
		`document.elementFromPoint(200, 150)?.closest("#gallery li")`
	p.logLongestTask("jumps in 2,000 images", func() {
		for _, share := range []float64{0.5, 0, 0.9, 0.1, 1} {
			eval[*string](p, fmt.Sprintf(`void scrollTo(0, %g * (document.documentElement.scrollHeight - innerHeight) + 400 * (%[1]g === 0))`, share))
			p.await(covered)
			checkElements(fmt.Sprintf("at %g of the list", share))
		}
	})
}
