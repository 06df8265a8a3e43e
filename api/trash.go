package api

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"imageserver/api/refusal"
	"imageserver/db"
)

// restoreImage restores the most recently deleted image of this name.
func (s *Server) restoreImage(c echo.Context, name string) error {
	img, _, err := s.store.Restore(c.Request().Context(), name, db.RestoreOptions{Allow: precondition(c.Request().Header)})
	if err != nil {
		return err
	}
	return s.respondMoved(c, "Image restored.", img)
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
