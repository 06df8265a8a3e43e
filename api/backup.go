package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"imageserver/db"
)

var (
	errNoBackup = refuse(http.StatusNotImplemented, "no_backup", "This store cannot be copied while it is served. Use what its vendor has for that.")
	errBackups  = refuse(http.StatusServiceUnavailable, "busy", "A backup is being made already. Try again when that has ended.")
)

// getBackup answers a copy of the data file. Only one is made at a time, and it
// counts as made until it has been sent: it takes as much disk again.
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
		return &refusal{http.StatusInsufficientStorage, "full", "There is no room for a backup, which is first written to a file beside the data file. Nothing was changed.", err}
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
	buf := copyPool.Get().(*[]byte)
	defer copyPool.Put(buf)
	// After the header the connection is all that can tell of an error: net/http
	// closes it when bytes are missing.
	if _, err := io.CopyBuffer(onlyWriter{c.Response()}, onlyReader{content}, *buf); err != nil {
		return fmt.Errorf("send backup: %w", err)
	}
	return nil
}

// onlyWriter and onlyReader hide what else there is, so that io.CopyBuffer uses
// its buffer.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)
