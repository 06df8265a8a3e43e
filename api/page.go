package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// page is a small HTML page for a person who opened a link in a browser, such as a delete
// link or the URL of a missing image.
type page struct {
	Title  string
	Text   string // below the title; may be empty
	Image  string // URL of a picture; may be empty
	Button string // the text of a button that sends POST to the URL of the page; may be empty
	Home   string // URL of the list of images; may be empty
}

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// pagePolicy allows only the pictures of this server, the style sheet in the page, and the
// form of the page.
var pagePolicy = func() string {
	style := sha256.Sum256([]byte(pageCSS))
	return "default-src 'none'; img-src 'self'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(style[:]) +
		"'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}()

// html returns the page as HTML. It sets the headers that the page needs.
func (p page) html(h http.Header) []byte {
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	h.Set(echo.HeaderCacheControl, "no-store")
	var text bytes.Buffer
	// A write to a buffer does not fail, and the tests execute the template.
	_ = pageTemplate.Execute(&text, struct {
		page
		Style template.CSS
	}{p, template.CSS(pageCSS)})
	return text.Bytes()
}

// acceptsHTML reports whether the client names text/html in Accept. Browsers name it when a
// person opens a link, but not when a page requests an image or uses fetch.
func acceptsHTML(r *http.Request) bool {
	return strings.Contains(r.Header.Get(echo.HeaderAccept), echo.MIMETextHTML)
}

// navigates reports whether a person opened the URL of the request in a browser. A program
// that copies the Accept header of a browser still gets JSON, because it sends no
// Sec-Fetch-Mode (https://www.w3.org/TR/fetch-metadata/). HEAD counts like GET, because both
// responses must have the same header (RFC 9110 section 9.3.2).
func navigates(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header.Get("Sec-Fetch-Mode") == "navigate" && acceptsHTML(r)
}

// isolated returns the name between two invisible characters, so that a name that is
// written from right to left does not change the order of the other words (Unicode UAX #9).
func isolated(name string) string { return "\u2068" + name + "\u2069" }
