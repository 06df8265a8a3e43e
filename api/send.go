package api

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"imageserver/db"
)

// imageHeader goes with every image: opened by itself, an SVG above all, it
// runs and loads nothing; shown in any page it may be; and without ?v= it may
// change, so that caches ask. Its values are shared by all answers.
var imageHeader = http.Header{
	"Content-Security-Policy":      {"default-src 'none'; style-src 'unsafe-inline'; sandbox"},
	"X-Content-Type-Options":       {"nosniff"},
	"Cross-Origin-Resource-Policy": {"cross-origin"},
	"Cache-Control":                {"no-cache"},
}

// getImage answers an image's bytes, or a part of them, for GET and HEAD.
func (s *Server) getImage(c echo.Context) error {
	r := c.Request()
	h := c.Response().Header()
	maps.Copy(h, imageHeader)

	name := imageName(c)
	img, body, err := s.store.Get(r.Context(), name)
	if err != nil {
		return err
	}
	defer body.Close()

	if q := r.URL.RawQuery; q != "" { // most requests have none
		query := r.URL.Query()
		if v := query.Get("v"); v != "" {
			if d, err := db.ParseDigest(v); err != nil || d != img.SHA256 {
				return fmt.Errorf("%w: %q in the version %s", db.ErrNotFound, name, v)
			}
			h.Set(echo.HeaderCacheControl, "public, max-age=31536000, immutable")
		}
		if query.Has("download") {
			h.Set(echo.HeaderContentDisposition, attachment(img.Name))
		}
	}
	h.Set(echo.HeaderContentType, img.ContentType)
	h.Set("ETag", etag(img))
	return s.send(c, img, body)
}

// send answers with http.ServeContent, and sees to what that leaves open: the
// errors of the store, the form of refusals, and many ranges, each of which
// would be copied for the asking.
func (s *Server) send(c echo.Context, img db.Image, body db.Body) error {
	r := c.Request()
	oneRange(r.Header, img.Size)
	w := sender{w: c.Response(), size: img.Size}
	http.ServeContent(&w, r, "", img.Uploaded, body)
	if w.damage != nil && c.Response().Committed {
		s.o.Log.Error("image cut off", "image", img.Name, "err", w.damage)
		panic(http.ErrAbortHandler) // the client must see that bytes are missing
	}
	if w.damage == nil && w.status < 400 {
		w.commit()
		return w.gone
	}
	h := c.Response().Header()
	for _, about := range []string{"Cache-Control", "Content-Disposition", "Content-Length", "Content-Type", "Etag", "Last-Modified"} {
		h.Del(about) // it was the image, and not the error
	}
	if w.status != http.StatusRequestedRangeNotSatisfiable {
		h.Del("Content-Range")
	}
	switch {
	case w.damage != nil:
		return w.damage
	case w.status == http.StatusRequestedRangeNotSatisfiable:
		return refuse(w.status, "bad_range", "The range asked for lies outside the image's %d bytes.", img.Size)
	case w.status == http.StatusPreconditionFailed:
		return errPrecondition
	}
	return fmt.Errorf("unexpected status %d", w.status)
}

// oneRange leaves in the header no Range or one of bytes (RFC 9110 section
// 14.2). Other units are ignored, and so are many ranges at once; of a suffix
// without length, which ServeContent answers with nothing, it makes one that
// lies outside.
func oneRange(h http.Header, size int64) {
	spec, ok := strings.CutPrefix(h.Get("Range"), "bytes=")
	suffix, isSuffix := strings.CutPrefix(spec, "-")
	switch {
	case !ok || strings.Contains(spec, ","):
		h.Del("Range")
	case isSuffix && strings.Trim(suffix, "0") == "":
		h.Set("Range", fmt.Sprintf("bytes=%d-", size))
	}
}

// sender is the ResponseWriter that ServeContent writes to. It holds the
// status back until there is something to send, so that an image that turns
// out to be damaged at its first byte is answered with an error.
type sender struct {
	w      *echo.Response
	size   int64 // of the whole image
	status int
	damage error // what the store said
	gone   error // what the client's connection said
}

func (s *sender) Header() http.Header  { return s.w.Header() }
func (s *sender) WriteHeader(code int) { s.status = code }

// commit sends the header.
func (s *sender) commit() {
	if !s.w.Committed {
		s.w.WriteHeader(s.status)
	}
}

func (s *sender) Write(p []byte) (int, error) {
	if s.status >= 400 {
		return len(p), nil // the refusal's text is ours
	}
	s.commit()
	n, err := s.w.Write(p)
	if err != nil {
		s.gone = fmt.Errorf("send image: %w", err)
	}
	return n, err
}

// copyPool lends the buffers that ranges are copied through.
var copyPool = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// ReadFrom is what io.CopyN in ServeContent comes to. A whole image goes out
// chunk by chunk, straight from the buffers it was checked in. An error that is
// not of the client's connection is the store's.
func (s *sender) ReadFrom(r io.Reader) (n int64, err error) {
	onlyWriter := struct{ io.Writer }{s}
	body, whole := wholeBody(r, s.size)
	if whole {
		n, err = body.WriteTo(onlyWriter)
	} else {
		buf := copyPool.Get().(*[]byte)
		defer copyPool.Put(buf)
		n, err = io.CopyBuffer(onlyWriter, r, *buf)
	}
	if s.gone == nil {
		s.damage = err
	}
	return n, err
}

// wholeBody returns the image that r reads, if it reads the whole of it.
func wholeBody(r io.Reader, size int64) (db.Body, bool) {
	l, ok := r.(*io.LimitedReader)
	if !ok || l.N != size {
		return nil, false
	}
	body, ok := l.R.(db.Body)
	return body, ok
}

// attachment is a Content-Disposition (RFC 6266) with the name twice: in
// ASCII, which curl -OJ reads, and as it is (RFC 8187).
func attachment(name string) string {
	ascii := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
	value := `attachment; filename="` + ascii + `"`
	if ascii != name {
		escaped := strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
		value += "; filename*=UTF-8''" + escaped
	}
	return value
}
