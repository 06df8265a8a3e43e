package api

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"imageserver/api/access"
	"imageserver/api/imaging/resize"
	"imageserver/api/refusal"
	"imageserver/db"
)

// imageHeader is in every answer with an image. Opened in a tab of its own, an
// image, such as an SVG, runs no script and loads nothing but the pictures and
// fonts inside it, in data: URLs. Any page may show it. Without ?v= it may change,
// so caches must ask. All answers share its values.
var imageHeader = http.Header{
	"Content-Security-Policy":      {"default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; sandbox"},
	"X-Content-Type-Options":       {"nosniff"},
	"Cross-Origin-Resource-Policy": {"cross-origin"},
	"Cache-Control":                {"no-cache"},
}

// getImage answers an image's bytes or those of a resized copy, or a part of
// them, for GET and HEAD.
func (s *Server) getImage(c echo.Context) error {
	maps.Copy(c.Response().Header(), imageHeader)
	var want imageQuery
	if q := c.Request().URL.RawQuery; q != "" { // most requests have none
		var err error
		if want, err = parseImageQuery(q); err != nil {
			return err
		}
	}
	err := s.answerImage(c, want)
	if errors.Is(err, errMoved) {
		err = s.answerImage(c, want)
	}
	if (errors.Is(err, db.ErrDamaged) || errors.Is(err, errTakenBack)) && c.Response().Committed {
		s.o.Log.Error("image cut off", "image", imageName(c), "err", err)
		panic(http.ErrAbortHandler) // the client must see that bytes are missing
	}
	return err
}

// imageQuery is what the parameters of a URL ask of an image.
type imageQuery struct {
	version  string          // the digest it must have, or empty
	download bool            // as an attachment
	copy     *resize.Request // or nil for the image itself
}

func parseImageQuery(raw string) (want imageQuery, err error) {
	q, err := parseQuery(raw)
	if err != nil {
		return want, err
	}
	want.version, want.download = q.Get("v"), q.Has("download")
	want.copy, err = copyRequest(q)
	return want, err
}

// answerImage answers what is wanted of the image under the name in the path.
func (s *Server) answerImage(c echo.Context, want imageQuery) error {
	name := imageName(c)
	img, body, err := s.store.Get(c.Request().Context(), name)
	if err != nil {
		return err
	}
	defer body.Close()
	if want.version != "" {
		if d, err := db.ParseDigest(want.version); err != nil || d != img.SHA256 {
			return fmt.Errorf("%w: %q in the version %.64s", db.ErrNotFound, name, want.version)
		}
	}
	if want.copy == nil {
		return s.send(c, img, body, want)
	}
	copy, err := plan(img, body, *want.copy)
	if err == nil {
		body.Close() // who waits for a copy holds no more than that
		copy.client = access.Network(c.RealIP())
		err = s.answerCopy(c, copy, want)
	}
	if tooHard(err) {
		h := c.Response().Header()
		h.Set(echo.HeaderVary, "Accept, Sec-Fetch-Dest")
		if showsPicture(c.Request()) {
			want.version, err = "", errOriginal // another request for this URL gets the error, so no cache may keep it
		}
	}
	if errors.Is(err, errOriginal) {
		want.copy = nil
		return s.answerImage(c, want)
	}
	return err
}

// tooHard reports whether a copy is refused because it would take too much memory
// or time, or be too long for a JPEG, although the picture is sound.
func tooHard(err error) bool {
	var refused *refusal.Error
	return errors.Is(err, resize.ErrTooLong) ||
		errors.As(err, &refused) && (refused.Code == "too_many_pixels" || errors.Is(err, errEndless))
}

// showsPicture reports whether a browser asks for a picture to show, as in an img
// element, and not for data. An error would leave a hole in the page, or break
// srcset, where the browser can show the original. Programs get the error.
func showsPicture(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Dest") == "image" || strings.Contains(r.Header.Get(echo.HeaderAccept), "image/")
}

// answerCopy answers a resized copy of an image. One that turns out to be damaged
// is made again, and sent if nothing of the damaged one was.
func (s *Server) answerCopy(c echo.Context, copy *copyOf, want imageQuery) error {
	ctx := c.Request().Context()
	img, content, err := s.copies.get(ctx, copy)
	if err != nil {
		return err
	}
	err = s.send(c, img, content, want)
	content.Close()
	if !errors.Is(err, db.ErrDamaged) {
		return err
	}
	s.copies.damaged(copy, err)
	img, content, again := s.copies.join(ctx, copy, true)
	if again != nil {
		return errors.Join(err, again)
	}
	defer content.Close()
	if c.Response().Committed {
		return err // who asks next gets a sound one
	}
	return s.send(c, img, content, want)
}
