package listen

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Ready tells systemd that the server has started (sd_notify(3)), and sends a status text
// for people. Without NOTIFY_SOCKET in the environment it does nothing.
func Ready(status string, log *slog.Logger) {
	notify(log, daemon.SdNotifyReady, "STATUS="+status)
}

// Stopping tells systemd that the server is stopping, and sends a status text for people.
func Stopping(status string, log *slog.Logger) {
	notify(log, daemon.SdNotifyStopping, "STATUS="+status)
}

// Watch notifies the watchdog of systemd as long as ready returns nil. If the
// notifications stop, systemd restarts the server. Watch returns when ctx ends. It
// returns at once if the unit has no WatchdogSec.
func Watch(ctx context.Context, ready func(context.Context) error, log *slog.Logger) {
	period, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("cannot use the watchdog of systemd", "err", err)
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
			log.Error("the server is not ready; systemd will restart it", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// notify sends lines to systemd.
func notify(log *slog.Logger, lines ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(lines, "\n")); err != nil {
		log.Warn("cannot notify systemd", "message", lines[0], "err", err)
	}
}
