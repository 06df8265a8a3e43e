package api

import (
	"encoding/json"
	"time"

	"github.com/labstack/echo/v4"
)

// limits is the JSON of what the server takes, for pages and programs that look
// before they upload. It tells nothing that a refusal would not.
type limits struct {
	MaxUpload int64       `json:"max_upload"` // bytes of one image
	MaxFiles  int         `json:"max_files"`  // of one form, and of one archive
	Token     bool        `json:"token"`      // whether an upload wants it
	Trash     int64       `json:"trash"`      // seconds that what is deleted can be brought back
	Strip     bool        `json:"strip"`      // whether every upload is stripped of its metadata
	MaxPixels int64       `json:"max_pixels"` // of a picture that is resized; larger ones are only shown as they are
	Types     []limitType `json:"types"`      // those that are taken
}

type limitType struct {
	Name        string   `json:"name"`
	ContentType string   `json:"content_type"`
	Extensions  []string `json:"extensions"` // the usual one first
}

// getLimits answers the limits, with or without the token.
func (s *Server) getLimits(c echo.Context) error {
	l := limits{
		MaxUpload: s.o.MaxUpload,
		MaxFiles:  maxFiles,
		Token:     s.o.Token != "",
		Trash:     int64(s.o.Trash / time.Second),
		Strip:     s.o.Strip,
		MaxPixels: s.o.MaxPixels,
		Types:     []limitType{},
	}
	for _, t := range s.intake.Types() {
		l.Types = append(l.Types, limitType{string(t), t.MIME(), t.Extensions()})
	}
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return s.sendJSON(c, "limits.json", text, imageQuery{})
}
