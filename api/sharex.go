package api

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
)

// shareX is a .sxcu file: a custom uploader (https://getsharex.com/docs/custom-uploader).
// ShareX fills the last fields with values from the JSON of the response.
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
	DeletionURL     string // a page that asks first
	ErrorMessage    string
}

// getShareX responds with an uploader that has the address that this client uses. If
// the server has an access token, the user must write it into the file.
func (s *Server) getShareX(c echo.Context) error {
	base := s.access.BaseURL(c)
	host := hostOf(base)
	uploader := shareX{
		Version:         "15.0.0",
		Name:            host,
		DestinationType: "ImageUploader", // with FileUploader, ShareX would send other files here too
		RequestMethod:   "POST",
		RequestURL:      base + "/upload",
		Body:            "MultipartFormData",
		FileFormName:    "file",
		URL:             "{json:url}",
		ThumbnailURL:    "{json:url}?w=320",
		DeletionURL:     "{json:delete_url}",
		ErrorMessage:    "{json:message}",
	}
	if s.o.Access.Token != "" {
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

// hostOf returns the host in a URL, without its port.
func hostOf(base string) string {
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" {
		return "imageserver" // an HTTP/1.0 client sent no Host, or a wrong one
	}
	return u.Hostname()
}
