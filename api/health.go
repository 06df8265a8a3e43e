package api

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"imageserver/api/refusal"
)

// livez responds that the process is alive.
func (s *Server) livez(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"message": "alive"})
}

// readyz responds whether the server can serve: it reads from the store, and checks
// that the store can be written and that the server is not shutting down. Everyone can read
// the response, so the details are only in the log.
func (s *Server) readyz(c echo.Context) error {
	if err := s.unready(c.Request().Context()); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"message": "ready"})
}

// unready returns why the server should get no new requests, or nil.
func (s *Server) unready(ctx context.Context) error {
	if s.draining.Load() {
		return refusal.New(http.StatusServiceUnavailable, "draining", "The server is shutting down.")
	}
	if err := s.store.Ready(ctx); err != nil {
		s.o.Log.Error("not ready", "err", err)
		message := "The store is not ready. The log of the server says why."
		if e := refusalOf(err); e.Status != http.StatusInternalServerError { // everyone may read it
			message = e.Message
		}
		return refusal.New(http.StatusServiceUnavailable, "not_ready", "%s", message)
	}
	return nil
}
