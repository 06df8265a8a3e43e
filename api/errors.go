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
	"imageserver/db"
)

var (
	errPrecondition = errors.New("the image is not in the state that the request asks for; look at it again and repeat")
	errDigest       = errors.New("the bytes received do not have the digest announced; send them again")
)

// answers maps the errors of the packages below to a status, a code, and,
// where the error's own text is not for the person uploading, a message.
var answers = []struct {
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
	{intake.ErrEmpty, http.StatusBadRequest, "empty", ""},
	{intake.ErrTooLarge, http.StatusRequestEntityTooLarge, "too_large", ""},
	{intake.ErrNotAllowed, http.StatusUnsupportedMediaType, "not_allowed", ""},
	{format.ErrUnknown, http.StatusUnsupportedMediaType, "not_an_image", ""},
	{format.ErrMalformed, http.StatusUnprocessableEntity, "damaged_image", ""},
	{resize.ErrTooLong, http.StatusUnprocessableEntity, "too_long", "This picture is too long for a JPEG, which has at most 65535 pixels on a side. Ask for format=png."},
	{resize.ErrDamaged, http.StatusUnprocessableEntity, "damaged_picture", "This picture is damaged and cannot be resized. The original can be shown."},
	{strip.ErrUnsupported, http.StatusUnprocessableEntity, "cannot_strip", ""},
	{strip.ErrTooLarge, http.StatusUnprocessableEntity, "cannot_strip", ""},
	{errDigest, http.StatusUnprocessableEntity, "digest_mismatch", ""},
	{db.ErrBusy, http.StatusServiceUnavailable, "busy", "The server has too many uploads under way. Try again in a few seconds."},
	{variants.ErrReplaced, http.StatusServiceUnavailable, "busy", "The image was replaced while it was being resized. Try again."},
	{variants.ErrBusy, http.StatusServiceUnavailable, "busy", "The server has too many pictures to resize. Try again in a few seconds."},
	{variants.ErrTakenBack, http.StatusServiceUnavailable, "busy", "The server needed the memory of this resized copy, and your connection is slow. Try again in a few seconds."},
	{variants.ErrTooManyPixels, http.StatusUnprocessableEntity, "too_many_pixels", ""},
	{variants.ErrMemory, http.StatusUnprocessableEntity, "too_many_pixels", "Resizing this picture needs more memory than this server allows. The original can be shown."},
	{variants.ErrTooSlow, http.StatusUnprocessableEntity, "damaged_picture", "Decoding this picture takes too long, so it cannot be resized. The original can be shown."},
	{db.ErrReadOnly, http.StatusServiceUnavailable, "read_only", "The server's storage has failed, so it takes no uploads. Its operator must look at it."},
	{db.ErrClosed, http.StatusServiceUnavailable, "draining", "The server is shutting down. Try again in a moment."},
	{db.ErrFull, http.StatusInsufficientStorage, "full", "The server has no space left. Nothing that is stored was lost; once images are deleted or there is more space, uploads work again."},
	{db.ErrDamaged, http.StatusInternalServerError, "damaged", "The stored image is damaged and cannot be shown."},
	{os.ErrDeadlineExceeded, http.StatusRequestTimeout, "too_slow", "The upload came to a standstill. Send it again."},
	{io.ErrUnexpectedEOF, http.StatusBadRequest, "cut_off", "The upload was cut off. Send it again."},
	{context.Canceled, http.StatusBadRequest, "cut_off", "The upload was cut off. Send it again."},
}

// explain returns what to answer to err.
func explain(err error) *refusal.Error {
	var own *refusal.Error
	if errors.As(err, &own) {
		return own
	}
	var limit *db.LimitError
	if errors.As(err, &limit) {
		return refusal.Because(err, http.StatusInsufficientStorage, "full", fmt.Sprintf("The store is full: the limit is %s. Nothing that is stored was lost; once images are deleted, uploads work again.", humanize.IBytes(uint64(limit.Limit))))
	}
	for _, a := range answers {
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

// sentence makes an error's text one for people.
func sentence(text string) string {
	first, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[n:] + "."
}

// failure is the JSON of an error.
type failure struct {
	Message string      `json:"message"`
	Error   failureCode `json:"error"`
	Images  []image     `json:"images,omitempty"` // stored before the one refused
}

type failureCode struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// writeError answers err. It is Echo's error handler, and the only one.
func (s *Server) writeError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	e := explain(err)
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	switch e.Status {
	case http.StatusServiceUnavailable:
		h.Set(echo.HeaderRetryAfter, "5")
	case http.StatusUnauthorized:
		h.Set(echo.HeaderWWWAuthenticate, `Bearer realm="images"`)
	}
	body := failure{Message: e.Message, Error: failureCode{e.Code, e.Message}}
	var partly *partlyStored
	if errors.As(err, &partly) {
		body.Images = partly.images
		body.Message = partly.message(e.Message)
	}
	text, _ := json.Marshal(body) // strings and numbers always can be
	transport.RespondEarly(c, e.Status, text, max(4*s.o.MaxUpload, 64<<20))
}
