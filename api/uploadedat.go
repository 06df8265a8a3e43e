package api

import (
	"net/http"
	"slices"
	"time"

	"imageserver/api/refusal"
)

const (
	// maxSkew is how far a client's clock may be ahead of the server's.
	maxSkew = time.Minute
	// firstYear is the earliest year of a time in a request. A store cannot save a time
	// before 1678: see db.FirstTime.
	firstYear = 1700
)

// uploadedAt returns the time in the Uploaded-At header of a request, or the zero
// time. HTTP has no header for it: Last-Modified belongs to responses (RFC 9110
// section 8.8.2), and Date is the time of the request.
func uploadedAt(h http.Header, now time.Time) (time.Time, error) {
	said := slices.Compact(slices.Clone(h.Values("Uploaded-At")))
	if len(said) == 0 {
		return time.Time{}, nil
	}
	at, ok := timeOf(said[0])
	switch {
	case len(said) > 1 || !ok:
		return at, refusal.New(http.StatusBadRequest, "bad_uploaded_at", "Uploaded-At: %.40s is not a valid upload time. Use the format of RFC 3339, such as 2024-05-01T12:00:00Z.", said[0])
	case at.After(now.Add(maxSkew)):
		return at, refusal.New(http.StatusBadRequest, "bad_uploaded_at", "Uploaded-At: %.40s is in the future. The time here is %s.", said[0], now.UTC().Format(time.RFC3339))
	}
	return at, nil
}

// timeOf reads a time in the format of RFC 3339, with up to nine digits after the second.
func timeOf(v string) (at time.Time, ok bool) {
	at, err := time.Parse(time.RFC3339Nano, v)
	return at, err == nil && at.UTC().Year() >= firstYear
}
