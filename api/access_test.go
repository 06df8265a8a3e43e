package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"imageserver/api/apitest"

	"imageserver/api"
	"imageserver/api/access"
)

// request is a request, made again for each use.
type request struct{ method, path, header, body string }

// requests returns one request of every kind that changes or shows something. The server
// must have cat.png.
func requests(t testing.TB) map[string]request {
	t.Helper()
	dog := apitest.Picture(t, 2, 0)
	return map[string]request{
		"upload":  {"POST", "/upload", apitest.FormType, apitest.Form(apitest.File("file", "dog.png", dog))},
		"replace": {"POST", "/upload?conflict=replace", apitest.FormType, apitest.Form(apitest.File("file", "cat.png", dog))},
		"put":     {"PUT", "/images/dog.png", "", dog},
		"delete":  {"DELETE", "/images/cat.png", "", ""},
		"list":    {"GET", "/images", "", ""},
		"get":     {"GET", "/images/cat.png", "", ""},
		"head":    {"HEAD", "/images/cat.png", "", ""},
		"archive": {"POST", "/archive", namesType, namesForm("cat.png")},
		"limits":  {"GET", "/limits", "", ""},
		"usage":   {"GET", "/usage", "", ""},
		"page":    {"GET", "/", "", ""},
		"livez":   {"GET", "/livez", "", ""},
		"readyz":  {"GET", "/readyz", "", ""},
		"healthz": {"HEAD", "/healthz", "", ""},
	}
}

// try sends one of requests to a new server and returns the response.
func try(t *testing.T, o api.Options, which, header string) (*apitest.Server, apitest.Answer) {
	t.Helper()
	store := apitest.NewStore(t)
	apitest.Serve(t, store, api.Options{}).Put(t, "/images/cat.png", apitest.Picture(t, 1, 0))
	s := apitest.Serve(t, store, o)
	r := requests(t)[which]
	if r.header != "" {
		header += "\n" + r.header
	}
	return s, s.Do(t, r.method, r.path, strings.TrimPrefix(header, "\n"), r.body)
}

// TestHost checks that a server for this machine alone serves no host name which others can
// point to it.
func TestHost(t *testing.T) {
	t.Parallel()
	base, err := url.Parse("https://img.example.com:8443/pictures")
	if err != nil {
		t.Fatal(err)
	}
	s := apitest.NewServer(t, api.Options{Access: access.Options{LocalOnly: true, BaseURL: base}})
	for _, host := range []string{
		"localhost", "localhost:5000", "LOCALHOST.", "localhost.:5000", "127.0.0.1", "127.0.0.1:5000", "127.255.0.1",
		"[::1]", "[::1]:5000", "192.168.1.7:5000", "img.localhost:5000", "a.b.LOCALHOST.", "img.example.com", "IMG.example.com:443", "img.example.com.",
	} {
		a := s.Do(t, "GET", "/livez", "Host: "+host, "")
		if a.Status != http.StatusOK {
			t.Errorf("Host: %s: got %s, want status 200", host, a)
		}
	}
	for i, host := range []string{
		"evil.com", "evil.com:5000", "127.0.0.1.nip.io", "127.0.0.1.evil.com", "localhost.evil.com", "evil-localhost", "localhost..",
		"example.com", "a.img.example.com", "[evil.com]", "[::1].evil.com", "localhost:5000:evil.com", "0x7f.1.evil.com", "[::1%25eth0].evil.com",
	} {
		for which, r := range requests(t) {
			if i > 0 && which != "upload" && which != "get" {
				continue // the check of the host is the same for all
			}
			a := s.Do(t, r.method, r.path, strings.TrimPrefix(r.header+"\nHost: "+host, "\n"), r.body)
			if a.Status != http.StatusMisdirectedRequest {
				t.Errorf("%s with Host: %s: got %s, want 421", which, host, a)
			} else if r.method != "HEAD" && !strings.Contains(a.Refusal(t, 421, "wrong_host").Message, "--base-url") {
				t.Errorf("Host: %s: %s should say what to do", host, a)
			}
			a.WantHeader(t, "Access-Control-Allow-Origin", "")
		}
	}
	if got := s.Stored(t); len(got) > 0 {
		t.Errorf("%q are stored, want nothing", got)
	}

	c := s.Dial(t) // net/http's client removes the zone
	io.WriteString(c, "GET /images HTTP/1.1\r\nHost:[::1%25eth0].evil.com\r\n\r\n")
	c.Answer(t, http.MethodGet).Refusal(t, 421, "wrong_host")
	for _, head := range []string{"HTTP/1.0\r\n", "HTTP/1.1\r\nHost:\r\n"} { // a browser sends neither
		c := s.Dial(t)
		io.WriteString(c, "GET /livez "+head+"\r\n")
		c.Answer(t, http.MethodGet).Want(t, http.StatusOK)
	}

	open := apitest.NewServer(t, api.Options{})
	open.Do(t, "GET", "/livez", "Host: images.example.com", "").Want(t, http.StatusOK)
}

// TestSimpleCORS checks that pages of any origin may upload and view images, and read
// errors.
func TestSimpleCORS(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	const page = "Origin: https://app.example\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: cors"
	cat := apitest.Picture(t, 1, 0)
	a := s.Do(t, "POST", "/upload", page+"\n"+apitest.FormType, apitest.Form(apitest.File("file", "cat.png", cat))).Want(t, http.StatusCreated)
	answers := map[string]apitest.Answer{
		"an upload":      a,
		"an image":       s.Do(t, "GET", "/images/cat.png", page, ""),
		"a part":         s.Do(t, "GET", "/images/cat.png", page+"\nRange: bytes=0-1", ""),
		"not modified":   s.Do(t, "GET", "/images/cat.png", page+"\nIf-None-Match: "+apitest.ETag(cat), ""),
		"from a file":    s.Do(t, "GET", "/images/cat.png", "Origin: null", ""),
		"no image":       s.Do(t, "GET", "/images/none.png", page, ""),
		"a bad range":    s.Do(t, "GET", "/images/cat.png", page+"\nRange: bytes=99999-", ""),
		"no form":        s.Do(t, "POST", "/upload", page, "x"),
		"not an image":   s.Do(t, "POST", "/upload", page+"\n"+apitest.FormType, apitest.Form(apitest.File("file", "cat.png", "x"))),
		"a bad conflict": s.Do(t, "POST", "/upload?conflict=x", page+"\n"+apitest.FormType, apitest.Form()),
		"no method":      s.Do(t, "PATCH", "/images/cat.png", page, ""),
		"replacing":      s.Do(t, "POST", "/upload?conflict=replace", page+"\n"+apitest.FormType, apitest.Form(apitest.File("file", "cat.png", apitest.Picture(t, 2, 0)))),
		"deleting":       s.Do(t, "DELETE", "/images/cat.png", page, ""),
	}
	for what, a := range answers {
		if got := a.Header.Values("Access-Control-Allow-Origin"); !slices.Equal(got, []string{"*"}) {
			t.Errorf("%s: Access-Control-Allow-Origin: got %q, want *", what, got)
		}
		if got := a.Header.Get("Access-Control-Allow-Credentials"); got != "" {
			t.Errorf("%s: Access-Control-Allow-Credentials: got %q, want none", what, got)
		}
		if got := a.Header.Get("Access-Control-Expose-Headers"); !apitest.ContainsAll(got, []string{"Location", "ETag"}) {
			t.Errorf("%s: Access-Control-Expose-Headers: got %q", what, got)
		}
	}
	answers["replacing"].Refusal(t, http.StatusForbidden, "cross_origin")
	answers["deleting"].Refusal(t, http.StatusForbidden, "cross_origin")
	s.Do(t, "GET", "/images/cat.png", "", "").WantImage(t, cat)

	// Other origins may not read the list, the page or the health.
	for _, path := range []string{"/images", "/images?q=cat", "/", "/ui/main.en.js", "/livez", "/readyz", "/nowhere"} {
		s.Do(t, "GET", path, page, "").WantHeader(t, "Access-Control-Allow-Origin", "")
	}
}

// preflight asks what a page of origin may do, as browsers ask, and reports whether a
// browser would send the request.
func preflight(t *testing.T, s *apitest.Server, origin, method, path, headers string) bool {
	t.Helper()
	ask := "Origin: " + origin + "\nAccess-Control-Request-Method: " + method
	if headers != "" {
		ask += "\nAccess-Control-Request-Headers: " + headers
	}
	a := s.Do(t, "OPTIONS", path, ask, "").Want(t, http.StatusNoContent)
	if got := a.Header.Get("Access-Control-Allow-Origin"); got != "*" && got != origin {
		return false
	}
	if method != "GET" && method != "HEAD" && method != "POST" && // these need no preflight
		!slices.Contains(strings.Split(a.Header.Get("Access-Control-Allow-Methods"), ","), method) {
		return false
	}
	return headers == "" || strings.EqualFold(a.Header.Get("Access-Control-Allow-Headers"), headers)
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	open, guarded := apitest.NewServer(t, api.Options{}), apitest.NewServer(t, api.Options{Access: access.Options{Token: "secret"}})
	for _, c := range []struct {
		method, path, headers string
		open, guarded         bool
	}{
		{"POST", "/upload", "x-requested-with", true, true},
		{"POST", "/upload", "authorization", true, true},
		{"POST", "/upload?conflict=error", "x-requested-with", true, true},
		{"GET", "/images/cat.png", "range", true, true},
		{"HEAD", "/images/cat.png", "x-requested-with", true, true},
		{"GET", "/limits", "x-requested-with", true, true},
		{"PUT", "/images/cat.png", "", false, true},
		{"PUT", "/images/cat.png", "authorization,content-digest", false, true},
		{"DELETE", "/images/cat.png", "authorization", false, true},
		{"GET", "/images", "authorization", false, true},
		{"PATCH", "/images/cat.png", "", false, false},
	} {
		for _, origin := range []string{"https://app.example", "http://localhost:3000", "null"} {
			if got := preflight(t, open, origin, c.method, c.path, c.headers); got != c.open {
				t.Errorf("%s %s from %s with %q: got %t, want %t", c.method, c.path, origin, c.headers, got, c.open)
			}
			if got := preflight(t, guarded, origin, c.method, c.path, c.headers); got != c.guarded {
				t.Errorf("%s %s from %s with %q, with a token: got %t, want %t", c.method, c.path, origin, c.headers, got, c.guarded)
			}
		}
	}
	// A public page that requests a private address (Private Network Access).
	const ask = "Origin: https://app.example\nAccess-Control-Request-Method: POST"
	open.Do(t, "OPTIONS", "/upload", ask, "").WantHeader(t, "Access-Control-Allow-Private-Network", "")
	open.Do(t, "OPTIONS", "/upload", ask+"\nAccess-Control-Request-Private-Network: true", "").
		WantHeader(t, "Access-Control-Allow-Private-Network", "true")
}

// TestCORSOrigins checks that only the listed origins may upload and read.
func TestCORSOrigins(t *testing.T) {
	t.Parallel()
	o := api.Options{Access: access.Options{CORSOrigins: []string{"https://app.example", "https://*.pages.example"}}}
	for origin, allowed := range map[string]bool{
		"https://app.example":          true,
		"https://a.pages.example":      true,
		"http://app.example":           false,
		"https://app.example:8443":     false,
		"https://app.example.evil.com": false,
		"https://evil.com":             false,
		"https://appxexample":          false,
		"null":                         false,
	} {
		t.Run(origin, func(t *testing.T) {
			t.Parallel()
			header, want := "Origin: "+origin+"\nSec-Fetch-Site: cross-site", ""
			if allowed {
				want = origin
			}
			for _, which := range []string{"get", "upload"} {
				_, a := try(t, o, which, header)
				a.WantHeader(t, "Access-Control-Allow-Origin", want)
				if !slices.Contains(a.Header.Values("Vary"), "Origin") {
					t.Errorf("Vary: got %q, want Origin", a.Header.Values("Vary"))
				}
			}
			s := apitest.NewServer(t, o)
			if got := preflight(t, s, origin, "POST", "/upload", "x-requested-with"); got != allowed {
				t.Errorf("a preflight: got %t, want %t", got, allowed)
			}
		})
	}
}

// TestNoCORSOrigins checks that an empty list allows no origin. Without a list,
// all are allowed.
func TestNoCORSOrigins(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Access: access.Options{CORSOrigins: []string{}}})
	s.Put(t, "/images/cat.png", apitest.Picture(t, 1, 0))
	s.Do(t, "GET", "/images/cat.png", "Origin: https://app.example", "").WantHeader(t, "Access-Control-Allow-Origin", "")
	if preflight(t, s, "https://app.example", "POST", "/upload", "x-requested-with") {
		t.Error("the preflight succeeds")
	}
}

// TestUploadFromOtherOrigin checks that the server refuses forms of other origins. A
// browser sends a form without a preflight, so CORS alone cannot stop the upload.
func TestUploadFromOtherOrigin(t *testing.T) {
	t.Parallel()
	o := api.Options{Access: access.Options{CORSOrigins: []string{"https://app.example"}}}
	for header, status := range map[string]int{
		"Origin: https://app.example\nSec-Fetch-Site: cross-site": 201,
		"Origin: https://evil.com\nSec-Fetch-Site: cross-site":    403,
		"Origin: https://evil.com":                                403,
		"Origin: null\nSec-Fetch-Site: cross-site":                403,
		"":                            201,
		"Sec-Fetch-Site: same-origin": 201,
	} {
		t.Run(header, func(t *testing.T) {
			t.Parallel()
			_, a := try(t, o, "upload", header)
			a.Want(t, status)
		})
	}
}

// TestCrossOrigin checks that pages of other sites can neither list nor change images.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		header string
		status map[string]int // for requests that other origins may not send
	}{
		{"", nil},
		{"Sec-Fetch-Site: same-origin", nil},
		{"Sec-Fetch-Site: none", nil},
		{"Sec-Fetch-Site: same-origin\nOrigin: https://img.example.com", nil}, // a proxy ends TLS
		{"Origin: http://localhost:5000\nHost: localhost:5000", nil},
		{"Sec-Fetch-Site: cross-site", refused},
		{"Sec-Fetch-Site: same-site", refused},
		{"Sec-Fetch-Site: cross-site\nOrigin: http://localhost:5000\nHost: localhost:5000", refused},
		{"Origin: https://evil.com", refused},
		{"Origin: http://localhost:3000\nHost: localhost:5000", refused},
		{"Origin: null", refused},
	} {
		for _, which := range []string{"replace", "put", "delete", "list", "archive", "upload", "get", "limits", "usage", "page"} {
			t.Run(which+" "+c.header, func(t *testing.T) {
				t.Parallel()
				want := map[string]int{"put": 201, "delete": 204, "list": 200, "archive": 200, "upload": 201, "replace": 201, "get": 200, "limits": 200, "usage": 200, "page": 200}[which]
				if status, ok := c.status[which]; ok {
					want = status
				}
				s, a := try(t, api.Options{}, which, c.header)
				a.Want(t, want)
				if want == 403 {
					a.Refusal(t, 403, "cross_origin")
					s.Do(t, "GET", "/images/cat.png", "", "").WantImage(t, apitest.Picture(t, 1, 0))
				}
			})
		}
	}
}

var refused = map[string]int{"replace": 403, "put": 403, "delete": 403, "list": 403, "usage": 403, "archive": 403}

// TestToken checks that everything except viewing images needs the access token.
func TestToken(t *testing.T) {
	t.Parallel()
	o := api.Options{Access: access.Options{Token: "s3cret"}}
	guarded := map[string]int{"upload": 201, "replace": 201, "put": 201, "delete": 204, "list": 200, "usage": 200}
	public := []string{"get", "head", "archive", "limits", "page", "livez", "readyz", "healthz"}
	for _, header := range []string{
		"Authorization: Bearer s3cret",
		"Authorization: bearer s3cret",
		"Authorization: BEARER s3cret",
		"Authorization: Bearer  s3cret",
	} {
		for which, status := range guarded {
			t.Run(which+" "+header, func(t *testing.T) {
				t.Parallel()
				_, a := try(t, o, which, header)
				a.Want(t, status)
			})
		}
	}
	s, _ := try(t, o, "get", "")
	for _, header := range []string{
		"X-No: token",
		"Authorization: ",
		"Authorization: s3cret",
		"Authorization: Bearer",
		"Authorization: Bearer ",
		"Authorization: Bearer S3CRET",
		"Authorization: Bearer s3cre",
		"Authorization: Bearer s3crets",
		"Authorization: Basic s3cret",
		"Authorization: Basic OnMzY3JldA==",
		"Cookie: token=s3cret",
	} {
		t.Run(header, func(t *testing.T) {
			t.Parallel()
			send := func(which string) apitest.Answer {
				r := requests(t)[which]
				return s.Do(t, r.method, r.path, strings.TrimSuffix(header+"\n"+r.header, "\n"), r.body)
			}
			for which := range guarded {
				a := send(which)
				a.Refusal(t, http.StatusUnauthorized, "token")
				a.WantHeader(t, "WWW-Authenticate", `Bearer realm="images"`)
			}
			for _, which := range public {
				a := send(which)
				a.Want(t, http.StatusOK)
				a.WantHeader(t, "WWW-Authenticate", "")
			}
		})
	}
}

// TestTokenFromOtherOrigins checks that a request with the access token may come from any
// origin. A page of another origin can read the error for a wrong token.
func TestTokenFromOtherOrigins(t *testing.T) {
	t.Parallel()
	const page = "Origin: https://app.example\nSec-Fetch-Site: cross-site"
	for which, status := range map[string]int{"upload": 201, "replace": 201, "put": 201, "delete": 204, "list": 200, "usage": 200} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			_, a := try(t, api.Options{Access: access.Options{Token: "s3cret"}}, which, page+"\nAuthorization: Bearer s3cret")
			a.Want(t, status)
			a.WantHeader(t, "Access-Control-Allow-Origin", "*")
			_, a = try(t, api.Options{Access: access.Options{Token: "s3cret"}}, which, page+"\nAuthorization: Bearer wrong")
			if a.Status != 401 && a.Status != 403 {
				t.Errorf("without the token: got %s, want 401 or 403", a)
			}
			a.WantHeader(t, "Access-Control-Allow-Origin", "*")
			// A server without an access token accepts no token, not even an empty one.
			_, a = try(t, api.Options{}, which, page+"\nAuthorization: Bearer ")
			if which != "upload" && which != "list" {
				a.Refusal(t, http.StatusForbidden, "cross_origin")
			}
		})
	}
}

// TestURLs checks how the URLs in responses begin.
func TestURLs(t *testing.T) {
	t.Parallel()
	parse := func(s string) *url.URL {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	proxy := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8")}
	const forwarded = "X-Forwarded-Proto: https\nX-Forwarded-Host: img.example.com\nX-Forwarded-For: 203.0.113.7"
	for name, c := range map[string]struct {
		o      api.Options
		header string
		want   string
	}{
		"as asked":                 {api.Options{}, "Host: localhost:5000", apitest.Scheme() + "localhost:5000"},
		"as asked, IPv6":           {api.Options{}, "Host: [::1]:5000", apitest.Scheme() + "[::1]:5000"},
		"no proxy is trusted":      {api.Options{}, "Host: localhost:5000\n" + forwarded, apitest.Scheme() + "localhost:5000"},
		"another proxy is trusted": {api.Options{Access: access.Options{TrustedProxies: proxy[:1]}}, "Host: localhost:5000\n" + forwarded, apitest.Scheme() + "localhost:5000"},
		"this proxy is trusted":    {api.Options{Access: access.Options{TrustedProxies: proxy}}, forwarded, "https://img.example.com"},
		"trusted, says nothing":    {api.Options{Access: access.Options{TrustedProxies: proxy}}, "Host: img.example.com", apitest.Scheme() + "img.example.com"},
		"proxies in a row":         {api.Options{Access: access.Options{TrustedProxies: proxy}}, "X-Forwarded-Proto: https, http\nX-Forwarded-Host: img.example.com, inner:8080", "https://img.example.com"},
		"a scheme of nonsense":     {api.Options{Access: access.Options{TrustedProxies: proxy}}, "Host: a.example\nX-Forwarded-Proto: javascript", apitest.Scheme() + "a.example"},
		"base URL":                 {api.Options{Access: access.Options{BaseURL: parse("https://img.example.com")}}, "Host: localhost:5000", "https://img.example.com"},
		"base URL with a path":     {api.Options{Access: access.Options{BaseURL: parse("https://example.com/pictures/")}}, "Host: localhost:5000", "https://example.com/pictures"},
		"base URL and proxy":       {api.Options{Access: access.Options{BaseURL: parse("https://a.example"), TrustedProxies: proxy}}, forwarded, "https://a.example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, a := try(t, c.o, "upload", c.header)
			got := a.Success(t, http.StatusCreated)
			want := c.want + "/images/dog.png"
			a.WantHeader(t, "Location", want)
			if got.URL != want || got.Location != want {
				t.Errorf("url %q, location %q, want %q", got.URL, got.Location, want)
			}
			a = s.Do(t, "GET", "/images?limit=1", c.header, "")
			if got := a.Header.Get("Link"); !strings.HasPrefix(got, "<"+c.want+"/images?") {
				t.Errorf("Link: got %q, want it to begin with <%s/images?", got, c.want)
			}
		})
	}
}

// TestLoggedClient checks which client address the log has.
func TestLoggedClient(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	for name, c := range map[string]struct {
		proxies []netip.Prefix
		header  string
		want    string
	}{
		"direct":                        {nil, "", "127.0.0.1"},
		"no proxy is trusted":           {nil, "X-Forwarded-For: 203.0.113.7\nX-Real-IP: 203.0.113.7", "127.0.0.1"},
		"another is trusted":            {trusted[1:], "X-Forwarded-For: 203.0.113.7", "127.0.0.1"},
		"trusted":                       {trusted, "X-Forwarded-For: 203.0.113.7", "203.0.113.7"},
		"trusted, says nothing":         {trusted, "", "127.0.0.1"},
		"what the client says is older": {trusted, "X-Forwarded-For: 6.6.6.6, 203.0.113.7, 10.1.2.3", "203.0.113.7"},
		"with a port":                   {trusted, "X-Forwarded-For: 203.0.113.7:4711, [::ffff:10.1.2.3]:80", "203.0.113.7"},
		"nonsense":                      {trusted, "X-Forwarded-For: localhost", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := apitest.NewServer(t, api.Options{Access: access.Options{TrustedProxies: c.proxies}})
			s.Do(t, "GET", "/images", c.header, "").Want(t, http.StatusOK)
			var line struct{ Client string }
			if err := json.Unmarshal([]byte(s.Log.Wait(t, `"path":"/images"`)), &line); err != nil {
				t.Fatal(err)
			}
			if line.Client != c.want {
				t.Errorf("the log has the client %q, want %q", line.Client, c.want)
			}
		})
	}
}

// TestForwarded sends requests to a private server as tunnels and proxies forward
// them for other machines. They may view images and nothing more.
func TestForwarded(t *testing.T) {
	t.Parallel()
	base, err := url.Parse("http://images.test")
	if err != nil {
		t.Fatal(err)
	}
	private := api.Options{Access: access.Options{LocalOnly: true, Private: true, BaseURL: base}}
	refusing := apitest.NewServer(t, private) // one for all: a request that is refused changes nothing
	apitest.Serve(t, refusing.Store, api.Options{}).Put(t, "/images/cat.png", apitest.Picture(t, 1, 0))
	public := map[string]bool{"get": true, "head": true, "archive": true, "limits": true, "page": true, "livez": true, "readyz": true, "healthz": true}
	for i, header := range []string{
		"X-Forwarded-For: 203.0.113.7",
		"X-Forwarded-For: 127.0.0.1, 203.0.113.7",
		"X-Forwarded-For: 203.0.113.7\nX-Forwarded-For: 127.0.0.1",
		"X-Forwarded-For: unknown",
		"X-Real-IP: 2001:db8::1",
		"CF-Connecting-IP: 203.0.113.7",
		"Forwarded: proto=https;for=203.0.113.7",
		`Forwarded: for="[2001:db8::1]:4711"`,
		"Forwarded: for=127.0.0.1, for=_hidden",
		"X-Forwarded-Host: img.example.com", // a tunnel that rewrites Host
		"Host: images.test",
		"Host: 192.168.1.7:5000", // a forwarded port
		"Via: 1.1 proxy",
		"Via: 1.1 proxy\nX-Forwarded-For: 127.0.0.1", // which the client can send itself
		"Cdn-Loop: cloudflare",
		"X-Envoy-External-Address: 203.0.113.7",
		"X-Forwarded-Proto: https", // without the address of the client
		"X-Forwarded-Port: 443",
		"X-Forwarded-Server: proxy",
		"Forwarded: proto=https;host=localhost",
	} {
		for which, r := range requests(t) {
			if i > 0 && which != "upload" && which != "list" && which != "get" {
				continue // the check of the client is the same for all
			}
			a := refusing.Do(t, r.method, r.path, strings.TrimSuffix(header+"\n"+r.header, "\n"), r.body)
			switch {
			case public[which] && a.Status >= 400:
				t.Errorf("%s with %s: got %s, want a success", which, header, a)
			case !public[which]:
				if got := a.Refusal(t, http.StatusForbidden, "remote"); !strings.Contains(got.Message, "--token") {
					t.Errorf("%s with %s: %q should say what to do", which, header, got.Message)
				}
			}
		}
	}
	for _, header := range []string{
		"", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: ::1, 127.0.0.2:80", `Forwarded: for="[::1]";host=localhost`,
		"X-Forwarded-Host: localhost:3000", "Host: img.localhost", "X-Real-IP: ::ffff:127.0.0.1",
		"X-Forwarded-For: ::1\nX-Forwarded-Proto: http\nX-Forwarded-Port: 3000\nX-Forwarded-Host: localhost:3000", // a development server
	} {
		for _, which := range []string{"upload", "list", "delete"} {
			if _, a := try(t, private, which, header); a.Status >= 400 {
				t.Errorf("%s with %s: got %s, want success: the client is on this machine", which, header, a)
			}
		}
	}
	for _, guarded := range []api.Options{{}, {Access: access.Options{LocalOnly: true}}} { // --open
		if _, a := try(t, guarded, "delete", "X-Forwarded-For: 203.0.113.7"); a.Status != http.StatusNoContent {
			t.Errorf("on an open server: got %s, want 204", a)
		}
	}
}

// TestForwardedBare sends what nginx sends if only proxy_pass is configured: it
// calls the server by its address and names no client.
func TestForwardedBare(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Access: access.Options{LocalOnly: true, Private: true}})
	for _, c := range []struct {
		head   string
		status int
	}{
		{"HTTP/1.0\r\nHost: 127.0.0.1:5000\r\nConnection: close\r\n", http.StatusForbidden},
		{"HTTP/1.0\r\nHost: 127.0.0.1:5000\r\nConnection: close\r\nX-Forwarded-For: 127.0.0.1\r\n", http.StatusForbidden},
		{"HTTP/1.0\r\nHost: 127.0.0.1:5000\r\n", http.StatusOK}, // curl -0
		{"HTTP/1.0\r\nHost: 127.0.0.1:5000\r\nConnection: Keep-Alive\r\n", http.StatusOK},
		{"HTTP/1.1\r\nHost: 127.0.0.1:5000\r\nConnection: close\r\n", http.StatusOK},
	} {
		conn := s.Dial(t)
		io.WriteString(conn, "GET /images "+c.head+"\r\n")
		conn.Answer(t, http.MethodGet).Want(t, c.status)
	}
}

// TestNoHostURL uploads without naming a host. The URLs in the response still
// lead to the server.
func TestNoHostURL(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	dog := apitest.Picture(t, 2, 0)
	conn := s.Dial(t)
	fmt.Fprintf(conn, "PUT /images/dog.png HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", len(dog), dog)
	a := conn.Answer(t, http.MethodPut)
	if want := s.URL + "/images/dog.png"; a.Header.Get("Location") != want {
		t.Errorf("got Location %q, want %q", a.Header.Get("Location"), want)
	}
}
