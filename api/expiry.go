package api

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"imageserver/api/refusal"
	"imageserver/api/units"
)

// expiresIn returns the lifetime that a request gives an image: the form field, or
// else the query parameter, or else the header. It is empty for no expiry.
func expiresIn(h http.Header, q url.Values, field string) (string, error) {
	if field != "" {
		return field, nil
	}
	said := h.Values("Expires-In")
	if q.Get("expires_in") != "" || len(q["expires_in"]) > 1 {
		said = q["expires_in"]
	}
	switch said = slices.Compact(said); len(said) {
	case 0:
		return "", nil
	case 1:
		return said[0], nil
	}
	return "", refusal.New(http.StatusBadRequest, "bad_expiry", "expires_in is given more than once, with different values. Give it once.")
}

// expiry returns when an image expires that is stored now with the lifetime in
// text. The zero time means never.
func expiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	d, ok := units.ParseLifetime(text)
	if !ok || d < time.Second || d > units.MaxLifetime {
		return time.Time{}, refusal.New(http.StatusBadRequest, "bad_expiry", "expires_in=%.40s is not a valid lifetime. Use seconds, or a number with s, m, h, d or w, such as 30m, 12h or 7d, up to ten years.", text)
	}
	return now.Add(d), nil
}
