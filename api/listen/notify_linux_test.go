package listen_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"imageserver/api/listen"
)

// TestWatch checks that Watch does not notify the watchdog while the server is not ready.
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
	states := []error{nil, errors.New("disk failed"), errors.New("disk failed"), nil}
	listen.Watch(ctx, func(context.Context) error {
		if len(states) == 1 {
			cancel()
		}
		state := states[0]
		states = states[1:]
		return state
	}, slog.New(slog.DiscardHandler))

	var got []string
	message := make([]byte, 100)
	for {
		conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond)) // Watch has already sent all messages
		n, err := conn.Read(message)
		if err != nil {
			break
		}
		got = append(got, string(message[:n]))
	}
	if !slices.Equal(got, []string{"WATCHDOG=1", "WATCHDOG=1"}) {
		t.Errorf("got %q from four checks, of which two succeeded, want WATCHDOG=1 twice", got)
	}
}

// TestWatchWithoutWatchdog checks that Watch does not call ready without a watchdog.
func TestWatchWithoutWatchdog(t *testing.T) {
	for _, usec := range []string{"", "0", "nonsense"} {
		t.Setenv("WATCHDOG_USEC", usec)
		listen.Watch(t.Context(), func(context.Context) error {
			t.Errorf("WATCHDOG_USEC=%q: Watch called ready", usec)
			return nil
		}, slog.New(slog.DiscardHandler))
	}
}
