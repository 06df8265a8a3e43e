package access

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// ClientAddress returns the address of the client. This is the address of the peer. If the
// peer is a trusted proxy, it is the last address in X-Forwarded-For that does not belong
// to a trusted proxy. A program that connects to a unix socket has no address: then the
// result is "".
func (p *Policy) ClientAddress(r *http.Request) string {
	peer, trusted := p.peer(r)
	client := ""
	if peer.IsValid() {
		client = peer.String()
	}
	if !trusted {
		return client
	}
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, text := range slices.Backward(forwarded) {
		a, err := parseAddress(text)
		if err != nil {
			break
		}
		if client = a.String(); !p.trusts(a) {
			break
		}
	}
	return client
}

// peer returns the address of the other end of the connection, and whether that is a
// trusted proxy. A unix socket has no address: then the result is the zero Addr.
func (p *Policy) peer(r *http.Request) (address netip.Addr, trusted bool) {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil { // a unix socket
		return netip.Addr{}, p.o.TrustUnix
	}
	address = a.Addr().Unmap()
	return address, p.trusts(address)
}

func (p *Policy) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(p.o.TrustedProxies, func(n netip.Prefix) bool { return n.Contains(a) })
}

// BaseURL returns the beginning of the server's absolute URLs, without a slash at the end.
func (p *Policy) BaseURL(c echo.Context) string {
	if p.o.BaseURL != nil {
		return strings.TrimSuffix(p.o.BaseURL.String(), "/")
	}
	r := c.Request()
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if _, trusted := p.peer(r); trusted {
		// With several proxies in a row, the first value is the one the client used.
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
