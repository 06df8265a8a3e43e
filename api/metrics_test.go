package api_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/db"
	"imageserver/db/bolt"
)

// newMetered starts a server whose metrics are those of its store, too.
func newMetered(t *testing.T, o api.Options) *server {
	t.Helper()
	o.Metrics = api.NewMetrics()
	store, err := bolt.Open(filepath.Join(t.TempDir(), "images.db"), bolt.Options{Committed: o.Metrics.Commit})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return serve(t, store, o)
}

// scrape returns the samples: name and labels → value.
func scrape(t *testing.T, s *server) (samples map[string]float64, text string) {
	t.Helper()
	a := s.do(t, "GET", "/metrics", "", "")
	a.want(t, http.StatusOK)
	a.wantHeader(t, "Cache-Control", "no-store")
	samples = map[string]float64{}
	for line := range strings.Lines(a.body) {
		i := strings.LastIndexByte(line, ' ')
		if v, err := strconv.ParseFloat(strings.TrimSpace(line[i+1:]), 64); err == nil && line[0] != '#' {
			samples[strings.TrimPrefix(line[:i], "imageserver_")] = v
		}
	}
	return samples, a.body
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newMetered(t, api.Options{Trash: 1e12})
	cat, dog := picture(t, 1, 10_000), picture(t, 2, 10_000)
	s.put(t, "/images/cat.png", cat)
	s.do(t, "PUT", "/images/cat.png", "", cat).want(t, 200)
	s.upload(t, file("file", "cat.png", dog)).want(t, 201) // as cat-2.png
	s.do(t, "PUT", "/images/cat.png", "", picture(t, 3, 10_000)).want(t, 200)
	s.do(t, "PUT", "/images/text.png", "", "no image at all").want(t, 415)
	s.upload(t, text("a", "b")).want(t, 400)
	for range 3 {
		s.do(t, "GET", "/images/cat-2.png", "", "").want(t, 200)
	}
	s.do(t, "GET", "/images/secret-name.png", "", "").want(t, 404)
	s.do(t, "GET", "/no/such/route", "", "").want(t, 404)
	s.do(t, "BREW", "/images/cat.png", "", "").want(t, 405)
	s.do(t, "GET", "/images/cat-2.png?w=16", "", "").want(t, 200)

	got, body := scrape(t, s)
	for sample, want := range map[string]float64{
		`http_requests_total{method="GET",route="/images/*",status="200"}`:    4,
		`http_requests_total{method="GET",route="/images/*",status="404"}`:    1,
		`http_requests_total{method="PUT",route="/images/*",status="201"}`:    1,
		`http_requests_total{method="PUT",route="/images/*",status="200"}`:    2,
		`http_requests_total{method="other",route="other",status="404"}`:      1,
		`http_requests_total{method="other",route="other",status="405"}`:      1,
		`http_request_duration_seconds_count{method="GET",route="/images/*"}`: 5,
		`http_request_body_bytes_total{method="PUT",route="/images/*"}`:       float64(2*len(cat) + 10_000 + len("no image at all")),
		`http_requests_in_flight`:                    1, // this one
		`uploads_total{result="created"}`:            1,
		`uploads_total{result="renamed"}`:            1,
		`uploads_total{result="replaced"}`:           1,
		`uploads_total{result="duplicate"}`:          1,
		`upload_refusals_total{code="not_an_image"}`: 1,
		`upload_refusals_total{code="no_file"}`:      1,
		`images`:                                     2,
		`image_bytes`:                                20_000,
		`stored_bytes`:                               30_000,
		`trash_images`:                               1,
		`copies`:                                     1,
		`copies_queued`:                              0,
		`uploads_waiting`:                            0,
		`ready`:                                      1,
		`resize_duration_seconds_count`:              1,
		`http_request_duration_seconds_bucket{method="GET",route="/images/*",le="+Inf"}`: 5,
	} {
		if v, ok := got[sample]; !ok || v != want {
			t.Errorf("%s: got %v (%t), want %v", sample, v, ok, want)
		}
	}
	for _, some := range []string{
		"file_bytes", "commit_duration_seconds_count", "commit_changes_sum", "process_open_fds", "go_goroutines", "copies_bytes",
		`http_response_body_bytes_total{method="GET",route="/images/*"}`,
	} {
		if got[some] <= 0 {
			t.Errorf("%s: got %v, want more than nothing", some, got[some])
		}
	}
	if !strings.Contains(body, "go_build_info{") {
		t.Error("it lacks go_build_info")
	}
	for _, name := range []string{"cat.png", "cat-2", "secret", "such", "BREW"} {
		if strings.Contains(body, name) {
			t.Errorf("what a client sent is in the metrics: %s", name)
		}
	}
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "imageserver_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// TestMetricsBounded: no client makes the metrics grow.
func TestMetricsBounded(t *testing.T) {
	t.Parallel()
	s := newMetered(t, api.Options{})
	s.do(t, "X0", "/0", "", "").want(t, 404)
	names := func() []string {
		_, text := scrape(t, s)
		return regexp.MustCompile(`(?m)^imageserver_http_requests_total.*\}`).FindAllString(text, -1)
	}
	names() // which counts itself
	before := names()
	for i := range 20 {
		s.do(t, fmt.Sprint("X", i), fmt.Sprintf("/%d", i), "", "").want(t, 404)
	}
	if after := names(); !slices.Equal(before, after) {
		t.Errorf("got the series %q, want %q", after, before)
	}
}

// TestMetricsAccess: they are for whom the list is for.
func TestMetricsAccess(t *testing.T) {
	t.Parallel()
	s := newMetered(t, api.Options{Access: access.Options{Token: "s3cret"}})
	s.do(t, "GET", "/metrics", "", "").refusal(t, http.StatusUnauthorized, "token")
	s.do(t, "GET", "/metrics", "Authorization: Bearer s3cret", "").want(t, http.StatusOK)
	s = newMetered(t, api.Options{})
	s.do(t, "GET", "/metrics", "Sec-Fetch-Site: cross-site", "").refusal(t, http.StatusForbidden, "cross_origin")
	newServer(t, api.Options{}).do(t, "GET", "/metrics", "", "").refusal(t, http.StatusNotFound, "http_404")
}

// TestMetricsFailed: a store that cannot be read leaves the others be.
func TestMetricsFailed(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := serve(t, struct{ db.Store }{store}, api.Options{Metrics: api.NewMetrics()})
	store.Close()
	got, _ := scrape(t, s)
	if got["ready"] != 0 || got["go_goroutines"] == 0 {
		t.Errorf("ready %v, goroutines %v, want 0 and some", got["ready"], got["go_goroutines"])
	}
	if _, ok := got["images"]; ok {
		t.Error("the images of a closed store are counted")
	}
}
