package api

import (
	"testing"
	"time"
)

func TestExpiry(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"1":         time.Second,
		"3600":      time.Hour,
		"30m":       30 * time.Minute,
		"12h":       12 * time.Hour,
		"1h30m":     90 * time.Minute,
		"7d":        7 * day,
		"2w":        14 * day,
		"3650d":     3650 * day,
		"315360000": 3650 * day,
	} {
		got, err := expiry(text, now)
		if err != nil || !got.Equal(now.Add(want)) {
			t.Errorf("%s: got %v, %v, want %v later", text, got, err, want)
		}
	}
	if got, err := expiry("", now); err != nil || !got.IsZero() {
		t.Errorf("nothing: got %v, %v, want never", got, err)
	}
	for _, text := range []string{
		"0", "-1", "-5m", "0d", "900ms", "soon", "7 days", "7D", "d", "1.5d", "3651d", "315360001", "521w5d", "600w", "9223372036854775807", "99999999999999999999", "106751992d", "NaN", "1e3", " 5", "5\x00",
	} {
		if got, err := expiry(text, now); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		} else if e := refusalOf(err); e.Status != 400 || e.Code != "bad_expiry" {
			t.Errorf("%q: got %d %s, want 400 bad_expiry", text, e.Status, e.Code)
		}
	}
}
