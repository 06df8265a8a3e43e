package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"strings"

	"github.com/labstack/echo/v4"

	"imageserver/db"
)

// description is this API in OpenAPI 3.1. The tests hold all that they send and
// get against it.
//
//go:embed openapi.json
var description string

// describedURL is where the server of the description and of its examples is.
const describedURL = "http://127.0.0.1:5000"

// getDescription answers the description of the server as this client calls it.
func (s *Server) getDescription(c echo.Context) error {
	base, _ := json.Marshal(s.base(c)) // strings always can be
	text := strings.ReplaceAll(description, describedURL, string(base[1:len(base)-1]))
	return s.sendJSON(c, "openapi.json", []byte(text), imageQuery{})
}

// announce says with the page where the description is (RFC 8631).
func (s *Server) announce(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("Link", "<"+s.base(c)+`/openapi.json>; rel="service-desc"; type="application/json"`)
		return next(c)
	}
}

// sendJSON answers a text of the server's own as it would an image, so that
// caches may ask whether it has changed.
func (s *Server) sendJSON(c echo.Context, name string, text []byte, want imageQuery) error {
	c.Request().Header.Del("Range") // a part of a JSON text is none
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "no-cache")
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	file := db.Image{
		Name:        name,
		ContentType: echo.MIMEApplicationJSON,
		Size:        int64(len(text)),
		SHA256:      sha256.Sum256(text),
	}
	return s.send(c, file, memoryBody{bytes.NewReader(text)}, want)
}
