package api_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"imageserver/api/apitest"

	"imageserver/api"
)

// sizes are in bytes.
var sizes = []struct {
	name string
	size int
}{{"20kB", 20_000}, {"100kB", 100_000}, {"1MB", 1_000_000}, {"4MB", 4_000_000}}

// newBenchServer starts a server without a log. Its client keeps as many connections as the
// benchmark has goroutines.
func newBenchServer(b *testing.B) *apitest.Server {
	s := apitest.NewServer(b, api.Options{Log: slog.New(slog.DiscardHandler)})
	s.HTTP.Transport.(*http.Transport).MaxIdleConnsPerHost = 1000
	return s
}

// BenchmarkGet fetches one image.
func BenchmarkGet(b *testing.B) {
	for _, size := range sizes {
		b.Run(size.name, func(b *testing.B) {
			s := newBenchServer(b)
			s.Put(b, "/images/cat.png", apitest.Picture(b, 1, size.size))
			benchmarkGet(b, s.Client, "/images/cat.png", size.size)
		})
	}
}

// BenchmarkGetVariant fetches a stored variant of about 20 kB, and an image of the same size.
func BenchmarkGetVariant(b *testing.B) {
	const path = "/images/photo.jpg?w=512"
	s := newBenchServer(b)
	s.Put(b, "/images/photo.jpg", apitest.Photo(b, 1, 1600, 1200))
	size := len(s.Do(b, "GET", path, "", "").Body)
	s.Put(b, "/images/cat.png", apitest.Picture(b, 1, size))
	b.Run("copy", func(b *testing.B) { benchmarkGet(b, s.Client, path, size) })
	b.Run("image", func(b *testing.B) { benchmarkGet(b, s.Client, "/images/cat.png", size) })
}

// BenchmarkGetBare is the lower limit: a handler that only writes the same bytes from
// memory.
func BenchmarkGetBare(b *testing.B) {
	for _, size := range sizes {
		b.Run(size.name, func(b *testing.B) {
			image := []byte(apitest.Picture(b, 1, size.size))
			s := apitest.Start(b, httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "image/png")
				w.Header().Set("Content-Length", fmt.Sprint(len(image)))
				w.Write(image)
			})), false)
			s.HTTP.Transport.(*http.Transport).MaxIdleConnsPerHost = 1000
			benchmarkGet(b, s, "/images/cat.png", size.size)
		})
	}
}

func benchmarkGet(b *testing.B, s *apitest.Client, path string, size int) {
	b.SetBytes(int64(size))
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := discard(s, "GET", path, "", nil, http.StatusOK); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// discard sends a request and checks only the status of the response.
func discard(s *apitest.Client, method, path, header string, body io.Reader, status int) error {
	r, err := http.NewRequest(method, s.URL+path, body)
	if err != nil {
		return err
	}
	apitest.SetHeader(r, header)
	res, err := s.HTTP.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != status {
		return fmt.Errorf("got %s, want %d", res.Status, status)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// BenchmarkMetrics fetches a small image by turns from a server that counts and from one
// that does not. It reports the ratio of their times. There is no network, which would hide
// the difference.
func BenchmarkMetrics(b *testing.B) {
	store := apitest.NewStore(b)
	log := slog.New(slog.DiscardHandler)
	handlers := []http.Handler{
		api.New(store, http.NotFoundHandler(), api.Options{Log: log}),
		api.New(store, http.NotFoundHandler(), api.Options{Log: log, Metrics: api.NewMetrics()}),
	}
	put := httptest.NewRequest("PUT", "/images/cat.png", strings.NewReader(apitest.Picture(b, 1, 1000)))
	handlers[0].ServeHTTP(httptest.NewRecorder(), put)
	var took [2]time.Duration
	for i := 0; b.Loop(); i++ {
		for k := range handlers {
			k = (k + i) % 2
			r := httptest.NewRequest("GET", "/images/cat.png", nil)
			w := &discarded{header: http.Header{}}
			began := time.Now()
			handlers[k].ServeHTTP(w, r)
			took[k] += time.Since(began)
			if w.status != http.StatusOK {
				b.Fatalf("got status %d", w.status)
			}
		}
	}
	b.ReportMetric(float64(took[0].Nanoseconds())/float64(b.N), "ns/plain")
	b.ReportMetric(float64(took[1].Nanoseconds())/float64(b.N), "ns/counted")
	b.ReportMetric(float64(took[1])/float64(took[0]), "ratio")
}

// discarded is a response that keeps only its status.
type discarded struct {
	header http.Header
	status int
}

func (w *discarded) Header() http.Header         { return w.header }
func (w *discarded) WriteHeader(status int)      { w.status = status }
func (w *discarded) Write(p []byte) (int, error) { return len(p), nil }
