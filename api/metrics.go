package api

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"imageserver/api/transport"
	"imageserver/db"
)

// Metrics counts what one Server and its store do, for Prometheus. No label has a
// value that a client can choose.
type Metrics struct {
	registry *prometheus.Registry

	requests          *prometheus.CounterVec   // by route, method, status
	durations         *prometheus.HistogramVec // by route, method
	received, sent    *prometheus.CounterVec   // bytes of bodies, by route, method
	inFlight          prometheus.Gauge
	uploads, refusals *prometheus.CounterVec
	commits, changes  prometheus.Histogram
	resizes           prometheus.Histogram
	routes            map[routeKey]*routeMetrics // of the server, and one for all else
}

// NewMetrics returns Metrics for one Server.
func NewMetrics() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.requests = m.counters("http_requests_total", "Requests answered.", "route", "method", "status")
	m.received = m.counters("http_request_body_bytes_total", "Bytes of requests' bodies that were read.", "route", "method")
	m.sent = m.counters("http_response_body_bytes_total", "Bytes of answers' bodies.", "route", "method")
	m.uploads = m.counters("uploads_total", "Images stored, by what became of them: created, renamed, replaced, duplicate.", "result")
	m.refusals = m.counters("upload_refusals_total", "Requests to upload that were refused, by error code.", "code")
	m.durations = prometheus.NewHistogramVec(histogram("http_request_duration_seconds", "Time to answer a request, from its header to the last byte handed to the kernel.", 0.0005, 2.5), []string{"route", "method"})
	m.commits = prometheus.NewHistogram(histogram("commit_duration_seconds", "Time of one commit of the store, on the disk.", 0.0005, 2))
	m.changes = prometheus.NewHistogram(histogram("commit_changes", "Changes that went into one commit.", 1, 2))
	m.resizes = prometheus.NewHistogram(histogram("resize_duration_seconds", "Time to make a resized copy.", 0.01, 2))
	m.inFlight = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "http_requests_in_flight", Help: "Requests being answered."})
	m.registry.MustRegister(m.durations, m.commits, m.changes, m.resizes, m.inFlight,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector())
	return m
}

const namespace = "imageserver"

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

// histogram returns options with eleven buckets: the first ends at first, and each is
// factor times the one before.
func histogram(name, help string, first, factor float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(first, factor, 11)}
}

// Commit counts one commit of the store.
func (m *Metrics) Commit(took time.Duration, changes int) {
	m.commits.Observe(took.Seconds())
	m.changes.Observe(float64(changes))
}

// stored counts an image that was accepted.
func (m *Metrics) stored(img received, asked string) {
	if m == nil {
		return
	}
	result := map[db.Outcome]string{db.Created: "created", db.Replaced: "replaced", db.Unchanged: "duplicate"}[img.outcome]
	if img.outcome == db.Created && img.Name != asked {
		result = "renamed"
	}
	m.uploads.WithLabelValues(result).Inc()
}

// resized counts a resized copy that was made.
func (m *Metrics) resized(took time.Duration) {
	if m != nil {
		m.resizes.Observe(took.Seconds())
	}
}

// routeKey identifies a route of the server, as Echo does.
type routeKey struct{ method, path string }

// routeMetrics has the metrics of one route. They are looked up once: for a small
// image the look-ups would take longer than the counting.
type routeMetrics struct {
	key            routeKey
	m              *Metrics
	duration       prometheus.Observer
	received, sent prometheus.Counter
	byStatus       [500]atomic.Pointer[prometheus.Counter] // from 100 on
}

func (m *Metrics) route(key routeKey) *routeMetrics {
	return &routeMetrics{
		key: key, m: m,
		duration: m.durations.WithLabelValues(key.path, key.method),
		received: m.received.WithLabelValues(key.path, key.method),
		sent:     m.sent.WithLabelValues(key.path, key.method),
	}
}

// answered returns the counter of the responses with a status.
func (r *routeMetrics) answered(status int) prometheus.Counter {
	if status < 100 || status > 599 {
		status = http.StatusInternalServerError
	}
	p := &r.byStatus[status-100]
	if c := p.Load(); c != nil {
		return *c
	}
	c := r.m.requests.WithLabelValues(r.key.path, r.key.method, strconv.Itoa(status))
	p.Store(&c)
	return c
}

// otherRoute stands for all requests that match no route.
var otherRoute = routeKey{"other", "other"}

// watch starts to count the routes and the state of a Server.
func (m *Metrics) watch(s *Server) {
	m.routes = map[routeKey]*routeMetrics{otherRoute: m.route(otherRoute)}
	for _, r := range s.echo.Routes() {
		key := routeKey{r.Method, r.Path}
		m.routes[key] = m.route(key)
	}
	m.registry.MustRegister(&state{s})
}

// measure counts requests. It is the outermost middleware.
func (s *Server) measure(next echo.HandlerFunc) echo.HandlerFunc {
	m := s.o.Metrics
	if m == nil {
		return next
	}
	return func(c echo.Context) error {
		began := time.Now()
		m.inFlight.Inc()
		defer func() { // a connection that the server aborts arrives here as a panic
			m.inFlight.Dec()
			r := m.routes[routeKey{c.Request().Method, c.Path()}]
			if r == nil {
				r = m.routes[otherRoute]
			}
			r.answered(c.Response().Status).Inc()
			r.duration.Observe(time.Since(began).Seconds())
			r.sent.Add(float64(c.Response().Size))
			r.received.Add(float64(transport.BytesRead(c.Request())))
		}()
		return next(c)
	}
}

// tally counts uploads that are rejected.
func (s *Server) tally(next echo.HandlerFunc) echo.HandlerFunc {
	m := s.o.Metrics
	if m == nil {
		return next
	}
	return func(c echo.Context) error {
		err := next(c)
		if err != nil {
			m.refusals.WithLabelValues(refusalOf(err).Code).Inc()
		}
		return err
	}
}

// getMetrics responds with all metrics in the text format of Prometheus.
func (s *Server) getMetrics(c echo.Context) error {
	m := s.o.Metrics
	if m == nil {
		return echo.ErrNotFound
	}
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, DisableCompression: true}).ServeHTTP(c.Response(), c.Request())
	return nil
}
