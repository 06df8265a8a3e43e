package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
	"imageserver/api/refusal"
)

// variantRequest reads the parameters of a resized copy. It returns nil if there are none. With
// format=auto, accept decides: it has the Accept fields of the request.
func variantRequest(q url.Values, accept []string) (*resize.Request, error) {
	still, err := flag(q, "still")
	if err != nil {
		return nil, err
	}
	asked := still
	for _, name := range []string{"w", "h", "fit", "focus", "format", "q"} {
		asked = asked || q.Has(name)
	}
	if !asked {
		return nil, nil
	}
	want := resize.Request{Still: still}
	if want.Width, err = pixelsOf(q, "w", "width"); err != nil {
		return nil, err
	}
	if want.Height, err = pixelsOf(q, "h", "height"); err != nil {
		return nil, err
	}
	if want.Cover, err = fitOf(q); err != nil {
		return nil, err
	}
	if want.Focus, err = focusOf(q, want.Cover); err != nil {
		return nil, err
	}
	if want.Format, err = formatOf(q, accept); err != nil {
		return nil, err
	}
	if want.Quality, err = qualityOf(q); err != nil {
		return nil, err
	}
	if want.Cover && (want.Width == 0 || want.Height == 0) {
		return nil, refusal.New(http.StatusBadRequest, "bad_fit", "fit=cover fills a box, so it needs both w and h.")
	}
	return &want, nil
}

// pixelsOf reads a length in pixels and rounds it up to the next step. It is 0 if it
// is missing.
func pixelsOf(q url.Values, name, what string) (int, error) {
	if !q.Has(name) {
		return 0, nil
	}
	n, ok := digits(q.Get(name))
	if !ok || n < 1 || n > resize.MaxSide {
		return 0, refusal.New(http.StatusBadRequest, "bad_"+what, "%s=%.40s is not a valid %s. Use a number of pixels from 1 to %d.", name, q.Get(name), what, resize.MaxSide)
	}
	return resize.Step(n), nil
}

// digits reads a number without a sign.
func digits(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err == nil
}

func qualityOf(q url.Values) (int, error) {
	if !q.Has("q") {
		return resize.DefaultQuality, nil
	}
	n, ok := digits(q.Get("q"))
	if !ok || n < 1 || n > 100 {
		return 0, refusal.New(http.StatusBadRequest, "bad_quality", "q=%.40s is not a valid quality. Use a number from 1 to 100.", q.Get("q"))
	}
	return resize.Quality(n), nil
}

func fitOf(q url.Values) (cover bool, err error) {
	switch fit := q.Get("fit"); {
	case fit == "cover":
		return true, nil
	case fit == "contain" || !q.Has("fit"):
		return false, nil
	default:
		return false, refusal.New(http.StatusBadRequest, "bad_fit", "fit=%.40s is not valid. Use contain or cover.", fit)
	}
}

// focusOf reads the point that a crop keeps in view.
func focusOf(q url.Values, cover bool) (resize.Focus, error) {
	if !q.Has("focus") {
		return resize.Focus{}, nil
	}
	left, top, _ := strings.Cut(q.Get("focus"), ",")
	x, okX := share(left)
	y, okY := share(top)
	switch {
	case !okX || !okY:
		return resize.Focus{}, refusal.New(http.StatusBadRequest, "bad_focus", "focus=%.40s is not a valid point. Use two numbers from 0 to 1, such as 0.5,0.25.", q.Get("focus"))
	case !cover:
		return resize.Focus{}, refusal.New(http.StatusBadRequest, "bad_focus", "focus chooses the part of the picture that fit=cover shows, so it needs fit=cover.")
	}
	return resize.FocusOn(x, y), nil
}

// share reads a decimal number from 0 to 1. strconv alone would also accept 1e-2 and 0x1p-2.
func share(text string) (float64, bool) {
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && n <= 1 && strings.Trim(text, "0123456789.") == ""
}

func formatOf(q url.Values, accept []string) (format.Type, error) {
	switch {
	case automatic(q) && acceptsWebP(accept):
		return format.WebP, nil
	case automatic(q), !q.Has("format"):
		return "", nil
	}
	t, err := format.Parse(q.Get("format"))
	if err != nil || t != format.JPEG && t != format.PNG && t != format.WebP {
		return "", refusal.New(http.StatusBadRequest, "bad_format", "format=%.40s is not valid. Use jpeg, png, webp or auto.", q.Get("format"))
	}
	return t, nil
}

// automatic reports whether the Accept header decides about the format.
func automatic(q url.Values) bool { return strings.EqualFold(q.Get("format"), "auto") }

// acceptsWebP reports whether the Accept fields of a request name image/webp (RFC 9110 section
// 12.5.1). Programs that send */* or image/* may not know WebP.
func acceptsWebP(accept []string) bool {
	for _, element := range strings.Split(strings.Join(accept, ","), ",") {
		kind, parameters, _ := strings.Cut(element, ";")
		if strings.EqualFold(strings.TrimSpace(kind), "image/webp") && weight(parameters) > 0 {
			return true
		}
	}
	return false
}

// weight returns the parameter q, which is 1 if it is missing, and 0 if it is not a number.
func weight(parameters string) float64 {
	for _, p := range strings.Split(parameters, ";") {
		name, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			q, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return q
		}
	}
	return 1
}

// varyByAccept adds Vary: Accept to each response to a URL with format=auto, also to errors and
// to originals. Without it, a cache could send a WebP to a client that did not ask for WebP.
func varyByAccept(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		// Few requests pass the first check, which is cheap. An escape (%) may hide the name.
		if raw := c.Request().URL.RawQuery; strings.Contains(raw, "format") || strings.Contains(raw, "%") {
			if q, _ := url.ParseQuery(raw); automatic(q) {
				w := c.Response()
				w.Before(func() { w.Header().Add(echo.HeaderVary, echo.HeaderAccept) })
			}
		}
		return next(c)
	}
}
