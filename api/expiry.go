package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxLife is the longest that an image may be stored for, if not for ever.
const maxLife = 10 * 365 * 24 * time.Hour

// expiresIn finds how long an image is to live: in the form's field, or else in
// the query, or else in the header. It is empty for ever.
func expiresIn(r *http.Request, field string) (string, error) {
	if field != "" {
		return field, nil
	}
	said := r.Header.Values("Expires-In")
	if q := r.URL.Query(); q.Get("expires_in") != "" || len(q["expires_in"]) > 1 {
		said = q["expires_in"]
	}
	switch said = slices.Compact(said); len(said) {
	case 0:
		return "", nil
	case 1:
		return said[0], nil
	}
	return "", refuse(http.StatusBadRequest, "bad_expiry", "expires_in is given more than once, with different values. Give it once.")
}

// expiry returns when an image goes that is stored now and is to live as long as
// text says; never is the zero time.
func expiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	d, ok := ParseLife(text)
	if !ok || d < time.Second || d > maxLife {
		return time.Time{}, refuse(http.StatusBadRequest, "bad_expiry", "expires_in=%.40s is no time that an image can live: give seconds, or a number with s, m, h, d or w, such as 30m, 12h or 7d; ten years at most.", text)
	}
	return now.Add(d), nil
}

// ParseLife reads a time that an image is to be kept: a number of seconds, or what
// time.ParseDuration reads, or a number of days or weeks, such as 7d or 2w.
func ParseLife(text string) (time.Duration, bool) {
	unit := time.Second
	number := text
	switch {
	case strings.HasSuffix(text, "d"):
		number, unit = strings.TrimSuffix(text, "d"), 24*time.Hour
	case strings.HasSuffix(text, "w"):
		number, unit = strings.TrimSuffix(text, "w"), 7*24*time.Hour
	}
	if n, err := strconv.ParseUint(number, 10, 63); err == nil {
		return time.Duration(n) * unit, n <= uint64(maxLife/unit)
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}
