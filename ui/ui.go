// Package ui is the page that the server shows to people: one HTML file, its
// style sheet and its JavaScript modules, embedded in the executable.
package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed page
var embedded embed.FS

// files has the files of the page folder.
var files, _ = fs.Sub(embedded, "page") // the name is valid

// policy lets the page load its own files and nothing else. Trusted Types
// turn every string that would become markup or code into an error, so a file
// name cannot be more than text.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// Handler serves the page at /, its files under /ui/ and its icon also at
// /favicon.ico, where browsers look when they show a bare image. The modules go
// as one, see bundled. The browser asks for each file anew each time: a new
// executable is a new page at once.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", serve("index.html"))
	mux.Handle("GET /favicon.ico", serve("favicon.svg"))
	for _, name := range []string{"style.css", "early.js", "main.js", "favicon.svg"} {
		mux.Handle("GET /ui/"+name, serve(name))
	}
	return secure(mux)
}

// secure sets what holds for every answer. The referrer policy is not
// no-referrer: under that one browsers post a form with "Origin: null".
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// serve answers with one embedded file, compressed for who takes that.
func serve(name string) http.Handler {
	load, _ := assets.LoadOrStore(name, sync.OnceValue(func() asset { return newAsset(name) }))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := load.(func() asset)()
		h := w.Header()
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Type", contentType(name))
		h.Set("Vary", "Accept-Encoding")
		body, etag := a.plain, `"`+a.tag+`"`
		if acceptsGzip(r) {
			// Other bytes, so another strong ETag (RFC 9110, section 8.8.3.3).
			body, etag = a.gzip, `"`+a.tag+`-gzip"`
			h.Set("Content-Encoding", "gzip")
		}
		h.Set("ETag", etag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	})
}

// assets has a func() asset for each embedded file, for all handlers: what is
// embedded never changes.
var assets sync.Map

// asset is an embedded file as it is sent: without comments and spaces.
type asset struct {
	plain, gzip []byte
	tag         string // made from the content: embedded files carry no date
}

func newAsset(name string) asset {
	plain, err := content(name)
	if err != nil {
		panic(err) // the tests read all of them
	}
	var compressed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&compressed, gzip.BestCompression) // which is a level
	w.Write(plain)                                                 // writing to a buffer does not fail
	w.Close()
	sum := sha256.Sum256(plain)
	return asset{plain, compressed.Bytes(), hex.EncodeToString(sum[:16])}
}

func content(name string) ([]byte, error) {
	switch path.Ext(name) {
	case ".js", ".css":
		return bundled(files, name)
	}
	return fs.ReadFile(files, name)
}

// acceptsGzip reads Accept-Encoding (RFC 9110, section 12.5.3) as far as it
// matters here. Browsers list gzip by name; who says it with a weight gets the
// plain file, and so does who wants a part of it.
func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		if strings.TrimSpace(coding) == "gzip" {
			return r.Header.Get("Range") == ""
		}
	}
	return false
}

// contentType knows the kinds of files embedded here. Package mime would ask
// the operating system, and some Windows registries call JavaScript text/plain.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	panic("ui: no content type for " + name)
}
