package access

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"imageserver/api/listen"
)

// clientHeaders are the headers in which proxies and tunnels name the client
// that they forward a request for.
var clientHeaders = []string{
	"X-Forwarded-For", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Envoy-External-Address",
	"Cf-Connecting-Ip", "True-Client-Ip", "Fastly-Client-Ip", "Fly-Client-Ip",
}

// remote reports whether the request comes from another machine, or through a
// proxy or tunnel that may forward requests from other machines. Everything that
// connects to a loopback address looks local, and a tunnel can rewrite Host to
// localhost. But most tunnels add headers to the request.
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

// anonymouslyForwarded reports whether a proxy sends the request without saying for whom.
// If only proxy_pass is configured, nginx adds no header, and the Host is the address in
// proxy_pass. But it uses HTTP/1.0 and sends "Connection: close" (tried with nginx 1.22).
// Programs on this machine rarely use HTTP/1.0 with "Connection: close". For example,
// curl -0 does not send it.
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
