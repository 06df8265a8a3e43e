package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// logRequests logs each response. Health checks are logged only when debugging: they
// come every few seconds.
func (s *Server) logRequests() echo.MiddlewareFunc {
	return middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
		HandleError:     true, // writes the error response here, so that its status is known
		LogMethod:       true,
		LogURIPath:      true,
		LogStatus:       true,
		LogLatency:      true,
		LogRemoteIP:     true,
		LogResponseSize: true,
		LogError:        true,
		LogValuesFunc: func(c echo.Context, v middleware.RequestLoggerValues) error {
			level := slog.LevelInfo
			switch c.Path() {
			case "/livez", "/readyz", "/healthz":
				level = slog.LevelDebug
			}
			switch {
			case v.Status == http.StatusServiceUnavailable:
				level = slog.LevelWarn // load, or a fault that is logged already
			case v.Status >= 500 && v.Status != http.StatusNotImplemented: // 501 is the answer of a store without this function
				level = slog.LevelError
			}
			h, ctx := s.o.Log.Handler(), context.Background()
			if !h.Enabled(ctx, level) {
				return nil
			}
			line := slog.NewRecord(v.StartTime.Add(v.Latency), level, "request", 0) // Log.LogAttrs would look for its caller, which takes a third of the time
			line.AddAttrs(
				slog.String("method", v.Method),
				slog.String("path", loggedPath(v.URIPath)),
				slog.Int("status", v.Status),
				slog.Int64("bytes", v.ResponseSize),
				slog.Float64("duration_ms", float64(v.Latency.Microseconds())/1000),
				slog.String("client", v.RemoteIP),
			)
			if v.Error != nil {
				line.AddAttrs(slog.String("err", v.Error.Error()))
			}
			return h.Handle(ctx, line)
		},
	})
}

// loggedPath returns a path without the delete key in it.
func loggedPath(path string) string {
	if strings.HasPrefix(path, deletePath) {
		return deletePath + "…"
	}
	return path
}

// recovery turns a panic in a handler into an error of that request.
func recovery(log *slog.Logger) middleware.RecoverConfig {
	return middleware.RecoverConfig{
		DisablePrintStack: true,
		LogErrorFunc: func(_ echo.Context, err error, _ []byte) error {
			log.Error("panic", "err", err, "stack", string(debug.Stack()))
			return fmt.Errorf("panic: %w", err)
		},
	}
}
