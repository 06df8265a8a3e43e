package api

import (
	"compress/gzip"
	"net/http"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"imageserver/api/refusal"
)

// uncoded is middleware that refuses a request whose body has a content coding, such as
// gzip. Without it, the response would say that the file is not an image.
func uncoded(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		coding := codingOf(c.Request().Header)
		if coding == "" {
			return next(c)
		}
		// RFC 9110 section 12.5.3: this header tells the client that the server refuses the
		// coding, and not the type of the image.
		c.Response().Header().Set(echo.HeaderAcceptEncoding, "identity")
		return refusal.New(http.StatusUnsupportedMediaType, "content_encoding", "The body has Content-Encoding: %.40s. Send it as it is, without Content-Encoding.", coding)
	}
}

// codingOf returns the first content coding of a body that is not identity. It returns an
// empty string if there is none.
func codingOf(h http.Header) string {
	for coding := range strings.SplitSeq(strings.Join(h.Values(echo.HeaderContentEncoding), ","), ",") {
		if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
			return coding
		}
	}
	return ""
}

// compressible is the size in bytes of the smallest response that the server compresses. A
// smaller response fits in one packet without compression.
const compressible = 1400

// compressors keeps unused compressors for later responses, because each needs 800 kB of
// memory.
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
