package api

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"imageserver/api/refusal"
	"imageserver/db"
)

// changeImage renames or restores an image. The last part of the path decides which.
// A name has no slash, so the path is not ambiguous.
func (s *Server) changeImage(c echo.Context) error {
	path := imageName(c)
	if name, ok := strings.CutSuffix(path, "/rename"); ok {
		return s.renameImage(c, name)
	}
	if name, ok := strings.CutSuffix(path, "/restore"); ok {
		return s.restoreImage(c, name)
	}
	c.Response().Header().Set(echo.HeaderAllow, "GET, HEAD, PUT, DELETE")
	return refusal.New(http.StatusMethodNotAllowed, "http_405", "This path does not accept POST. Upload to /upload, or POST to /images/NAME/rename or /images/NAME/restore.")
}

// maxRename is the largest body of a rename, in bytes.
const maxRename = 4 << 10

// renameImage gives an image another name.
func (s *Server) renameImage(c echo.Context, name string) error {
	conflict, err := conflictOf(c)
	if err != nil {
		return err
	}
	var body struct {
		Filename *string `json:"filename"`
	}
	err = json.NewDecoder(io.LimitReader(c.Request().Body, maxRename)).Decode(&body)
	if err != nil || body.Filename == nil {
		return refusal.New(http.StatusBadRequest, "bad_json", `The new name is missing: send it as JSON, {"filename": "cat.png"}.`)
	}
	img, outcome, err := s.store.Rename(c.Request().Context(), name, *body.Filename, db.RenameOptions{
		Conflict: conflict,
		Allow:    precondition(c.Request().Header),
		TrashTTL: s.o.Trash,
	})
	if err != nil {
		return err
	}
	message := "Image renamed."
	if outcome == db.Unchanged {
		message = "The same image already has this name."
	}
	return s.respondMoved(c, message, img)
}
