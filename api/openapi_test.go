package api_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/api/imaging/format"
)

// baseURL is a BaseURL for options.
func baseURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// decode is the JSON of an answer in no particular shape.
func decode(t testing.TB, a answer) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v in %s", err, a)
	}
	return v
}

// TestServers: the description is of the server that was asked.
func TestServers(t *testing.T) {
	t.Parallel()
	proxy := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for name, c := range map[string]struct {
		o      api.Options
		header string
		want   string
	}{
		"as asked":     {api.Options{}, "Host: localhost:5000", scheme() + "localhost:5000"},
		"odd":          {api.Options{}, "Host: a&b", scheme() + "a&b"},
		"proxied":      {api.Options{Access: access.Options{TrustedProxies: proxy}}, "X-Forwarded-Proto: https\nX-Forwarded-Host: a.example", "https://a.example"},
		"hostile":      {api.Options{Access: access.Options{TrustedProxies: proxy}}, "Host: localhost\nX-Forwarded-Host: a\"}]}\\", scheme() + "localhost"},
		"header":       {api.Options{Access: access.Options{TrustedProxies: proxy}}, "Host: localhost\nX-Forwarded-Host: a>;rel=x", scheme() + "localhost"},
		"base URL":     {api.Options{Access: access.Options{BaseURL: baseURL(t, "https://a.example/pictures/")}}, "Host: localhost", "https://a.example/pictures"},
		"behind token": {api.Options{Access: access.Options{Token: "s3cret"}}, "Host: localhost", scheme() + "localhost"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newServer(t, c.o).do(t, "GET", "/openapi.json", c.header, "")
			a.want(t, http.StatusOK)
			if diff := cmp.Diff([]any{map[string]any{"url": c.want}}, decode(t, a)["servers"]); diff != "" {
				t.Errorf("servers (-want +got):\n%s", diff)
			}
			if strings.Contains(a.body, "127.0.0.1:5000") || strings.Contains(a.body, "s3cret") {
				t.Error("the description has another server in it, or the token")
			}
		})
	}
}

// TestFilesMadeForTheHost: what /openapi.json and /sharex.sxcu have in common.
func TestFilesMadeForTheHost(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	for path, origin := range map[string]string{"/openapi.json": "*", "/sharex.sxcu": ""} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			const page = "Origin: https://app.example\nSec-Fetch-Site: cross-site"
			a := s.do(t, "GET", path, page, "")
			a.want(t, http.StatusOK)
			a.wantHeader(t, "Access-Control-Allow-Origin", origin)
			a.wantHeaders(t, "Content-Type: application/json\nCache-Control: no-cache\nX-Content-Type-Options: nosniff\nLast-Modified: ")
			tag := a.header.Get("ETag")

			head := s.do(t, "HEAD", path, "", "")
			head.want(t, http.StatusOK)
			head.wantHeader(t, "ETag", tag)
			head.wantHeader(t, "Content-Length", a.header.Get("Content-Length"))
			if whole := s.do(t, "GET", path, "Range: bytes=0-9", ""); whole.status != 200 || whole.body != a.body {
				t.Errorf("a part of it: got %s, want all of it", whole)
			}
			s.do(t, "GET", path, "If-None-Match: "+tag, "").want(t, http.StatusNotModified)
			s.do(t, "GET", path, `If-None-Match: "other"`, "").want(t, http.StatusOK)
			s.do(t, "GET", path, "Host: other.example\nIf-None-Match: "+tag, "").want(t, http.StatusOK)
			s.do(t, "POST", path, "", "").refusal(t, http.StatusMethodNotAllowed, "http_405")
		})
	}
}

// TestServiceDesc: the page leads to the description (RFC 8631).
func TestServiceDesc(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{Access: access.Options{Token: "s3cret"}})
	a := s.do(t, "GET", "/", "", "")
	a.wantHeader(t, "Link", "<"+s.url+`/openapi.json>; rel="service-desc"; type="application/json"`)
	if want := `<link rel="service-desc" href="openapi.json" type="application/json">`; !strings.Contains(a.body, want) {
		t.Errorf("the page lacks %s", want)
	}
	s.do(t, "GET", "/ui/main.js", "", "").wantHeader(t, "Link", "")
}

// TestExamples: the examples in the description are answers of the server.
func TestExamples(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{Access: access.Options{BaseURL: baseURL(t, "http://127.0.0.1:5000")}})
	cat := sample(t, "gradient.png")
	large := s.dial(t)
	large.request(t, "PUT /images/large.png", "Content-Length: 67108865")
	answers := map[string]answer{
		"Stored":       s.do(t, "PUT", "/images/cat.png", "", cat),
		"TooLarge":     large.answer(t, http.MethodPut),
		"BadRequest":   s.upload(t),
		"TrashEmptied": s.do(t, "DELETE", "/images?trash", "", ""),
		"Well":         s.do(t, "GET", "/readyz", "", ""),
		"ShareX":       s.do(t, "GET", "/sharex.sxcu", "", ""),
	}
	two := newServer(t, api.Options{Trash: 24 * time.Hour, Allow: []format.Type{format.JPEG, format.PNG}})
	answers["Limits"] = two.do(t, "GET", "/limits", "", "")
	answers["Page"] = s.do(t, "GET", "/images", "", "")
	s.do(t, "DELETE", "/images/cat.png", "", "").want(t, http.StatusNoContent)
	answers["Uploaded"] = s.upload(t, file("file", "cat.png", cat))
	for response, a := range answers {
		want, ok := described().Components.Responses[response].Value.Content["application/json"].Example.(map[string]any)
		if !ok {
			t.Errorf("%s has no example", response)
			continue
		}
		if diff := cmp.Diff(want, decode(t, a), cmp.FilterPath(neverSame, cmp.Ignore())); diff != "" {
			t.Errorf("%s (-example +answer):\n%s", response, diff)
		}
	}
}

// neverSame reports whether a path is to a time or a secret.
func neverSame(p cmp.Path) bool {
	field := p.Last().String()
	return strings.Contains(field, "uploaded_at") || strings.Contains(field, "delete_url")
}
