package api

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
)

// shareX is a .sxcu file: a custom uploader (https://getsharex.com/docs/custom-uploader).
// In its last fields ShareX puts in what the answer's JSON has.
type shareX struct {
	Version         string // the ShareX whose syntax this is
	Name            string
	DestinationType string
	RequestMethod   string
	RequestURL      string
	Headers         map[string]string `json:",omitempty"`
	Body            string
	FileFormName    string
	URL             string
	ThumbnailURL    string
	DeletionURL     string // a page, which asks first
	ErrorMessage    string
}

// getShareX answers an uploader made for the server as this client calls it. It
// has a place for the token, and whoever downloads it fills it in.
func (s *Server) getShareX(c echo.Context) error {
	base := s.base(c)
	host := hostOf(base)
	uploader := shareX{
		Version:         "15.0.0",
		Name:            host,
		DestinationType: "ImageUploader", // with FileUploader, ShareX would send all else here too
		RequestMethod:   "POST",
		RequestURL:      base + "/upload",
		Body:            "MultipartFormData",
		FileFormName:    "file",
		URL:             "{json:url}",
		ThumbnailURL:    "{json:url}?w=320",
		DeletionURL:     "{json:delete_url}",
		ErrorMessage:    "{json:message}",
	}
	if s.o.Token != "" {
		uploader.Headers = map[string]string{"Authorization": "Bearer YOUR-TOKEN"}
	}
	text, err := json.MarshalIndent(uploader, "", "  ")
	if err != nil {
		return err
	}
	// A colon, as in an IPv6 address, cannot be in the name of a file on Windows.
	name := strings.ReplaceAll(host, ":", "-") + ".sxcu"
	return s.sendJSON(c, name, text, imageQuery{download: true})
}

// hostOf is the host in a URL, without its port.
func hostOf(base string) string {
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" {
		return "imageserver" // what some HTTP/1.0 client sent, or did not send, for a Host
	}
	return u.Hostname()
}
