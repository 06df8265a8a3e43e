package api

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"imageserver/api/access"
	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
	"imageserver/api/variants"
	"imageserver/db"
)

// imageHeader is in every response for an image. If an image such as an SVG is opened in its
// own tab, it runs no script. It loads only the pictures and fonts that it contains, as data:
// URLs. Pages of all origins may show it. Without ?v= the image may change, so a cache must
// ask the server each time whether its copy is still valid. All responses share these
// values, so no code may change them.
var imageHeader = http.Header{
	"Content-Security-Policy":      {"default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; sandbox"},
	"X-Content-Type-Options":       {"nosniff"},
	"Cross-Origin-Resource-Policy": {"cross-origin"},
	"Cache-Control":                {"no-cache"},
}

// getImage responds to GET and HEAD with an image or a variant of it, or with a range of its
// bytes.
func (s *Server) getImage(c echo.Context) error {
	maps.Copy(c.Response().Header(), imageHeader)
	var want imageQuery
	if q := c.Request().URL.RawQuery; q != "" { // most requests have none
		var err error
		if want, err = parseImageQuery(q, c.Request().Header.Values(echo.HeaderAccept)); err != nil {
			return err
		}
	}
	err := s.sendImage(c, want)
	if errors.Is(err, variants.ErrReplaced) {
		err = s.sendImage(c, want)
	}
	if (errors.Is(err, db.ErrDamaged) || errors.Is(err, db.ErrUnavailable) || errors.Is(err, variants.ErrTakenBack)) && c.Response().Committed {
		s.o.Log.Error("image cut off", "image", imageName(c), "err", err)
		panic(http.ErrAbortHandler) // the client must see that bytes are missing
	}
	return err
}

// imageQuery has the parameters of the URL of an image.
type imageQuery struct {
	version  string          // the digest that the image must have, or empty
	download bool            // send it as an attachment
	variant  *resize.Request // nil for the image itself
	instead  bool            // another picture is sent because the variant cannot be made now

	// negotiated is set if the Accept header decides about the format of the variant.
	negotiated bool
}

func parseImageQuery(raw string, accept []string) (want imageQuery, err error) {
	q, err := parseQuery(raw)
	if err != nil {
		return want, err
	}
	want.version, want.download = q.Get("v"), q.Has("download")
	want.negotiated = automatic(q)
	want.variant, err = variantRequest(q, accept)
	return want, err
}

// sendImage responds with the image under the name in the path, or with a variant of it.
func (s *Server) sendImage(c echo.Context, want imageQuery) error {
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
	if want.variant == nil {
		return s.send(c, img, body, want)
	}
	v, err := s.variants.Plan(img, body, *want.variant, access.Network(c.RealIP()))
	if err == nil {
		body.Close() // the client may wait long for the variant
		err = s.sendVariant(c, v, want)
	}
	if want.negotiated && want.variant.Format == format.WebP && (noWebP(err) || tooHard(err)) {
		other := *want.variant
		other.Format = ""
		want.variant, want.instead = &other, true
		return s.sendImage(c, want)
	}
	if errors.Is(err, variants.ErrNoEncoder) {
		err = variants.ErrNotNow
	}
	if tooHard(err) {
		h := c.Response().Header()
		h.Set(echo.HeaderVary, "Accept, Sec-Fetch-Dest")
		if showsPicture(c.Request()) {
			err = variants.ErrNotNow // a cache must not send the original to a program that should get the error
		}
	}
	if notNow := errors.Is(err, variants.ErrNotNow); notNow || errors.Is(err, variants.ErrOriginal) {
		want.variant, want.instead = nil, want.instead || notNow
		return s.sendImage(c, want)
	}
	return err
}

// noWebP reports whether err means that a WebP cannot be made, but another format could be.
func noWebP(err error) bool {
	return errors.Is(err, variants.ErrNoEncoder) || errors.Is(err, variants.ErrEncoder)
}

// tooHard reports whether err means that a picture is not damaged, but needs too much memory
// or time, or is too long for the format.
func tooHard(err error) bool {
	return slices.ContainsFunc([]error{resize.ErrTooLong, variants.ErrTooManyPixels, variants.ErrMemory, variants.ErrTooSlow}, func(hard error) bool { return errors.Is(err, hard) })
}

// showsPicture reports whether a browser requests a picture to show, as for an img element.
// An error would leave a gap in the page, or break srcset, although the browser can show the
// original. Programs get the error.
func showsPicture(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Dest") == "image" || strings.Contains(r.Header.Get(echo.HeaderAccept), "image/")
}

// sendVariant responds with a variant of an image. If the stored variant is damaged,
// sendVariant makes it again. It sends the new variant only if the response has not begun.
func (s *Server) sendVariant(c echo.Context, v *variants.Variant, want imageQuery) error {
	ctx := c.Request().Context()
	img, content, err := s.variants.Get(ctx, v)
	if err != nil {
		return err
	}
	err = s.send(c, img, content, want)
	content.Close()
	if !errors.Is(err, db.ErrDamaged) {
		return err
	}
	img, content, again := s.variants.Remake(ctx, v, err)
	if again == nil {
		defer content.Close()
	}
	switch {
	case c.Response().Committed:
		return err // the next request gets an undamaged variant
	case again != nil:
		return again
	}
	return s.send(c, img, content, want)
}
