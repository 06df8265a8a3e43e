package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"imageserver/api/refusal"
	"imageserver/db"
)

const (
	defaultLimit = 50
	maxLimit     = 1000
)

// listImages responds with a page of images, or of images in the trash. The cursor
// of the next page is in the JSON, and its URL is in a Link header (RFC 8288).
func (s *Server) listImages(c echo.Context) error {
	if name := c.QueryParam("name"); name != "" {
		return s.listImage(c, name)
	}
	o, err := listOptions(c)
	if err != nil {
		return err
	}
	images, next, err := s.store.List(c.Request().Context(), o)
	if err != nil {
		return err
	}
	return s.respondPage(c, images, next)
}

// listImage responds with a page that has the image of exactly this name, or no
// image. It reads one record. The parameter q reads all names.
func (s *Server) listImage(c echo.Context, name string) error {
	q := c.QueryParams()
	trash, err := flag(q, "trash")
	if err != nil {
		return err
	}
	if trash || q.Get("q") != "" || q.Get("sort") != "" || q.Get("order") != "" || q.Get("cursor") != "" {
		return refusal.New(http.StatusBadRequest, "bad_combination", "name selects one image. Leave out q, sort, order, cursor and trash.")
	}
	img, err := s.store.Stat(c.Request().Context(), name)
	switch {
	case errors.Is(err, db.ErrNotFound):
		return s.respondPage(c, nil, "")
	case err != nil:
		return err
	}
	return s.respondPage(c, []db.Image{img}, "")
}

func (s *Server) respondPage(c echo.Context, images []db.Image, next string) error {
	page := struct {
		Images []image `json:"images"`
		Next   string  `json:"next,omitempty"`
	}{make([]image, len(images)), next}
	for i, img := range images {
		page.Images[i] = s.describe(c, img)
	}
	h := c.Response().Header()
	if next != "" {
		q := c.QueryParams()
		q.Set("cursor", next)
		h.Set("Link", fmt.Sprintf(`<%s/images?%s>; rel="next"`, s.access.BaseURL(c), q.Encode()))
	}
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	text, err := json.Marshal(page)
	if err != nil {
		return err
	}
	return sendCompressed(c, echo.MIMEApplicationJSON, text)
}

// listOptions reads the parameters of a list.
func listOptions(c echo.Context) (o db.ListOptions, err error) {
	o.After, o.Match = c.QueryParam("cursor"), c.QueryParam("q")
	if o.Limit, err = limitOf(c); err != nil {
		return o, err
	}
	if o.Sort, err = sortOf(c); err != nil {
		return o, err
	}
	if o.Reverse, err = reverses(c, o.Sort); err != nil {
		return o, err
	}
	if o.Trash, err = flag(c.QueryParams(), "trash"); err != nil {
		return o, err
	}
	if o.Trash && (o.Sort != db.ByUploaded || o.Reverse) {
		return o, refusal.New(http.StatusBadRequest, "bad_sort", "The trash has one order, the most recently deleted first. Leave out sort and order.")
	}
	return o, nil
}

func limitOf(c echo.Context) (int, error) {
	v := c.QueryParam("limit")
	if v == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > maxLimit {
		return 0, refusal.New(http.StatusBadRequest, "bad_limit", "limit=%.40s is not valid. Use a number from 1 to %d.", v, maxLimit)
	}
	return n, nil
}

func sortOf(c echo.Context) (db.Sort, error) {
	switch v := c.QueryParam("sort"); v {
	case "", "uploaded":
		return db.ByUploaded, nil
	case "name":
		return db.ByName, nil
	case "size":
		return db.BySize, nil
	default:
		return 0, refusal.New(http.StatusBadRequest, "bad_sort", "sort=%.40s is not valid. Use uploaded, name or size.", v)
	}
}

// reverses reports whether the request asks for the opposite of the usual order:
// names ascend, times and sizes descend.
func reverses(c echo.Context, by db.Sort) (bool, error) {
	switch v := c.QueryParam("order"); v {
	case "":
		return false, nil
	case "asc":
		return by != db.ByName, nil
	case "desc":
		return by == db.ByName, nil
	default:
		return false, refusal.New(http.StatusBadRequest, "bad_order", "order=%.40s is not valid. Use asc or desc.", v)
	}
}
