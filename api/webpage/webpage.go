// Package webpage makes small HTML pages for a person who opened a link in a browser, such as a
// delete link or the URL of a missing image.
package webpage

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
	"sync"

	"imageserver/api/language"
)

// Page is the content of a page. Empty fields are left out.
type Page struct {
	Texts // in the language of the page

	Title   string
	Text    string // below the title
	English string // below Text: a message that has no translation
	Image   string // URL of a picture
	Button  string // the text of a button that sends POST to the URL of the page
	Home    string // URL of the list of images
}

// Texts has the texts of the pages in one language. {name} is the name of an image, and {time}
// is a point in time; see Fill.
type Texts struct {
	Language  string `json:"-"` // BCP 47
	Direction string `json:"direction"`

	AllImages string `json:"allImages"`
	Failed    string `json:"failed"` // the title of a page about an error that has no better title
	Busy      string `json:"busy"`

	MissingImage     string `json:"missingImage"`
	MissingImageText string `json:"missingImageText"`
	MissingPage      string `json:"missingPage"`
	MissingPageText  string `json:"missingPageText"`

	Delete              string `json:"delete"`
	DeleteText          string `json:"deleteText"`
	DeleteButton        string `json:"deleteButton"`
	Deleted             string `json:"deleted"`
	Restorable          string `json:"restorable"`
	NothingToDelete     string `json:"nothingToDelete"`
	NothingToDeleteText string `json:"nothingToDeleteText"`
}

//go:embed page.html
var page string

//go:embed page.css
var style string

//go:embed words
var words embed.FS

var pageTemplate = template.Must(template.New("page").Parse(page))

// texts has the tables by language. They are read for the first page.
var texts = sync.OnceValue(func() map[string]Texts {
	all := map[string]Texts{}
	for _, tag := range language.All {
		all[tag] = readTexts(tag)
	}
	return all
})

// readTexts reads the table of a language. The tables are a part of the program, so it panics if
// one is missing or not valid.
func readTexts(tag string) Texts {
	content, err := words.ReadFile("words/" + tag + ".json")
	if err != nil {
		panic(err)
	}
	t := Texts{Language: tag}
	read := json.NewDecoder(bytes.NewReader(content))
	read.DisallowUnknownFields()
	if err := read.Decode(&t); err != nil {
		panic("words/" + tag + ".json: " + err.Error())
	}
	return t
}

// TextsFor returns the texts in the language of the person who sent r.
func TextsFor(r *http.Request) Texts { return texts()[language.Of(r)] }

// Fill puts `value` in the place of the placeholder {name} or {time} of a text. The value is
// between two invisible characters. Without them, a name that is written from right to left
// could change the order of the other words (Unicode UAX #9).
func Fill(text, placeholder, value string) string {
	return strings.ReplaceAll(text, "{"+placeholder+"}", "\u2068"+value+"\u2069")
}

// policy allows only the pictures of this server, the style sheet in the page, and the form of
// the page.
var policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; img-src 'self'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}()

// HTML returns the page as HTML. It sets the headers that the page needs.
func (p Page) HTML(h http.Header) []byte {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	var text bytes.Buffer
	// A write to a buffer does not fail, and the tests execute the template.
	_ = pageTemplate.Execute(&text, struct {
		Page
		Style template.CSS
	}{p, template.CSS(style)})
	return text.Bytes()
}

// Accepted reports whether the client names text/html in Accept. Browsers name it when a person
// opens a link, but not when a page requests an image or uses fetch.
func Accepted(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// Wanted reports whether a person opened the URL of the request in a browser. A program that
// copies the Accept header of a browser still gets JSON, because it sends no Sec-Fetch-Mode
// (https://www.w3.org/TR/fetch-metadata/). HEAD counts like GET, because both responses must
// have the same header (RFC 9110 section 9.3.2).
func Wanted(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header.Get("Sec-Fetch-Mode") == "navigate" && Accepted(r)
}
