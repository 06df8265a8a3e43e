package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

var (
	errToken    = refuse(http.StatusUnauthorized, "token", "This server wants its token: send the header “Authorization: Bearer TOKEN”.")
	errCrossing = refuse(http.StatusForbidden, "cross_origin", "A page of another site may not do this. Use the server's own page, or its token.")
)

// bears reports whether the request carries the token.
func (s *Server) bears(c echo.Context) bool {
	scheme, token, _ := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
	// Digests have one length, so the time tells nothing about the token.
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return s.o.Token != "" && strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(sum[:], s.token[:]) == 1
}

// bearer wants the token, when the server has one.
func (s *Server) bearer(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.o.Token != "" && !s.bears(c) {
			return errToken
		}
		return next(c)
	}
}

// guest refuses the uploads of pages that --cors-origin leaves out: a form is
// sent without asking, and that its sender cannot read the answer undoes nothing.
func (s *Server) guest(next echo.HandlerFunc) echo.HandlerFunc {
	if slices.Contains(s.o.CORSOrigins, "*") {
		return next
	}
	return s.sameOrigin(s.invited, next)
}

// own refuses what a browser sends for a page of another origin, unless that
// page knows the token.
func (s *Server) own(next echo.HandlerFunc) echo.HandlerFunc {
	return s.sameOrigin(s.crossing, next)
}

func (s *Server) sameOrigin(p *http.CrossOriginProtection, next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.foreign(p, c) {
			return errCrossing
		}
		return next(c)
	}
}

// foreign reports whether a browser sends the request for a page of an origin
// that p does not trust, and without the token.
func (s *Server) foreign(p *http.CrossOriginProtection, c echo.Context) bool {
	r := *c.Request()
	r.Method = http.MethodPost // what only looks would pass unchecked
	return p.Check(&r) != nil && !s.bears(c)
}

// local refuses, on a server for this machine alone, a Host that someone else
// could make to point here. Addresses and localhost are never looked up.
func (s *Server) local(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.o.LocalOnly && !s.ours(c.Request().Host) {
			return refuse(http.StatusMisdirectedRequest, "wrong_host", "This server does not answer to the name %q. Use its address, or start it with --base-url.", c.Request().Host)
		}
		return next(c)
	}
}

func (s *Server) ours(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	// After the % of a zone anything may stand.
	if a, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil && a.Zone() == "" {
		return true
	}
	name = strings.TrimSuffix(name, ".")
	return strings.EqualFold(name, "localhost") || s.o.BaseURL != nil && strings.EqualFold(name, s.o.BaseURL.Hostname())
}

// cors opens uploading and looking, at the API's limits and description too, to the pages
// of other origins, without credentials, errors included. On a server with a
// token all of the API is open to them: there the token decides.
func (s *Server) cors() echo.MiddlewareFunc {
	look := []string{http.MethodGet, http.MethodHead, http.MethodPost}
	keyed := append(look[:3:3], http.MethodDelete) // for who has the key of an image
	methods := look
	if s.o.Token != "" {
		methods = append(keyed, http.MethodPut)
	}
	ordinary, withKey := s.corsOf(methods), s.corsOf(keyed)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		plain, key := ordinary(next), withKey(next)
		return func(c echo.Context) error {
			next := plain
			if strings.HasPrefix(c.Request().URL.Path, deletePath) {
				next = key
			}
			// A public page that wants to reach a private address is asked
			// for this by browsers with Private Network Access.
			if c.Request().Header.Get("Access-Control-Request-Private-Network") == "true" {
				c.Response().Header().Set("Access-Control-Allow-Private-Network", "true")
			}
			return next(c)
		}
	}
}

// corsOf is the middleware for these methods.
func (s *Server) corsOf(methods []string) echo.MiddlewareFunc {
	return middleware.CORSWithConfig(middleware.CORSConfig{
		Skipper: func(c echo.Context) bool {
			return len(s.o.CORSOrigins) == 0 || s.o.Token == "" && !shared(c.Request().URL.Path)
		},
		AllowOrigins:  s.o.CORSOrigins,
		AllowMethods:  methods,
		ExposeHeaders: []string{"Location", "ETag", "Link", "Retry-After", "Content-Disposition", "Content-Range", "X-Result-Width", "X-Result-Height"},
		MaxAge:        86400,
	})
}

// shared reports whether a path is for the pages of other origins too.
func shared(path string) bool {
	return path == "/upload" || path == "/limits" || path == "/openapi.json" || strings.HasPrefix(path, "/images/") || strings.HasPrefix(path, deletePath)
}

// clientAddress finds the client's address: the peer's, or what the trusted
// proxies say of theirs.
func clientAddress(proxies []netip.Prefix) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		options = append(options, echo.TrustIPRange(&net.IPNet{
			IP:   p.Masked().Addr().AsSlice(),
			Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen()),
		}))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}

// proxied reports whether the request comes from a trusted proxy.
func (s *Server) proxied(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	for _, p := range s.o.TrustedProxies {
		if p.Contains(peer.Addr().Unmap()) {
			return true
		}
	}
	return false
}

// base is what the server's absolute URLs begin with, without a last slash.
func (s *Server) base(c echo.Context) string {
	if s.o.BaseURL != nil {
		return strings.TrimSuffix(s.o.BaseURL.String(), "/")
	}
	r := c.Request()
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if s.proxied(r) {
		// The first value is the one the client used, if proxies stand in a row.
		if v := firstOf(r.Header.Get("X-Forwarded-Proto")); v == "http" || v == "https" {
			scheme = v
		}
		if v := firstOf(r.Header.Get("X-Forwarded-Host")); isHost(v) {
			host = v
		}
	}
	return scheme + "://" + host
}

// isHost reports whether text can be the host of a URL, with or without a port.
func isHost(text string) bool {
	u, err := url.Parse("http://" + text)
	return err == nil && text != "" && u.Host == text && !strings.ContainsAny(text, "\"<>\\")
}

func firstOf(list string) string {
	v, _, _ := strings.Cut(list, ",")
	return strings.TrimSpace(v)
}
