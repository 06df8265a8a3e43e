package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// prefix is the path of --base-url, such as /img, under which a proxy serves this
// server. A proxy may remove it from the request or leave it there: both work.
type prefix struct{ path, escaped string }

// newPrefix returns the prefix of base, which may be nil. It is empty when its first
// element is one that the server's own paths begin with, as in own: /images/a.png
// could then mean two things, and the proxy must remove the prefix.
func newPrefix(base *url.URL, own []*echo.Route) prefix {
	if base == nil {
		return prefix{}
	}
	first := func(path string) string {
		name, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		return name
	}
	p := prefix{strings.TrimRight(base.Path, "/"), strings.TrimRight(base.EscapedPath(), "/")}
	if slices.ContainsFunc(own, func(r *echo.Route) bool { return first(r.Path) == first(p.path) }) {
		return prefix{}
	}
	return p
}

// remove returns the request without the prefix.
func (p prefix) remove(r *http.Request) *http.Request {
	rest, found := strings.CutPrefix(r.URL.Path, p.path)
	if p.path == "" || !found || rest != "" && rest[0] != '/' {
		return r
	}
	inner, u := *r, *r.URL
	inner.URL, u.Path = &u, "/"+strings.TrimPrefix(rest, "/")
	// Path alone says what is meant when RawPath is spelled another way.
	if u.RawPath, found = strings.CutPrefix(u.RawPath, p.escaped); !found {
		u.RawPath = ""
	}
	return &inner
}

// slash redirects a browser that asks for the page without the slash at the end
// of its address, because the links of the page are relative to that.
func (s *Server) slash(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		path, query, found := strings.Cut(c.Request().RequestURI, "?")
		if s.prefix.path == "" || strings.HasSuffix(path, "/") {
			return next(c)
		}
		to := s.access.BaseURL(c) + "/"
		if found {
			to += "?" + query
		}
		return c.Redirect(http.StatusPermanentRedirect, to)
	}
}
