package api

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/labstack/echo/v4"

	"imageserver/api/refusal"
	"imageserver/api/transport"
	"imageserver/db"
)

// setImageHeader sets the header fields that describe an image. For JSON that sendJSON
// sends, img describes the JSON text and has no upload time.
func setImageHeader(h http.Header, img db.Image, want imageQuery) {
	setDescription(h, img)
	scope, forever := "public", ", immutable"
	if want.negotiated { // some shared caches ignore Vary
		scope, forever = "private", ""
	}
	switch {
	case want.version == "" || want.instead:
	case img.Expires.IsZero():
		h.Set(echo.HeaderCacheControl, scope+", max-age=31536000"+forever)
	default: // a cache must not keep the image for longer than the store
		left := min(max(0, time.Until(img.Expires)), 365*24*time.Hour)
		h.Set(echo.HeaderCacheControl, fmt.Sprintf("%s, max-age=%d", scope, int(left.Seconds())))
	}
	if want.download {
		h.Set(echo.HeaderContentDisposition, attachment(img.Name))
	}
	if want.variant != nil {
		h.Set("X-Result-Width", strconv.Itoa(img.Width))
		h.Set("X-Result-Height", strconv.Itoa(img.Height))
	}
}

// setDescription sets Content-Type, ETag, Content-Length and Last-Modified. It allocates
// the texts of the last three together, because every response needs them.
// http.ServeContent sets some of the fields again, to the same values.
func setDescription(h http.Header, img db.Image) {
	text := appendETag(make([]byte, 0, 128), img)
	text = strconv.AppendInt(text, img.Size, 10)
	digits := len(text)
	text = img.Uploaded.UTC().AppendFormat(text, http.TimeFormat)
	all := string(text)
	values := &[4]string{img.ContentType, all[:etagSize], all[etagSize:digits], all[digits:]}
	h["Content-Type"], h["Etag"], h["Content-Length"] = values[0:1:1], values[1:2:2], values[2:3:3]
	if !img.Uploaded.IsZero() {
		h["Last-Modified"] = values[3:4:4]
	}
}

// send responds with http.ServeContent. Unlike ServeContent, it writes no errors: it
// returns them, and writeError writes them as JSON. If a request asks for several ranges,
// send sends the whole image. On error it removes all header fields of the image.
func (s *Server) send(c echo.Context, img db.Image, body db.Body, want imageQuery) error {
	r := c.Request()
	h := c.Response().Header()
	if want.instead || want.negotiated {
		// Another variant of the URL has the same time. A cache that sends only
		// If-Modified-Since would get 304, and keep this variant instead of the other.
		img.Uploaded = time.Time{}
	}
	setImageHeader(h, img, want)
	oneRange(r.Header, img.Size)
	w := senders.Get().(*sender)
	defer w.done()
	*w = sender{w: c.Response(), to: transport.Receiver(c.Response().Writer)}
	w.direct, _ = w.to.(db.DirectReceiver)
	if unconditional(r.Header) {
		w.whole(r.Method, body)
	} else {
		http.ServeContent(w, r, "", img.Uploaded, body)
	}
	if w.damage == nil && w.status < 400 {
		w.commit()
		return w.connErr
	}
	for _, about := range []string{"Content-Disposition", "Content-Length", "Content-Type", "Etag", "Last-Modified", "X-Result-Width", "X-Result-Height"} {
		h.Del(about)
	}
	h.Set(echo.HeaderCacheControl, "no-cache")
	if w.status != http.StatusRequestedRangeNotSatisfiable {
		h.Del("Content-Range")
	}
	switch {
	case w.damage != nil:
		return w.damage
	case w.status == http.StatusRequestedRangeNotSatisfiable:
		return refusal.New(w.status, "bad_range", "The requested range is outside the image, which has %d bytes.", img.Size)
	case w.status == http.StatusPreconditionFailed:
		return errPrecondition
	}
	return fmt.Errorf("unexpected status %d", w.status)
}

// oneRange changes the Range field of a request so that ServeContent only gets one valid
// range, or none. It removes a field with another unit, several ranges or an invalid range,
// such as "bytes=5-2". RFC 9110 section 14.2: a server must ignore an unknown unit, and may
// ignore the other two. Then the client gets the whole image, which every client accepts.
// ServeContent would respond to an invalid range as if it were outside the image. It would
// also treat a number of more than 64 bits as invalid, so oneRange replaces an end that is
// too large.
func oneRange(h http.Header, size int64) {
	first, last, ok := parseRange(h.Get("Range"))
	switch {
	case !ok:
		h.Del("Range")
	case first >= size, first < 0 && last == 0: // "bytes=-0" asks for no bytes, so it is outside, too
		h.Set("Range", fmt.Sprintf("bytes=%d-", size)) // outside the image
	case last >= size:
		h.Set("Range", fmt.Sprintf("bytes=%d-", max(0, first)))
	}
}

// parseRange reads a Range field with one range of bytes (RFC 9110 section 14.1.2). `ok`
// reports whether the range is valid. For "bytes=5-", `last` is -1. For "bytes=-5", the last
// five bytes, `first` is -1 and `last` is 5.
func parseRange(field string) (first, last int64, ok bool) {
	spec, isBytes := strings.CutPrefix(field, "bytes=")
	from, to, isRange := strings.Cut(strings.Trim(spec, " \t"), "-")
	first, validFirst := position(from)
	last, validLast := position(to)
	switch {
	case !isBytes, !isRange, !validFirst, !validLast, first < 0 && last < 0, last >= 0 && last < first:
		return 0, 0, false
	}
	return first, last, true
}

// position reads a number in a range. It returns -1 if there is no number. A number that
// does not fit in 64 bits becomes the largest int64, because no image has so many bytes.
func position(digits string) (n int64, ok bool) {
	if digits == "" {
		return -1, true
	}
	n, _ = strconv.ParseInt(digits, 10, 64)
	return n, strings.Trim(digits, "0123456789") == ""
}

// sender is the ResponseWriter that ServeContent writes to. It sends the status only with
// the first verified bytes. So if the beginning of the image is damaged, the response can
// still be an error.
type sender struct {
	w       *echo.Response
	to      db.Receiver       // the connection
	direct  db.DirectReceiver // the connection, or nil if it has no WriteNow
	status  int
	damage  error // an error of the store
	connErr error // an error of the client's connection
}

var senders = sync.Pool{New: func() any { return new(sender) }}

// done returns the sender to the pool. No code may use it after that.
func (s *sender) done() {
	*s = sender{}
	senders.Put(s)
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
		return len(p), nil // send writes the body of an error
	}
	s.commit()
	n, err := s.w.Write(p)
	if err != nil {
		s.connErr = fmt.Errorf("send image: %w", err)
	}
	return n, err
}

// Room waits for the connection; see db.Receiver.
func (s *sender) Room(limit int) (int, error) {
	n, err := s.to.Room(limit)
	if err != nil {
		s.connErr = fmt.Errorf("send image: %w", err)
	}
	return n, err
}

// WriteNow writes verified bytes to the connection; see db.DirectReceiver. It must be called
// only if direct is not nil.
func (s *sender) WriteNow(buffers [][]byte) (int, error) {
	s.commit()
	n, err := s.direct.WriteNow(buffers)
	s.w.Size += int64(n)
	// EFAULT means that the kernel could not read the buffers. That is an error of the
	// store, not of the connection.
	if err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EFAULT) {
		s.connErr = fmt.Errorf("send image: %w", err)
	}
	return n, err
}

// ReadFrom sends the bytes of the image from the place where the Body has verified them, so
// nothing copies them. io.CopyN in ServeContent calls ReadFrom. An error that does not come
// from the client's connection comes from the store.
func (s *sender) ReadFrom(r io.Reader) (n int64, err error) {
	limit := int64(math.MaxInt64)
	if l, ok := r.(*io.LimitedReader); ok {
		r, limit = l.R, l.N
	}
	var w io.Writer = s
	if s.direct == nil {
		w = struct{ db.Receiver }{s} // without WriteNow
	}
	n, err = r.(db.Body).WriteN(w, limit) // r is the Body that send has passed to ServeContent
	if s.connErr == nil {
		s.damage = err
	}
	return n, err
}

// unconditional reports whether a request asks for the whole image without conditions. Most
// requests do.
func unconditional(h http.Header) bool {
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "Range", "If-Match", "If-Unmodified-Since"} {
		if _, found := h[name]; found {
			return false
		}
	}
	return true
}

// whole responds to an unconditional request with the whole image. http.ServeContent would
// send the same response, but with more allocations.
func (s *sender) whole(method string, body db.Body) {
	s.Header()["Accept-Ranges"] = acceptRanges
	s.status = http.StatusOK
	if method != http.MethodHead {
		_, _ = s.ReadFrom(body) // s has the error
	}
}

// acceptRanges is shared by all responses, so no code may change it.
var acceptRanges = []string{"bytes"}

// attachment returns a Content-Disposition (RFC 6266) with the name in ASCII, for clients
// such as curl -OJ. If the name is not ASCII, it also has the name in UTF-8 (RFC 8187).
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
