package listen

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Ready tells systemd that the server serves (sd_notify(3)), and a status for
// people. Where systemd does not ask to be told, nothing happens.
func Ready(status string, log *slog.Logger) {
	notify(log, daemon.SdNotifyReady, "STATUS="+status)
}

// Stopping tells systemd that the server ends, and a status for people.
func Stopping(status string, log *slog.Logger) {
	notify(log, daemon.SdNotifyStopping, "STATUS="+status)
}

// Watch tells systemd's watchdog that the server is well for as long as ready
// returns nil, until ctx ends. It returns at once where the unit has no
// WatchdogSec.
func Watch(ctx context.Context, ready func(context.Context) error, log *slog.Logger) {
	period, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("systemd's watchdog is not told that the server is well", "err", err)
	}
	if err != nil || period == 0 {
		return
	}
	tick := time.NewTicker(period / 2) // as sd_watchdog_enabled(3) advises
	defer tick.Stop()
	for {
		if err := ready(ctx); err == nil {
			notify(log, daemon.SdNotifyWatchdog)
		} else if ctx.Err() == nil {
			log.Error("not ready, so systemd's watchdog is not told that the server is well", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func notify(log *slog.Logger, lines ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(lines, "\n")); err != nil {
		log.Warn("systemd cannot be told", "what", lines[0], "err", err)
	}
}
