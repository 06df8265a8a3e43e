package pg_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/api/apitest"
	"imageserver/api/units"
	"imageserver/db/pg"
	"imageserver/db/pg/pgtest"
)

// TestMeter: all servers together let a client do what it may, and not more.
func TestMeter(t *testing.T) {
	t.Parallel()
	target := pgtest.URL(t, "")
	stores := []*pg.Store{openWith(t, target, pg.Options{}), openWith(t, target, pg.Options{})}
	var allowed atomic.Int64
	var calls sync.WaitGroup
	for i := range 20 {
		calls.Go(func() {
			wait, err := stores[i%2].Take(t.Context(), "client", 5, time.Hour)
			switch {
			case err != nil:
				t.Errorf("Take: %v", err)
			case wait == 0:
				allowed.Add(1)
			case wait > time.Hour/5:
				t.Errorf("Take: got a wait of %v, want at most the time for one action", wait)
			}
		})
	}
	calls.Wait()
	if n := allowed.Load(); n != 5 {
		t.Errorf("Take: got %d actions, want 5", n)
	}
	if wait, err := stores[0].Take(t.Context(), "another", 5, time.Hour); wait != 0 || err != nil {
		t.Errorf("Take of another client: got %v and %v", wait, err)
	}
	if _, err := stores[0].Take(t.Context(), "quick", 1, time.Millisecond); err != nil {
		t.Error(err)
	}
	time.Sleep(2 * time.Millisecond)
	if wait, err := stores[1].Take(t.Context(), "quick", 1, time.Millisecond); wait != 0 || err != nil {
		t.Errorf("Take after the time: got %v and %v", wait, err)
	}
}

// TestSharedRate: --rate holds over all servers of a store.
func TestSharedRate(t *testing.T) {
	t.Parallel()
	target := pgtest.URL(t, "")
	o := api.Options{Access: access.Options{Rate: units.Rate{Count: 3, Per: time.Hour}}}
	servers := []*apitest.Server{apitest.Serve(t, openWith(t, target, pg.Options{}), o), apitest.Serve(t, openWith(t, target, pg.Options{}), o)}
	cat := apitest.Picture(t, 1, 0)
	for i, want := range []int{201, 200, 200, 429, 429} {
		servers[i%2].Do(t, "PUT", "/images/cat.png", "", cat).Want(t, want)
	}
}

// TestSettings: a server warns at its start if its flags differ from those of another
// server.
func TestSettings(t *testing.T) {
	t.Parallel()
	target := pgtest.URL(t, "")
	start := func(trash string) string {
		var log bytes.Buffer
		openWith(t, target, pg.Options{Settings: map[string]string{"--trash": trash, "--rate": "0"}, Log: slog.New(slog.NewTextHandler(&log, nil))})
		return log.String()
	}
	if log := start("24h") + start("24h"); strings.Contains(log, "flag") {
		t.Errorf("servers with the same flags: got %s", log)
	}
	if log := start("7d"); !strings.Contains(log, "flag=--trash here=7d there=24h") || strings.Contains(log, "--rate") {
		t.Errorf("a server with another flag: got %s", log)
	}
}
