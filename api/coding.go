package api

import (
	"compress/gzip"
	"net/http"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"imageserver/api/refusal"
)

// uncoded refuses a request whose body has a content coding, such as gzip, and says
// so. The body would otherwise look like one that is cut off or is not an image.
func uncoded(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		coding := codingOf(c.Request().Header)
		if coding == "" {
			return next(c)
		}
		// RFC 9110 section 12.5.3: with it a client knows that the coding was refused,
		// and not the type of the image.
		c.Response().Header().Set(echo.HeaderAcceptEncoding, "identity")
		return refusal.New(http.StatusUnsupportedMediaType, "content_encoding", "The body has Content-Encoding: %.40s. Send it as it is, without Content-Encoding.", coding)
	}
}

// codingOf returns the first coding of a body other than identity, or an empty
// string.
func codingOf(h http.Header) string {
	for coding := range strings.SplitSeq(strings.Join(h.Values(echo.HeaderContentEncoding), ","), ",") {
		if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
			return coding
		}
	}
	return ""
}

// compressible is the size in bytes from which compression is worth its time. A smaller
// response fits in one packet anyway.
const compressible = 1400

// compressors are reused, because each needs 800 kB of memory.
var compressors = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.DefaultCompression) // the level is valid
	return w
}}

// sendCompressed responds with 200 and the text, compressed if the client accepts gzip.
func sendCompressed(c echo.Context, contentType string, text []byte) error {
	h := c.Response().Header()
	h.Add(echo.HeaderVary, echo.HeaderAcceptEncoding)
	if len(text) < compressible || !acceptsGzip(c.Request().Header) {
		return c.Blob(http.StatusOK, contentType, text)
	}
	h.Set(echo.HeaderContentEncoding, "gzip")
	h.Set(echo.HeaderContentType, contentType)
	c.Response().WriteHeader(http.StatusOK)
	w := compressors.Get().(*gzip.Writer)
	defer compressors.Put(w)
	w.Reset(c.Response())
	if _, err := w.Write(text); err != nil {
		return err
	}
	return w.Close()
}

// acceptsGzip reports whether Accept-Encoding names gzip without a weight, as browsers do
// (RFC 9110, section 12.5.3). Any other client gets the plain text.
func acceptsGzip(h http.Header) bool {
	for coding := range strings.SplitSeq(strings.Join(h.Values(echo.HeaderAcceptEncoding), ","), ",") {
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return true
		}
	}
	return false
}
