package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
	"github.com/labstack/echo/v4"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
	"imageserver/api/imaging/strip"
	"imageserver/api/intake"
	"imageserver/api/refusal"
	"imageserver/api/transport"
	"imageserver/api/variants"
	"imageserver/api/webpage"
	"imageserver/db"
)

var (
	errPrecondition = errors.New("the image has changed since you last saw it; look at it again and repeat the request")
	errTaken        = errors.New("an image with this name is stored already; use another name, or leave out If-None-Match to replace it")
	errDigest       = errors.New("the received bytes do not match the announced digest; send them again")
)

// refusals maps errors to a status, a code and a message. Without a message, the error's own
// text is shown. The first row that matches is used.
var refusals = []struct {
	err     error
	status  int
	code    string
	message string
}{
	{db.ErrName, http.StatusBadRequest, "bad_name", ""},
	{db.ErrCursor, http.StatusBadRequest, "bad_cursor", ""},
	{db.ErrNotFound, http.StatusNotFound, "not_found", ""},
	{db.ErrExists, http.StatusConflict, "exists", ""},
	{errPrecondition, http.StatusPreconditionFailed, "precondition_failed", ""},
	{errTaken, http.StatusPreconditionFailed, "precondition_failed", ""},
	{intake.ErrEmpty, http.StatusBadRequest, "empty", ""},
	{intake.ErrTooLarge, http.StatusRequestEntityTooLarge, "too_large", ""},
	{intake.ErrNotAllowed, http.StatusUnsupportedMediaType, "not_allowed", ""},
	{format.ErrUnknown, http.StatusUnsupportedMediaType, "not_an_image", ""},
	{format.ErrMalformed, http.StatusUnprocessableEntity, "damaged_image", ""},
	{resize.ErrTooLong, http.StatusUnprocessableEntity, "too_long", "This picture is too long for its format: a JPEG has at most 65535 pixels on a side, and a WebP at most 16383. Ask for format=png."},
	{resize.ErrDamaged, http.StatusUnprocessableEntity, "damaged_picture", "This picture is damaged and cannot be resized. The original can be shown."},
	{strip.ErrUnsupported, http.StatusUnprocessableEntity, "cannot_strip", ""},
	{strip.ErrTooLarge, http.StatusUnprocessableEntity, "cannot_strip", ""},
	{errDigest, http.StatusUnprocessableEntity, "digest_mismatch", ""},
	{db.ErrBusy, http.StatusServiceUnavailable, "busy", "The server is busy with other uploads. Try again in a few seconds."},
	{variants.ErrReplaced, http.StatusServiceUnavailable, "busy", "The image was replaced while it was being resized. Try again."},
	{variants.ErrBusy, http.StatusServiceUnavailable, "busy", "The server has too many pictures to resize. Try again in a few seconds."},
	{variants.ErrEncoder, http.StatusServiceUnavailable, "busy", "The server could not encode this WebP. Try again in a few seconds, or ask for format=jpeg."},
	{variants.ErrTakenBack, http.StatusServiceUnavailable, "busy", "The server needed the memory of this resized copy, and your connection is slow. Try again in a few seconds."},
	{variants.ErrTooManyPixels, http.StatusUnprocessableEntity, "too_many_pixels", ""},
	{variants.ErrMemory, http.StatusUnprocessableEntity, "too_many_pixels", "Resizing this picture needs more memory than this server allows. The original can be shown."},
	{variants.ErrTooSlow, http.StatusUnprocessableEntity, "damaged_picture", "Decoding this picture takes too long, so it cannot be resized. The original can be shown."},
	{db.ErrDatabase, http.StatusServiceUnavailable, "unavailable", "The database cannot be reached. No stored image was lost. Try again in a few seconds."},
	{db.ErrBucket, http.StatusServiceUnavailable, "unavailable", "The bucket cannot be reached. No stored image was lost. Try again in a few seconds."},
	{db.ErrUnavailable, http.StatusServiceUnavailable, "unavailable", "The server cannot reach its storage at the moment. No stored image was lost. Try again in a few seconds."},
	{db.ErrReadOnly, http.StatusServiceUnavailable, "read_only", "The server's storage has failed, so it accepts no uploads. Its operator must repair it."},
	{db.ErrClosed, http.StatusServiceUnavailable, "draining", "The server is shutting down. Try again in a moment."},
	{db.ErrFull, http.StatusInsufficientStorage, "full", "The server has no space left. No stored image was lost. Uploads work again when images are deleted or there is more space."},
	{db.ErrDamaged, http.StatusInternalServerError, "damaged", "The stored image is damaged and cannot be shown."},
	{os.ErrDeadlineExceeded, http.StatusRequestTimeout, "too_slow", "The upload stalled: no data arrived in time. Send it again."},
	{io.ErrUnexpectedEOF, http.StatusBadRequest, "cut_off", "The upload was cut off. Send it again."},
	{context.Canceled, http.StatusBadRequest, "cut_off", "The upload was cut off. Send it again."},
}

// refusalOf returns the response to err.
func refusalOf(err error) *refusal.Error {
	var own *refusal.Error
	if errors.As(err, &own) {
		return own
	}
	var limit *db.LimitError
	if errors.As(err, &limit) {
		return refusal.Because(err, http.StatusInsufficientStorage, "full", fmt.Sprintf("The store is full: the limit is %s. No stored image was lost. Uploads work again when images are deleted.", humanize.IBytes(uint64(limit.Limit))))
	}
	for _, a := range refusals {
		if errors.Is(err, a.err) {
			message := a.message
			if message == "" {
				message = sentence(err.Error())
			}
			return refusal.Because(err, a.status, a.code, message)
		}
	}
	var routing *echo.HTTPError
	if errors.As(err, &routing) {
		return refusal.Because(err, routing.Code, "http_"+strconv.Itoa(routing.Code), sentence(http.StatusText(routing.Code)))
	}
	return refusal.Because(err, http.StatusInternalServerError, "internal", sentence(http.StatusText(http.StatusInternalServerError)))
}

// sentence makes a sentence of the text of an error.
func sentence(text string) string {
	first, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[n:] + "."
}

// failure is the JSON of an error.
type failure struct {
	Message string      `json:"message"`
	Error   failureCode `json:"error"`
	Images  []image     `json:"images,omitempty"` // stored before the error
}

type failureCode struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// writeError writes the response to err. It is Echo's error handler, and the only place
// that writes errors.
func (s *Server) writeError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	e := refusalOf(err)
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	switch e.Status {
	case http.StatusServiceUnavailable:
		h.Set(echo.HeaderRetryAfter, "5")
	case http.StatusUnauthorized:
		h.Set(echo.HeaderWWWAuthenticate, `Bearer realm="images"`)
	}
	if webpage.Wanted(c.Request()) {
		_ = c.HTMLBlob(e.Status, s.errorPage(c, e).HTML(h)) // an error of the connection, which is closed then
		return
	}
	body := failure{Message: e.Message, Error: failureCode{e.Code, e.Message}}
	var partly *partlyStored
	if errors.As(err, &partly) {
		body.Images = partly.images
		body.Message = partly.message(e.Message)
	}
	text, _ := json.Marshal(body)
	transport.RespondEarly(c, e.Status, text, max(4*s.o.MaxUpload, 64<<20))
}

// errorPage returns the page about e for a person who opened a link.
func (s *Server) errorPage(c echo.Context, e *refusal.Error) webpage.Page {
	texts := webpage.TextsFor(c.Request())
	p := webpage.Page{Texts: texts, Title: texts.Failed, Home: s.access.BaseURL(c) + "/"}
	switch e.Code {
	case "not_found":
		p.Title, p.Text = texts.MissingImage, texts.MissingImageText
	case "http_404":
		p.Title, p.Text = texts.MissingPage, texts.MissingPageText
	case "busy":
		p.Text = texts.Busy
	default:
		p.English = e.Message
	}
	return p
}
