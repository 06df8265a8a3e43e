package api

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"
)

// plainQuery refuses a query that cannot be read whole. What net/http makes of it
// leaves out the pairs that are broken, and one of those may have said that the
// image is to be stripped, or not to be kept.
func plainQuery(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if raw := c.Request().URL.RawQuery; raw != "" {
			if _, err := parseQuery(raw); err != nil {
				return err
			}
		}
		return next(c)
	}
}

func parseQuery(raw string) (url.Values, error) {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "bad_query", "The part of the URL behind the question mark cannot be read: parameters are separated by &, and %% begins an escape.")
	}
	return q, nil
}

// flag reads a parameter that is set or not: alone, or with 1 or true, or 0 or
// false.
func flag(q url.Values, name string) (bool, error) {
	if !q.Has(name) {
		return false, nil
	}
	switch v := q.Get(name); v {
	case "", "1", "true":
		return true, nil
	case "0", "false":
		return false, nil
	default:
		return false, refuse(http.StatusBadRequest, "bad_flag", "%s=%.40s is neither yes nor no: leave it out, or write %s, %s=1 or %s=0.", name, v, name, name, name)
	}
}
