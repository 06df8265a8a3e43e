package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Environment variables that make this program the bare server; see serveBare.
const (
	bareVar     = "COMPARE_BARE" // the folder with the images and headerFile
	bareCertVar = "COMPARE_BARE_CERT"
	bareKeyVar  = "COMPARE_BARE_KEY"
)

// headerFile has the header fields of our server's responses, for each image: a
// map[string]http.Header in JSON.
const headerFile = "headers.json"

// writeHeaders writes headerFile. The bare server makes the Date and the length itself.
func (s site) writeHeaders() error {
	all := map[string]http.Header{}
	for size := range s.samples {
		name := imageName(size)
		header := s.headers[name].Clone()
		if header == nil { // our server is not in the comparison
			header = http.Header{"Content-Type": {"image/png"}, "Etag": {strconv.Quote(name)}}
		}
		header.Del("Date")
		header.Del("Content-Length")
		all[name] = header
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.dir, headerFile), text, 0o600)
}

// serveBare serves the images of a folder from memory until it is ended. It has no
// checks, no log and no metrics: it is what net/http itself costs.
func serveBare(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, headerFile))
	if err != nil {
		return err
	}
	var headers map[string]http.Header
	if err := json.Unmarshal(text, &headers); err != nil {
		return err
	}
	images := map[string]*bareImage{}
	for name, header := range headers {
		content, err := os.ReadFile(filepath.Join(dir, "images", name))
		if err != nil {
			return err
		}
		images[imagePath(name)] = &bareImage{content, header, []string{strconv.Itoa(len(content))}}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if img := images[r.URL.Path]; img != nil {
			img.send(w, r)
		} else {
			http.NotFound(w, r)
		}
	})}
	fmt.Printf("Images at http://%s/\n", l.Addr())
	if cert := os.Getenv(bareCertVar); cert != "" {
		return server.ServeTLS(l, cert, os.Getenv(bareKeyVar))
	}
	return server.Serve(l)
}

// bareImage is an image in memory, with all that its response needs.
type bareImage struct {
	content []byte
	header  http.Header // of a response with status 200, without the length
	length  []string    // the Content-Length
}

// send writes the response with as few steps as the request allows. It takes only the
// ranges that this program requests.
func (img *bareImage) send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	maps.Copy(h, img.header)
	if match := r.Header.Get("If-None-Match"); match != "" && match == h.Get("ETag") {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if spec := r.Header.Get("Range"); spec != "" {
		from, to, _ := strings.Cut(strings.TrimPrefix(spec, "bytes="), "-")
		first, _ := strconv.Atoi(from)
		last, _ := strconv.Atoi(to)
		h["Content-Length"] = []string{strconv.Itoa(last + 1 - first)}
		h["Content-Range"] = []string{fmt.Sprintf("bytes %d-%d/%d", first, last, len(img.content))}
		w.WriteHeader(http.StatusPartialContent)
		w.Write(img.content[first : last+1])
		return
	}
	h["Content-Length"] = img.length
	if r.Method != http.MethodHead {
		w.Write(img.content)
	}
}
