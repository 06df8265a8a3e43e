package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"imageserver/api/refusal"
	"imageserver/db"
)

// restoreImage restores an image of this name from the trash: the one that was deleted at
// the time in the parameter deleted_at, or else the most recently deleted one.
func (s *Server) restoreImage(c echo.Context, name string) error {
	deleted, err := deletedAt(query(c))
	if err != nil {
		return err
	}
	img, _, err := s.store.Restore(c.Request().Context(), name, db.RestoreOptions{Deleted: deleted, Allow: precondition(c.Request().Header)})
	switch {
	case errors.Is(err, db.ErrNotFound) && deleted.IsZero():
		return refusal.New(http.StatusNotFound, "not_found", "The trash has no image called %q. GET /images?trash lists what can be restored.", name)
	case errors.Is(err, db.ErrNotFound):
		return refusal.New(http.StatusNotFound, "not_found", "The trash has no image called %q that was deleted at exactly %s. GET /images?trash lists what can be restored.", name, deleted.UTC().Format(time.RFC3339Nano))
	case err != nil:
		return err
	}
	return s.respondMoved(c, "Image restored.", img)
}

// deletedAt returns the time in the parameter deleted_at. It returns the zero time if the
// request does not have this parameter.
func deletedAt(q url.Values) (time.Time, error) {
	if !q.Has("deleted_at") {
		return time.Time{}, nil
	}
	said := q.Get("deleted_at")
	at, ok := timeOf(said)
	if !ok || len(q["deleted_at"]) > 1 {
		return time.Time{}, refusal.New(http.StatusBadRequest, "bad_deleted_at", "deleted_at=%.40s is not valid. Use the deleted_at of one image in the list of GET /images?trash, such as 2026-11-23T12:00:00.123456789Z.", said)
	}
	return at, nil
}

// respondMoved responds with an image that was renamed or restored.
func (s *Server) respondMoved(c echo.Context, message string, img db.Image) error {
	a := moved{Message: message, image: s.describe(c, img)}
	c.Response().Header().Set(echo.HeaderLocation, a.URL)
	return c.JSON(http.StatusOK, a)
}

// moved is the JSON of an image that was renamed or restored.
type moved struct {
	Message string `json:"message"`
	image
}

// emptyTrash deletes all images in the trash.
func (s *Server) emptyTrash(c echo.Context) error {
	trash, err := flag(c.QueryParams(), "trash")
	if err != nil {
		return err
	}
	if !trash {
		c.Response().Header().Set(echo.HeaderAllow, "GET, HEAD")
		return refusal.New(http.StatusMethodNotAllowed, "http_405", "The name is missing: DELETE /images/NAME, or DELETE /images?trash to empty the trash.")
	}
	n, err := s.store.EmptyTrash(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		Message string `json:"message"`
		Deleted int    `json:"deleted"`
	}{fmt.Sprintf("The trash is empty. Images deleted for good: %d.", n), n})
}
