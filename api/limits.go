package api

import (
	"encoding/json"
	"time"

	"github.com/labstack/echo/v4"

	"imageserver/api/imaging/strip"
)

// limits is the JSON of what the server accepts, for pages and programs that check
// files before they upload. It reveals nothing that an error would not.
type limits struct {
	MaxUpload int64       `json:"max_upload"` // bytes of one image
	MaxFiles  int         `json:"max_files"`  // in one form, and in one archive
	Token     bool        `json:"token"`      // whether an upload needs the access token
	Trash     int64       `json:"trash"`      // seconds in which a deleted image can be restored
	Strip     bool        `json:"strip"`      // whether every upload is stripped of its metadata
	MaxPixels int64       `json:"max_pixels"` // of a picture that can be resized
	Types     []limitType `json:"types"`      // that are accepted
}

type limitType struct {
	Name        string   `json:"name"`
	ContentType string   `json:"content_type"`
	Extensions  []string `json:"extensions"` // the usual one first
	Strip       bool     `json:"strip"`      // whether the metadata can be removed
	Resize      bool     `json:"resize"`     // whether resized copies are made
}

// getLimits responds with the limits. It needs no access token.
func (s *Server) getLimits(c echo.Context) error {
	l := limits{
		MaxUpload: s.o.MaxUpload,
		MaxFiles:  maxFiles,
		Token:     s.o.Access.Token != "",
		Trash:     int64(s.o.Trash / time.Second),
		Strip:     s.o.Strip,
		MaxPixels: s.o.MaxPixels,
		Types:     []limitType{},
	}
	for _, t := range s.intake.Types() {
		l.Types = append(l.Types, limitType{string(t), t.MIME(), t.Extensions(), strip.Supports(t), s.variants.Resizes(t)})
	}
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return s.sendJSON(c, "limits.json", text, imageQuery{})
}
