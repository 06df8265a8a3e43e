// Package ui is the page that the server shows to people: one HTML file, its
// style sheet and a few JavaScript modules, embedded in the executable and
// sent as they are.
package ui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"time"
)

//go:embed index.html style.css favicon.svg *.js
var files embed.FS

// policy lets the page load its own files and nothing else. Trusted Types
// turn every string that would become markup or code into an error, so a file
// name cannot be more than text.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// Handler serves the page at /, its files under /ui/ and its icon also at
// /favicon.ico, where browsers look when they show a bare image.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", serve("index.html"))
	mux.Handle("GET /favicon.ico", serve("favicon.svg"))
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the root of an embed.FS is always there
	}
	for _, e := range entries {
		mux.Handle("GET /ui/"+e.Name(), serve(e.Name()))
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

// serve answers with one embedded file. Its ETag is made from its content,
// since embedded files carry no date, and the browser asks for it anew each
// time: a new executable is a new page at once.
func serve(name string) http.Handler {
	content, err := files.ReadFile(name)
	if err != nil {
		panic(err) // name is one of the files embedded above
	}
	sum := sha256.Sum256(content)
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Type", contentType(name))
		h.Set("ETag", etag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	})
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
