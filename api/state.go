package api

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"imageserver/db"
)

// state collects the current state of the server and its store.
type state struct{ *Server }

// gauge describes a metric of state.
func gauge(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, nil, nil)
}

// usageGauges are read from db.Usage.
var usageGauges = []struct {
	desc  *prometheus.Desc
	value func(db.Usage) int64
}{
	{gauge("images", "Images, without those in the trash."), func(u db.Usage) int64 { return u.Images }},
	{gauge("image_bytes", "Size of all images, without those in the trash."), func(u db.Usage) int64 { return u.Bytes }},
	{gauge("stored_bytes", "Size of the distinct contents of all images, including the trash."), func(u db.Usage) int64 { return u.Stored }},
	{gauge("trash_images", "Images in the trash."), func(u db.Usage) int64 { return u.Trash }},
	{gauge("trash_bytes", "Size of the images in the trash."), func(u db.Usage) int64 { return u.TrashBytes }},
	{gauge("copies", "Resized copies that are stored."), func(u db.Usage) int64 { return u.Variants }},
	{gauge("copies_bytes", "Size of all resized copies."), func(u db.Usage) int64 { return u.VariantBytes }},
}

var (
	readyGauge  = gauge("ready", "1 when /readyz answers 200.")
	queuedGauge = gauge("copies_queued", "Resized copies that are being made or wait for their turn.")
)

// Describe sends one of the descriptions. Prometheus allows Collect to send more.
func (s *state) Describe(ch chan<- *prometheus.Desc) { ch <- readyGauge }

// Collect leaves out the metrics that a damaged store cannot provide.
func (s *state) Collect(ch chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, value int64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value))
	}
	ctx := context.Background()
	ready := int64(1)
	if s.unready(ctx) != nil {
		ready = 0
	}
	send(readyGauge, ready)
	send(queuedGauge, int64(s.variants.Queued()))
	if u, err := s.store.Usage(ctx); err == nil {
		for _, g := range usageGauges {
			send(g.desc, g.value(u))
		}
	}
	if m, ok := s.store.(db.Measured); ok {
		for _, g := range m.Gauges() {
			send(gauge(g.Name, g.Help), g.Value)
		}
	}
}
