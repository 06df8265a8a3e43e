package access

import (
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// CORS returns middleware that lets pages of CORSOrigins use the paths in Shared. These pages
// can read all responses, errors too. The browser sends no cookies. On a server with an
// access token the pages can use every path, because there the token decides.
func (p *Policy) CORS() echo.MiddlewareFunc {
	look := []string{http.MethodGet, http.MethodHead, http.MethodPost}
	keyed := append(look[:3:3], http.MethodDelete)
	methods := look
	if p.o.Token != "" {
		methods = append(keyed, http.MethodPut)
	}
	ordinary, withKey := p.corsOf(methods), p.corsOf(keyed)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		byPage, byPageWithKey := ordinary(next), withKey(next)
		return func(c echo.Context) error {
			r := c.Request()
			if len(r.Header["Origin"]) == 0 && r.Method != http.MethodOptions && !p.skipCORS(c) {
				c.Response().Header()[echo.HeaderVary] = varyOrigin
				return next(c)
			}
			next := byPage
			if p.o.Keyed(r.URL.Path) {
				next = byPageWithKey
			}
			// With this header a browser asks whether a public page may send requests
			// to a private address (Private Network Access).
			if c.Request().Header.Get("Access-Control-Request-Private-Network") == "true" {
				c.Response().Header().Set("Access-Control-Allow-Private-Network", "true")
			}
			return next(c)
		}
	}
}

// varyOrigin is the only field that CORS sets if no page sends the request. All such
// responses share it, so no code may change it.
var varyOrigin = []string{"Origin"}

// skipCORS reports whether pages of other origins may not read the response.
func (p *Policy) skipCORS(c echo.Context) bool {
	return len(p.o.CORSOrigins) == 0 || p.o.Token == "" && !p.o.Shared(c.Request().URL.Path)
}

// corsOf returns the middleware for these methods.
func (p *Policy) corsOf(methods []string) echo.MiddlewareFunc {
	return middleware.CORSWithConfig(middleware.CORSConfig{
		Skipper:       p.skipCORS,
		AllowOrigins:  p.o.CORSOrigins,
		AllowMethods:  methods,
		ExposeHeaders: []string{"Location", "ETag", "Link", "Retry-After", "Content-Disposition", "Content-Range", "X-Result-Width", "X-Result-Height"},
		MaxAge:        86400,
	})
}
