package api

import (
	"net/http"
	"strings"

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
