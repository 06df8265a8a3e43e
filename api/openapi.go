package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"io"
	"strings"

	"github.com/labstack/echo/v4"

	"imageserver/db"
)

// description is this API in OpenAPI 3.1. The tests check every request and response
// against it.
//
//go:embed openapi.json
var description string

// describedURL is the address of the server in the description and its examples.
const describedURL = "http://127.0.0.1:5000"

// getDescription responds with the description, with the address that this client
// uses.
func (s *Server) getDescription(c echo.Context) error {
	base, _ := json.Marshal(s.access.BaseURL(c)) // strings always can be
	text := strings.ReplaceAll(description, describedURL, string(base[1:len(base)-1]))
	return s.sendJSON(c, "openapi.json", []byte(text), imageQuery{})
}

// announce adds the address of the description to the page's header (RFC 8631).
func (s *Server) announce(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("Link", "<"+s.access.BaseURL(c)+`/openapi.json>; rel="service-desc"; type="application/json"`)
		return next(c)
	}
}

// sendJSON responds with a text of the server in the same way as with an image, so
// that caches can ask whether it has changed.
func (s *Server) sendJSON(c echo.Context, name string, text []byte, want imageQuery) error {
	c.Request().Header.Del("Range") // a part of a JSON text is not JSON
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

// memoryBody is a body in memory.
type memoryBody struct{ *bytes.Reader }

func (memoryBody) Close() error { return nil }

func (b memoryBody) WriteN(w io.Writer, n int64) (int64, error) {
	return io.CopyN(struct{ io.Writer }{w}, b, min(n, int64(b.Len()))) // without ReadFrom of w, which would call WriteN
}
