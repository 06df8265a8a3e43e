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

	"imageserver/api/listen"
	"imageserver/api/refusal"
)

var (
	errToken    = refusal.New(http.StatusUnauthorized, "token", "This server requires its access token: send the header “Authorization: Bearer TOKEN”.")
	errRemote   = refusal.New(http.StatusForbidden, "remote", "Only programs on the server's own machine may do this, and another machine, a proxy or a tunnel sent this request. The server's operator can start it with --token=SECRET or --open.")
	errCrossing = refusal.New(http.StatusForbidden, "cross_origin", "A page of another site may not do this. Use the server's own page, or its token.")
)

// bears reports whether the request carries the token.
func (s *Server) bears(c echo.Context) bool {
	scheme, token, _ := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
	// Digests have one length, so the time tells nothing about the token.
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return s.o.Token != "" && strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(sum[:], s.token[:]) == 1
}

// bearer requires the access token if the server has one. A private server
// requires that the request comes from its own machine.
func (s *Server) bearer(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		switch {
		case s.o.Token != "" && !s.bears(c):
			return errToken
		case s.o.Private && remote(c.Request()):
			return errRemote
		}
		return next(c)
	}
}

// clientHeaders are the headers in which proxies and tunnels name the client
// that they forward a request for.
var clientHeaders = []string{
	"X-Forwarded-For", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Envoy-External-Address",
	"Cf-Connecting-Ip", "True-Client-Ip", "Fastly-Client-Ip", "Fly-Client-Ip",
}

// remote reports whether the request comes from another machine, or through a
// proxy or tunnel that may forward requests from other machines. Everything that
// connects to a loopback address looks local, and a tunnel can rewrite Host to
// localhost. What a tunnel adds to the request gives it away.
//
// A client that forges these headers only loses rights. A tunnel that adds
// nothing cannot be noticed.
func remote(r *http.Request) bool {
	clients := forwardedClients(r.Header)
	for _, client := range clients {
		if !loopbackAddress(client) {
			return true
		}
	}
	for _, host := range append(r.Header.Values("X-Forwarded-Host"), r.Host) {
		if host = firstOf(host); host != "" && !listen.LocalName(hostName(host)) {
			return true
		}
	}
	return anonymouslyForwarded(r, len(clients) > 0)
}

// forwardedClients returns the clients that the request is forwarded for, as the
// headers name them.
func forwardedClients(h http.Header) (clients []string) {
	for _, name := range clientHeaders {
		for _, value := range h.Values(name) {
			clients = append(clients, strings.Split(value, ",")...)
		}
	}
	for _, value := range h.Values("Forwarded") { // RFC 7239
		for pair := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == ';' }) {
			if key, client, _ := strings.Cut(strings.TrimSpace(pair), "="); strings.EqualFold(key, "for") {
				clients = append(clients, strings.Trim(client, `"`))
			}
		}
	}
	return clients
}

// anonymouslyForwarded reports whether a proxy sends the request without saying
// for whom. nginx, where only proxy_pass is configured, adds no header and calls
// the server by the address in proxy_pass, but uses HTTP/1.0 and sends
// "Connection: close" (tried with 1.22). Clients on this machine rarely send both:
// curl -0 does not.
func anonymouslyForwarded(r *http.Request, named bool) bool {
	has := func(name string) bool { return len(r.Header.Values(name)) > 0 }
	switch {
	case has("Via"), has("Cdn-Loop"): // RFC 9110 section 7.6.3, RFC 8586
		return true
	case !r.ProtoAtLeast(1, 1) && strings.EqualFold(r.Header.Get("Connection"), "close"):
		return true
	}
	return !named && slices.ContainsFunc([]string{"Forwarded", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server"}, has)
}

// loopbackAddress reports whether text is a loopback address.
func loopbackAddress(text string) bool {
	a, err := parseAddress(text)
	return err == nil && a.IsLoopback()
}

// parseAddress reads an IP address with or without a port, as proxies write it.
func parseAddress(text string) (netip.Addr, error) {
	text = strings.TrimSpace(text)
	if a, err := netip.ParseAddrPort(text); err == nil {
		return a.Addr().Unmap(), nil
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return a.Unmap(), err
}

// hostName returns a host without its port and without the brackets of an IPv6
// address.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.Trim(host, "[]")
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

// local rejects, on a server that listens on loopback, every host name that
// somebody else could point to this machine (DNS rebinding). Addresses and
// localhost are never looked up. A request without a host comes from a program,
// such as the health check of a load balancer: browsers always send one.
func (s *Server) local(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.o.LocalOnly && !s.ours(c.Request().Host) {
			return refusal.New(http.StatusMisdirectedRequest, "wrong_host", "This server does not know the host name %q. Use its address, or start it with --base-url.", c.Request().Host)
		}
		return next(c)
	}
}

func (s *Server) ours(host string) bool {
	if host == "" {
		return true
	}
	name := hostName(host)
	// A zone, which begins with %, can contain any text.
	if a, err := netip.ParseAddr(name); err == nil {
		return a.Zone() == ""
	}
	return listen.LocalName(name) || s.o.BaseURL != nil && strings.EqualFold(strings.TrimSuffix(name, "."), s.o.BaseURL.Hostname())
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

// clientAddress returns the address of the client: that of the peer or, if the
// peer is a trusted proxy, the last address in X-Forwarded-For that is not a
// trusted proxy's. Without an address, as for a program behind a unix socket, it
// returns "".
func (s *Server) clientAddress(r *http.Request) string {
	client, trusted := s.peer(r)
	if !trusted {
		return client
	}
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, text := range slices.Backward(forwarded) {
		a, err := parseAddress(text)
		if err != nil {
			break
		}
		if client = a.String(); !s.trusts(a) {
			break
		}
	}
	return client
}

// peer returns the address of who connected, and whether that is a trusted proxy.
func (s *Server) peer(r *http.Request) (address string, trusted bool) {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil { // a unix socket
		return "", s.o.TrustUnix
	}
	return a.Addr().Unmap().String(), s.trusts(a.Addr().Unmap())
}

func (s *Server) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(s.o.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
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
	if _, trusted := s.peer(r); trusted {
		// The first value is the one the client used, if proxies stand in a row.
		if v := firstOf(r.Header.Get("X-Forwarded-Proto")); v == "http" || v == "https" {
			scheme = v
		}
		if v := firstOf(r.Header.Get("X-Forwarded-Host")); isHost(v) {
			host = v
		}
	}
	if host == "" { // HTTP/1.0
		host = "localhost"
		if a, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
			host = a.String()
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
