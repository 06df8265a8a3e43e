package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"imageserver/api/refusal"
	"imageserver/db"
)

var (
	errNoBackup = refusal.New(http.StatusNotImplemented, "no_backup", "This store cannot be copied while it is served. Use the backup tools of its vendor.")
	errBackups  = refusal.New(http.StatusServiceUnavailable, "busy", "Another backup is running. Try again when it has finished.")
)

// getBackup responds with a copy of the data file. Only one backup runs at a time,
// until it has been sent, because it needs as much disk space as the data file.
func (s *Server) getBackup(c echo.Context) error {
	store, ok := s.store.(db.Backuper)
	if !ok {
		return errNoBackup
	}
	if !s.backups.TryLock() {
		return errBackups
	}
	defer s.backups.Unlock()
	taken := time.Now()
	content, size, err := store.Backup(c.Request().Context())
	if errors.Is(err, db.ErrFull) {
		return refusal.Because(err, http.StatusInsufficientStorage, "full", "There is no space for a backup: it is first written to a file beside the data file. Nothing was changed.")
	}
	if err != nil {
		return err
	}
	defer content.Close()
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, echo.MIMEOctetStream)
	h.Set(echo.HeaderContentLength, strconv.FormatInt(size, 10))
	h.Set(echo.HeaderContentDisposition, taken.UTC().Format(`attachment; filename="images-2006-01-02-150405.db"`))
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	c.Response().WriteHeader(http.StatusOK)
	// After the header only the connection can report an error: net/http closes it if
	// bytes are missing.
	if _, err := io.CopyBuffer(onlyWriter{c.Response()}, onlyReader{content}, make([]byte, 64<<10)); err != nil {
		return fmt.Errorf("send backup: %w", err)
	}
	return nil
}

// onlyWriter and onlyReader hide all other methods, so that io.CopyBuffer uses its
// buffer.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)
