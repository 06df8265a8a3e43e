package listen_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"imageserver/api/listen"
)

// TestWatch: the watchdog is told nothing while the server is not well.
func TestWatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "2000")

	ctx, cancel := context.WithCancel(t.Context())
	states := []error{nil, errors.New("disk gone"), errors.New("disk gone"), nil}
	listen.Watch(ctx, func(context.Context) error {
		if len(states) == 1 {
			cancel()
		}
		state := states[0]
		states = states[1:]
		return state
	}, slog.New(slog.DiscardHandler))

	var told []string
	message := make([]byte, 100)
	for {
		conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond)) // all has been sent
		n, err := conn.Read(message)
		if err != nil {
			break
		}
		told = append(told, string(message[:n]))
	}
	if len(told) != 2 || told[0] != "WATCHDOG=1" || told[1] != "WATCHDOG=1" {
		t.Errorf("in four periods, well in two, systemd was told %q, want WATCHDOG=1 twice", told)
	}
}

// TestWatchNobody: without a watchdog nothing is asked of the server.
func TestWatchNobody(t *testing.T) {
	for _, usec := range []string{"", "0", "nonsense"} {
		t.Setenv("WATCHDOG_USEC", usec)
		listen.Watch(t.Context(), func(context.Context) error {
			t.Errorf("with WATCHDOG_USEC=%q the server is watched", usec)
			return nil
		}, slog.New(slog.DiscardHandler))
	}
}
