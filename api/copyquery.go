package api

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
	"imageserver/api/refusal"
)

// copyRequest reads the parameters of a resized copy. It returns nil if there are
// none.
func copyRequest(q url.Values) (*resize.Request, error) {
	asked := false
	for _, name := range []string{"w", "h", "fit", "format", "q"} {
		asked = asked || q.Has(name)
	}
	if !asked {
		return nil, nil
	}
	w, errW := pixelsOf(q, "w", "width")
	h, errH := pixelsOf(q, "h", "height")
	quality, errQ := qualityOf(q)
	cover, errFit := fitOf(q)
	kind, errFormat := formatOf(q)
	if err := errors.Join(errW, errH, errFit, errFormat, errQ); err != nil {
		return nil, err
	}
	if cover && (w == 0 || h == 0) {
		return nil, refusal.New(http.StatusBadRequest, "bad_fit", "fit=cover fills a box, so it needs both w and h.")
	}
	return &resize.Request{Width: w, Height: h, Cover: cover, Format: kind, Quality: quality}, nil
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

func formatOf(q url.Values) (format.Type, error) {
	if !q.Has("format") {
		return "", nil
	}
	t, err := format.Parse(q.Get("format"))
	if err != nil || t != format.JPEG && t != format.PNG {
		return "", refusal.New(http.StatusBadRequest, "bad_format", "format=%.40s is not valid. Use jpeg or png.", q.Get("format"))
	}
	return t, nil
}
