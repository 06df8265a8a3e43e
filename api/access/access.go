// Package access decides who may do what. It knows the access token, the origins of pages,
// host names, proxies and upload rates.
package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"imageserver/api/listen"
	"imageserver/api/refusal"
	"imageserver/api/units"
)

// Options are the rules of a Policy. The zero value lets everyone do everything.
type Options struct {
	// Token, if it is not empty, must come as a bearer token (RFC 6750) with every
	// request that RequireToken guards.
	Token string

	// Private is set for a server without --token and without --open. Requests that
	// RequireToken guards must then come from the server's own machine, and not
	// through a proxy or a tunnel.
	Private bool

	// LocalOnly refuses a request whose Host is a name, unless the name is localhost or
	// the host of BaseURL. A server that listens on a loopback address sets it. Another
	// site can make its own name point to this machine (DNS rebinding). With LocalOnly
	// the pages of that site cannot read anything.
	LocalOnly bool

	BaseURL        *url.URL       // the beginning of the URLs in responses; nil means as in the request
	CORSOrigins    []string       // the origins whose pages may upload and view images; nil means all, which is "*"
	TrustedProxies []netip.Prefix // the proxies whose X-Forwarded-… headers count
	TrustUnix      bool           // whether the headers of clients of a unix socket count

	// Rate is how often a client may upload, with or without the token. A client is an
	// IPv4 address or an IPv6 /64. If Meter is not nil, it counts for several servers
	// together.
	Rate  units.Rate
	Meter Meter

	// Shared reports whether pages of other origins may use a path without the token.
	// Keyed reports whether a path has a delete key, which is checked instead of the
	// token. If one of the functions is nil, the answer is false for every path.
	Shared, Keyed func(path string) bool
}

// Policy applies the rules of Options to requests. It is safe for concurrent use.
type Policy struct {
	o        Options
	token    [sha256.Size]byte           // the digest of Options.Token
	invited  *http.CrossOriginProtection // trusts CORSOrigins
	crossing *http.CrossOriginProtection // trusts no other origin
	uploads  *limiter
}

// New returns a Policy. An origin in CORSOrigins that is not valid matches no page.
func New(o Options) *Policy {
	if o.CORSOrigins == nil {
		o.CORSOrigins = []string{"*"}
	}
	none := func(string) bool { return false }
	if o.Shared == nil {
		o.Shared = none
	}
	if o.Keyed == nil {
		o.Keyed = none
	}
	p := &Policy{
		o:        o,
		token:    sha256.Sum256([]byte(o.Token)),
		invited:  http.NewCrossOriginProtection(),
		crossing: http.NewCrossOriginProtection(),
		uploads:  newLimiter(o.Rate),
	}
	for _, origin := range o.CORSOrigins {
		_ = p.invited.AddTrustedOrigin(origin)
	}
	return p
}

// The errors of requests that the policy refuses.
var (
	ErrToken       = refusal.New(http.StatusUnauthorized, "token", "This server requires its access token: send the header “Authorization: Bearer TOKEN”.")
	ErrRemote      = refusal.New(http.StatusForbidden, "remote", "Only programs on the server's own machine may do this. This request came from another machine, a proxy or a tunnel. The server's operator can start it with --token=SECRET or --open.")
	ErrCrossOrigin = refusal.New(http.StatusForbidden, "cross_origin", "A page of another site may not do this. Use the server's own page, or its token.")
)

// bears reports whether the request has the access token.
func (p *Policy) bears(c echo.Context) bool {
	scheme, token, _ := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
	// The digests have one length, so the time of the comparison reveals nothing.
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return p.o.Token != "" && strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(sum[:], p.token[:]) == 1
}

// RequireToken is middleware that requires the access token if the server has one. A
// private server requires that the request comes from its own machine.
func (p *Policy) RequireToken(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		switch {
		case p.o.Token != "" && !p.bears(c):
			return ErrToken
		case p.o.Private && remote(c.Request()):
			return ErrRemote
		}
		return next(c)
	}
}

// AllowedOrigin is middleware that rejects uploads from origins that are not in
// CORSOrigins. CORS alone is not enough: a browser sends a plain form without asking first.
// CORS then only hides the response, but the image is stored.
func (p *Policy) AllowedOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	if slices.Contains(p.o.CORSOrigins, "*") {
		return next
	}
	return p.sameOrigin(p.invited, next)
}

// SameOrigin is middleware that rejects what a browser sends for a page of another
// origin, unless that page knows the access token.
func (p *Policy) SameOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	return p.sameOrigin(p.crossing, next)
}

func (p *Policy) sameOrigin(trusted *http.CrossOriginProtection, next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if p.foreign(trusted, c) {
			return ErrCrossOrigin
		}
		return next(c)
	}
}

// CrossOrigin reports whether a browser sends the request for a page of another origin
// that does not know the access token.
func (p *Policy) CrossOrigin(c echo.Context) bool { return p.foreign(p.crossing, c) }

// foreign reports whether a browser sends the request for a page of an origin that is
// not trusted, and without the access token.
func (p *Policy) foreign(trusted *http.CrossOriginProtection, c echo.Context) bool {
	r := *c.Request()
	r.Method = http.MethodPost // Check lets GET pass
	return trusted.Check(&r) != nil && !p.bears(c)
}

// KnownHost is middleware that, with LocalOnly, rejects every host name that someone else
// could point to this machine (DNS rebinding). Addresses and localhost are never looked
// up. A request without a host comes from a program, such as the health check of a load
// balancer, because browsers always send one.
func (p *Policy) KnownHost(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if p.o.LocalOnly && !p.ours(c.Request().Host) {
			return refusal.New(http.StatusMisdirectedRequest, "wrong_host", "This server does not know the host name %q. Use its address, or start it with --base-url.", c.Request().Host)
		}
		return next(c)
	}
}

func (p *Policy) ours(host string) bool {
	if host == "" {
		return true
	}
	name := hostName(host)
	// The zone of an IPv6 address, which begins with %, can contain any text.
	if a, err := netip.ParseAddr(name); err == nil {
		return a.Zone() == ""
	}
	return listen.LocalName(name) || p.o.BaseURL != nil && strings.EqualFold(strings.TrimSuffix(name, "."), p.o.BaseURL.Hostname())
}
