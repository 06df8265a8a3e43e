package transport

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"
)

// RespondEarly sends a JSON response even if the body of the request was not read. After
// it, RespondEarly reads up to limit bytes of the rest of the body.
func RespondEarly(c echo.Context, status int, text []byte, limit int64) {
	w, r := c.Response(), c.Request()
	body, _ := r.Body.(*pacedBody)
	unread := body != nil && body.err == nil
	// A client that waits for "100 Continue" sends no body after an error. A read of the
	// body would make net/http send "100 Continue".
	waits := unread && body.read == 0 && r.Header.Get("Expect") != ""
	if unread && !waits && !body.large() {
		unread = !body.drain(spare, inFlight)
	}
	// In HTTP/2 the response does not wait for the body. After the response, the rest of
	// the body is cancelled without an error (RFC 9113 section 8.1).
	unread = unread && r.ProtoMajor == 1
	if unread {
		// Without this, net/http would read the body before it responds. If bytes of
		// the body arrived after the read deadline, net/http would treat them as the
		// next request.
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set(echo.HeaderConnection, "close")
	}
	w.Header().Set(echo.HeaderContentLength, strconv.Itoa(len(text)))
	w.Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	w.WriteHeader(status)
	if _, err := w.Write(text); err != nil || !unread {
		return
	}
	w.Flush()
	if waits {
		limit = 0
	}
	body.drain(limit, body.stall)
}
