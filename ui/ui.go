// Package ui serves the page that the server shows to people. The files of the page are part
// of the executable: an HTML template, a style sheet, JavaScript modules, and a table of texts
// for each language.
package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/andybalholm/brotli"

	"imageserver/api/language"
)

//go:embed page
var embedded embed.FS

// policy is the Content-Security-Policy of the page. It lets the page load its own files and
// nothing else. It requires Trusted Types, so the browser reports an error if a script turns a
// string, such as the name of an image, into markup or code. It allows one policy for Trusted
// Types, "worker", which can make only the URL of the service worker (install.js).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"frame-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types worker"

// Handler serves the page at / and its files under /ui/. It also serves the icon at
// /favicon.ico, because browsers request that URL when they show a single image.
// Browsers revalidate every file each time, so after an update of the program they
// show the new page.
//
// The first call starts to bundle and compress the files that the first reader needs. Handler
// does not wait until they are ready, but a request for such a file does. If a bundle fails,
// the program panics, because it was built with an invalid page. The Handler is safe for
// concurrent use.
func Handler() http.Handler {
	assets := prepare()
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", servePage(assets))
	mux.Handle("GET /favicon.ico", serve("favicon.svg", assets["favicon.svg"]))
	for name, get := range assets {
		if path.Ext(name) != ".html" {
			mux.Handle("GET /ui/"+name, serve(name, get))
		}
	}
	return secure(mux)
}

// secure sets the headers of all responses. The referrer policy is same-origin and not
// no-referrer, because with no-referrer browsers send forms with "Origin: null".
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// servePage responds with the page in the language of the reader.
func servePage(assets map[string]func() *asset) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tag := language.Of(r)
		name := "index." + tag + ".html"
		w.Header().Add("Vary", "Accept-Language, Cookie")
		w.Header().Set("Content-Language", tag)
		serve(name, assets[name]).ServeHTTP(w, r)
	})
}

// serve responds with one file. The file is compressed if the client accepts brotli or gzip.
func serve(name string, get func() *asset) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := get()
		h := w.Header()
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Type", contentType(name))
		if name == "worker.js" {
			// Without this header, the worker could only receive requests for /ui/.
			h.Set("Service-Worker-Allowed", "../")
		}
		h.Add("Vary", "Accept-Encoding")
		body, coding := a.plain, ""
		if accepts(r, "gzip") {
			body, coding = a.gzip, "gzip"
		}
		if accepts(r, "br") {
			a.once.Do(func() { go a.compressMore() }) // the first reader gets gzip, and does not wait
			if brotli := a.brotli.Load(); brotli != nil {
				body, coding = *brotli, "br"
			}
		}
		if coding != "" {
			h.Set("Content-Encoding", coding)
			coding = "-" + coding
		}
		// The compressed file has other bytes, so it needs another strong ETag (RFC 9110,
		// section 8.8.3.3).
		h.Set("ETag", `"`+a.tag+coding+`"`)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	})
}

// asset is a file in the form in which the server sends it. Scripts and style sheets
// are bundled and minified.
type asset struct {
	plain, gzip []byte
	once        sync.Once
	brotli      atomic.Pointer[[]byte] // 13 % smaller than gzip; nil until compressMore has made it, in 0.3 seconds
	tag         string                 // a digest of plain, because embedded files have no date
}

// prepare returns a function for each served file, by name. The function makes the file at its
// first call. prepare also starts to make the files that the first reader needs. All handlers
// share the files, because embedded files never change.
var prepare = sync.OnceValue(func() map[string]func() *asset {
	files, err := fs.Sub(embedded, "page")
	if err != nil {
		panic("ui: " + err.Error()) // the name of the folder is valid
	}
	contents := contents(files)
	assets := map[string]func() *asset{}
	for name, content := range contents {
		assets[name] = sync.OnceValue(func() *asset {
			plain, err := content()
			if err != nil {
				panic("ui: the page cannot be bundled: " + err.Error())
			}
			return newAsset(plain)
		})
	}
	go func() {
		for _, name := range []string{"index.en.html", "style.css", "early.js", "main.en.js"} {
			assets[name]()
		}
	}()
	return assets
})

// contents returns a function for each file that browsers request, by name. The function
// makes the content of the file. main.js and early.js contain the other modules. Each
// language has its own index.html and its own main.js.
func contents(files fs.FS) map[string]func() ([]byte, error) {
	contents := map[string]func() ([]byte, error){
		"style.css": func() ([]byte, error) { return bundle(files, "style.css", nil) },
		"early.js":  func() ([]byte, error) { return bundle(files, "early.js", nil) },
		"worker.js": func() ([]byte, error) { return bundle(files, "worker.js", nil) },
	}
	for _, name := range []string{"favicon.svg", "manifest.webmanifest"} {
		contents[name] = func() ([]byte, error) { return fs.ReadFile(files, name) }
	}
	for _, size := range []int{180, 192, 512} {
		contents[fmt.Sprintf("icon-%d.png", size)] = func() ([]byte, error) { return drawIcon(size), nil }
	}
	for _, tag := range language.All {
		contents["index."+tag+".html"] = func() ([]byte, error) { return markup(files, tag) }
		contents["main."+tag+".js"] = func() ([]byte, error) { return script(files, tag) }
	}
	return contents
}

func newAsset(plain []byte) *asset {
	var compressed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&compressed, gzip.BestCompression) // the level is valid
	w.Write(plain)                                                 // a write to a buffer does not fail
	w.Close()
	sum := sha256.Sum256(plain)
	return &asset{plain: plain, gzip: compressed.Bytes(), tag: hex.EncodeToString(sum[:16])}
}

// compressMore makes the brotli form of the file.
func (a *asset) compressMore() {
	var compressed bytes.Buffer
	w := brotli.NewWriterLevel(&compressed, brotli.BestCompression)
	w.Write(a.plain)
	w.Close()
	b := compressed.Bytes()
	a.brotli.Store(&b)
}

// accepts reports whether the response may have this content coding. It understands only the
// names in Accept-Encoding (RFC 9110, section 12.5.3), because browsers send nothing else. If a
// client gives a coding a weight, or requests a range, it gets the plain file.
func accepts(r *http.Request, coding string) bool {
	for name := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		if strings.TrimSpace(name) == coding {
			return r.Header.Get("Range") == ""
		}
	}
	return false
}

// contentType returns the type of a served file. It does not use package mime, because
// that package reads the registry of Windows. Some registries say that the type of
// JavaScript is text/plain.
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
	case ".png":
		return "image/png"
	case ".webmanifest":
		return "application/manifest+json"
	}
	panic("ui: no content type for " + name)
}
