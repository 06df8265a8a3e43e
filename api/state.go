package api

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"imageserver/db"
)

// state collects what the server and its store are like when they are asked.
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
	{gauge("image_bytes", "Their sizes together."), func(u db.Usage) int64 { return u.Bytes }},
	{gauge("stored_bytes", "Sizes of distinct contents together, of images and of the trash."), func(u db.Usage) int64 { return u.Stored }},
	{gauge("trash_images", "Images in the trash."), func(u db.Usage) int64 { return u.Trash }},
	{gauge("trash_bytes", "Their sizes together."), func(u db.Usage) int64 { return u.TrashBytes }},
	{gauge("copies", "Resized copies that are kept."), func(u db.Usage) int64 { return u.Copies }},
	{gauge("copies_bytes", "Their sizes together."), func(u db.Usage) int64 { return u.CopyBytes }},
}

// statsGauges are read from db.Stats.
var statsGauges = []struct {
	desc  *prometheus.Desc
	value func(db.Stats) int64
}{
	{gauge("file_bytes", "Size of the data file."), func(s db.Stats) int64 { return s.FileSize }},
	{gauge("file_free_bytes", "What of it is free for new images."), func(s db.Stats) int64 { return s.FileFree }},
	{gauge("uploads_waiting", "Uploads that wait for memory."), func(s db.Stats) int64 { return s.Waiting }},
}

var (
	readyGauge  = gauge("ready", "1 when /readyz answers 200.")
	queuedGauge = gauge("copies_queued", "Copies that are being made or wait for it.")
)

// Describe tells that there is more than it tells.
func (s *state) Describe(ch chan<- *prometheus.Desc) { ch <- readyGauge }

// Collect leaves out what a store that cannot be read does not tell.
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
	send(queuedGauge, int64(s.copies.resizer.length()))
	if u, err := s.store.Usage(ctx); err == nil {
		for _, g := range usageGauges {
			send(g.desc, g.value(u))
		}
	}
	if m, ok := s.store.(db.Measured); ok {
		stats := m.Stats()
		for _, g := range statsGauges {
			send(g.desc, g.value(stats))
		}
	}
}
