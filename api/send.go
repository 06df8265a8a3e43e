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
	"time"

	"github.com/labstack/echo/v4"

	"imageserver/api/refusal"
	"imageserver/api/transport"
	"imageserver/db"
)

// present sets the header that describes an image.
func present(h http.Header, img db.Image, want imageQuery) {
	h.Set(echo.HeaderContentType, img.ContentType)
	h.Set("ETag", etag(img))
	switch {
	case want.version == "":
	case img.Expires.IsZero():
		h.Set(echo.HeaderCacheControl, "public, max-age=31536000, immutable")
	default: // a cache must not keep it for longer than the store
		left := min(max(0, time.Until(img.Expires)), 365*24*time.Hour)
		h.Set(echo.HeaderCacheControl, fmt.Sprintf("public, max-age=%d", int(left.Seconds())))
	}
	if want.download {
		h.Set(echo.HeaderContentDisposition, attachment(img.Name))
	}
	if want.variant != nil {
		h.Set("X-Result-Width", strconv.Itoa(img.Width))
		h.Set("X-Result-Height", strconv.Itoa(img.Height))
	}
}

// send answers with http.ServeContent, and sees to what that leaves open: the
// errors of the store, the form of refusals, and many ranges, each of which
// would be copied for the asking. After an error the header tells nothing of
// the image any more.
func (s *Server) send(c echo.Context, img db.Image, body db.Body, want imageQuery) error {
	r := c.Request()
	h := c.Response().Header()
	present(h, img, want)
	oneRange(r.Header, img.Size)
	w := sender{w: c.Response(), room: transport.Room(c.Response().Writer)}
	http.ServeContent(&w, r, "", img.Uploaded, body)
	if w.damage == nil && w.status < 400 {
		w.commit()
		return w.gone
	}
	for _, about := range []string{"Content-Disposition", "Content-Length", "Content-Type", "Etag", "Last-Modified", "X-Result-Width", "X-Result-Height"} {
		h.Del(about) // it was the image, and not the error
	}
	h.Set(echo.HeaderCacheControl, "no-cache")
	if w.status != http.StatusRequestedRangeNotSatisfiable {
		h.Del("Content-Range")
	}
	switch {
	case w.damage != nil:
		return w.damage
	case w.status == http.StatusRequestedRangeNotSatisfiable:
		return refusal.New(w.status, "bad_range", "The range asked for lies outside the image's %d bytes.", img.Size)
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
	room   func(most int) (int, error) // of the connection; see transport.Room
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

// Room waits for the connection; see db.Receiver.
func (s *sender) Room(most int) (int, error) {
	n, err := s.room(most)
	if err != nil {
		s.gone = fmt.Errorf("send image: %w", err)
	}
	return n, err
}

// ReadFrom is what io.CopyN in ServeContent comes to. The image goes out straight from
// the buffers it was verified in. An error that is not of the client's connection is
// the store's.
func (s *sender) ReadFrom(r io.Reader) (n int64, err error) {
	part := &partWriter{w: s, left: math.MaxInt64}
	if l, ok := r.(*io.LimitedReader); ok {
		r, part.left = l.R, l.N
	}
	n, err = r.(io.WriterTo).WriteTo(part) // the db.Body that ServeContent was given
	if part.left == 0 && errors.Is(err, errPartEnd) {
		err = nil
	}
	if s.gone == nil {
		s.damage = err
	}
	return n, err
}

// partWriter hands on a number of bytes and then takes no more. It is a db.Receiver.
type partWriter struct {
	w    db.Receiver
	left int64 // bytes to take
}

// errPartEnd is the error of a write that partWriter took only a part of.
var errPartEnd = errors.New("the part has ended")

func (p *partWriter) Room(most int) (int, error) {
	most = int(min(int64(most), p.left))
	if most == 0 {
		return 0, nil
	}
	return p.w.Room(most)
}

func (p *partWriter) Write(b []byte) (n int, err error) {
	taken := b[:min(int64(len(b)), p.left)]
	n, err = p.w.Write(taken)
	p.left -= int64(n)
	if err == nil && len(taken) < len(b) {
		err = errPartEnd
	}
	return n, err
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
