package api_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"imageserver/api/apitest"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/db"
	"imageserver/db/bolt"
)

// newMetered starts a server that also has the metrics of its store.
func newMetered(t *testing.T, o api.Options) *apitest.Server {
	t.Helper()
	o.Metrics = api.NewMetrics()
	return apitest.Serve(t, apitest.OpenStore(t, bolt.Options{Committed: o.Metrics.Commit}), o)
}

// scrape returns the value for each name with labels.
func scrape(t *testing.T, s *apitest.Server) (samples map[string]float64, text string) {
	t.Helper()
	a := s.Do(t, "GET", "/metrics", "", "").Want(t, http.StatusOK)
	a.WantHeader(t, "Cache-Control", "no-store")
	samples = map[string]float64{}
	for line := range strings.Lines(a.Body) {
		i := strings.LastIndexByte(line, ' ')
		if v, err := strconv.ParseFloat(strings.TrimSpace(line[i+1:]), 64); err == nil && line[0] != '#' {
			samples[strings.TrimPrefix(line[:i], "imageserver_")] = v
		}
	}
	return samples, a.Body
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newMetered(t, api.Options{Trash: 1e12})
	cat, dog := apitest.Picture(t, 1, 10_000), apitest.Picture(t, 2, 10_000)
	s.Put(t, "/images/cat.png", cat)
	s.Do(t, "PUT", "/images/cat.png", "", cat).Want(t, 200)
	s.Upload(t, apitest.File("file", "cat.png", dog)).Want(t, 201) // as cat-2.png
	s.Do(t, "PUT", "/images/cat.png", "", apitest.Picture(t, 3, 10_000)).Want(t, 200)
	s.Do(t, "PUT", "/images/text.png", "", "not an image").Want(t, 415)
	s.Upload(t, apitest.Text("a", "b")).Want(t, 400)
	for range 3 {
		s.Do(t, "GET", "/images/cat-2.png", "", "").Want(t, 200)
	}
	s.Do(t, "GET", "/images/secret-name.png", "", "").Want(t, 404)
	s.Do(t, "GET", "/no/such/route", "", "").Want(t, 404)
	s.Do(t, "BREW", "/images/cat.png", "", "").Want(t, 405)
	s.Do(t, "GET", "/images/cat-2.png?w=16", "", "").Want(t, 200)

	got, body := scrape(t, s)
	for sample, want := range map[string]float64{
		`http_requests_total{method="GET",route="/images/*",status="200"}`:    4,
		`http_requests_total{method="GET",route="/images/*",status="404"}`:    1,
		`http_requests_total{method="PUT",route="/images/*",status="201"}`:    1,
		`http_requests_total{method="PUT",route="/images/*",status="200"}`:    2,
		`http_requests_total{method="other",route="other",status="404"}`:      1,
		`http_requests_total{method="other",route="other",status="405"}`:      1,
		`http_request_duration_seconds_count{method="GET",route="/images/*"}`: 5,
		`http_request_body_bytes_total{method="PUT",route="/images/*"}`:       float64(2*len(cat) + 10_000 + len("not an image")),
		`http_requests_in_flight`:                    1, // this request
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
			t.Errorf("%s: got %v, want more than 0", some, got[some])
		}
	}
	if !strings.Contains(body, "go_build_info{") {
		t.Error("go_build_info is missing")
	}
	for _, name := range []string{"cat.png", "cat-2", "secret", "such", "BREW"} {
		if strings.Contains(body, name) {
			t.Errorf("the metrics have a text that a client sent: %s", name)
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

// TestMetricsBounded checks that clients cannot add metrics.
func TestMetricsBounded(t *testing.T) {
	t.Parallel()
	s := newMetered(t, api.Options{})
	s.Do(t, "X0", "/0", "", "").Want(t, 404)
	names := func() []string {
		_, text := scrape(t, s)
		return regexp.MustCompile(`(?m)^imageserver_http_requests_total.*\}`).FindAllString(text, -1)
	}
	names() // this request is counted too
	before := names()
	for i := range 20 {
		s.Do(t, fmt.Sprint("X", i), fmt.Sprintf("/%d", i), "", "").Want(t, 404)
	}
	if after := names(); !slices.Equal(before, after) {
		t.Errorf("got the series %q, want %q", after, before)
	}
}

// TestMetricsAccess checks that the metrics have the same access rules as the list.
func TestMetricsAccess(t *testing.T) {
	t.Parallel()
	s := newMetered(t, api.Options{Access: access.Options{Token: "s3cret"}})
	s.Do(t, "GET", "/metrics", "", "").Refusal(t, http.StatusUnauthorized, "token")
	s.Do(t, "GET", "/metrics", "Authorization: Bearer s3cret", "").Want(t, http.StatusOK)
	s = newMetered(t, api.Options{})
	s.Do(t, "GET", "/metrics", "Sec-Fetch-Site: cross-site", "").Refusal(t, http.StatusForbidden, "cross_origin")
	apitest.NewServer(t, api.Options{}).Do(t, "GET", "/metrics", "", "").Refusal(t, http.StatusNotFound, "http_404")
}

// TestMetricsFailed checks that the other metrics are reported when the store cannot be
// read.
func TestMetricsFailed(t *testing.T) {
	t.Parallel()
	store := apitest.NewStore(t)
	s := apitest.Serve(t, struct{ db.Store }{store}, api.Options{Metrics: api.NewMetrics()})
	store.Close()
	got, _ := scrape(t, s)
	if got["ready"] != 0 || got["go_goroutines"] == 0 {
		t.Errorf("ready %v, goroutines %v, want 0 and more than 0", got["ready"], got["go_goroutines"])
	}
	if _, ok := got["images"]; ok {
		t.Error("the images of a closed store are counted")
	}
}
