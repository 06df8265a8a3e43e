package listen

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Limits of a server that a client cannot exceed.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// shutdownTimeout is how long a shutdown waits for requests in progress.
const shutdownTimeout = 30 * time.Second

// Serve runs a server, with TLS if it has a TLSConfig, until ctx ends or the server
// fails. When ctx ends it calls drain and waits for requests in progress, at most
// shutdownTimeout. Serve sets the limits and the ErrorLog of the server.
func Serve(ctx context.Context, server *http.Server, l net.Listener, drain func(), log *slog.Logger) error {
	server.ReadHeaderTimeout = readHeaderTimeout
	server.IdleTimeout = idleTimeout
	server.MaxHeaderBytes = maxHeaderBytes
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	served := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			served <- server.ServeTLS(l, "", "")
		} else {
			served <- server.Serve(l)
		}
	}()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		Stopping("Finishing the requests in progress", log)
		drain()
		return shutdown(server, log)
	}
}

// shutdown waits for the requests in progress. After shutdownTimeout it closes their
// connections.
func shutdown(server *http.Server, log *slog.Logger) error {
	log.Info("shutting down; a second signal quits at once")
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		log.Warn("requests still in progress are cut off")
		return server.Close()
	}
	return err
}
