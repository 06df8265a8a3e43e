package api

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"imageserver/api/refusal"
)

// plainQuery rejects a query that is not completely valid. net/http drops the pairs
// that it cannot parse, and one of them may have asked to strip the image or to let
// it expire.
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

// query returns the parameters of the URL, or nil if it has none.
func query(c echo.Context) url.Values {
	if c.Request().URL.RawQuery == "" {
		return nil // url.ParseQuery would make a map
	}
	return c.QueryParams()
}

func parseQuery(raw string) (url.Values, error) {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return nil, refusal.New(http.StatusBadRequest, "bad_query", "The query of the URL is not valid. Separate parameters by &, and write %% only in escapes such as %%20.")
	}
	return q, nil
}

// flag reads a boolean parameter: without a value, or with 1, true, 0 or false.
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
		return false, refusal.New(http.StatusBadRequest, "bad_flag", "%s=%.40s is not valid. Leave it out, or use %s, %s=1 or %s=0.", name, v, name, name, name)
	}
}
