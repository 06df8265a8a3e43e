package api

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// usage is the JSON of how much the server stores. The sizes are in bytes. Two images with
// the same bytes count twice here, although the store keeps the bytes only once.
type usage struct {
	ImageCount int64 `json:"image_count"`
	ImageBytes int64 `json:"image_bytes"`
	TrashCount int64 `json:"trash_count"`
	TrashBytes int64 `json:"trash_bytes"`
}

// getUsage responds with the number and the size of the images. The store keeps these
// numbers, so the request is cheap.
func (s *Server) getUsage(c echo.Context) error {
	u, err := s.store.Usage(c.Request().Context())
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSON(http.StatusOK, usage{u.Images, u.Bytes, u.Trash, u.TrashBytes})
}
