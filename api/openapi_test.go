package api_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"imageserver/api/apitest"

	"github.com/google/go-cmp/cmp"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/api/imaging/format"
)

// baseURL parses a BaseURL.
func baseURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// decode returns the JSON of a response as a map.
func decode(t testing.TB, a apitest.Answer) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.Body), &v); err != nil {
		t.Fatalf("%v in %s", err, a)
	}
	return v
}

// TestServers checks that the description names the server that was asked.
func TestServers(t *testing.T) {
	t.Parallel()
	proxy := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for name, c := range map[string]struct {
		o      api.Options
		header string
		want   string
	}{
		"as asked":     {api.Options{}, "Host: localhost:5000", apitest.Scheme() + "localhost:5000"},
		"odd":          {api.Options{}, "Host: a&b", apitest.Scheme() + "a&b"},
		"proxied":      {api.Options{Access: access.Options{TrustedProxies: proxy}}, "X-Forwarded-Proto: https\nX-Forwarded-Host: a.example", "https://a.example"},
		"hostile":      {api.Options{Access: access.Options{TrustedProxies: proxy}}, "Host: localhost\nX-Forwarded-Host: a\"}]}\\", apitest.Scheme() + "localhost"},
		"header":       {api.Options{Access: access.Options{TrustedProxies: proxy}}, "Host: localhost\nX-Forwarded-Host: a>;rel=x", apitest.Scheme() + "localhost"},
		"base URL":     {api.Options{Access: access.Options{BaseURL: baseURL(t, "https://a.example/pictures/")}}, "Host: localhost", "https://a.example/pictures"},
		"behind token": {api.Options{Access: access.Options{Token: "s3cret"}}, "Host: localhost", apitest.Scheme() + "localhost"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := apitest.NewServer(t, c.o).Do(t, "GET", "/openapi.json", c.header, "").Want(t, http.StatusOK)
			if diff := cmp.Diff([]any{map[string]any{"url": c.want}}, decode(t, a)["servers"]); diff != "" {
				t.Errorf("servers (-want +got):\n%s", diff)
			}
			if strings.Contains(a.Body, "127.0.0.1:5000") || strings.Contains(a.Body, "s3cret") {
				t.Error("the description has another server or the access token in it")
			}
		})
	}
}

// TestFilesMadeForTheHost checks what /openapi.json and /sharex.sxcu have in common.
func TestFilesMadeForTheHost(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	for path, origin := range map[string]string{"/openapi.json": "*", "/sharex.sxcu": ""} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			const page = "Origin: https://app.example\nSec-Fetch-Site: cross-site"
			a := s.Do(t, "GET", path, page, "").Want(t, http.StatusOK)
			a.WantHeader(t, "Access-Control-Allow-Origin", origin)
			a.WantHeaders(t, "Content-Type: application/json\nCache-Control: no-cache\nX-Content-Type-Options: nosniff\nLast-Modified: ")
			tag := a.Header.Get("ETag")

			head := s.Do(t, "HEAD", path, "", "").Want(t, http.StatusOK)
			head.WantHeader(t, "ETag", tag)
			head.WantHeader(t, "Content-Length", a.Header.Get("Content-Length"))
			if whole := s.Do(t, "GET", path, "Range: bytes=0-9", ""); whole.Status != 200 || whole.Body != a.Body {
				t.Errorf("a range: got %s, want the whole file", whole)
			}
			s.Do(t, "GET", path, "If-None-Match: "+tag, "").Want(t, http.StatusNotModified)
			s.Do(t, "GET", path, `If-None-Match: "other"`, "").Want(t, http.StatusOK)
			s.Do(t, "GET", path, "Host: other.example\nIf-None-Match: "+tag, "").Want(t, http.StatusOK)
			s.Do(t, "POST", path, "", "").Refusal(t, http.StatusMethodNotAllowed, "http_405")
		})
	}
}

// TestServiceDesc checks that the page links to the description (RFC 8631).
func TestServiceDesc(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Access: access.Options{Token: "s3cret"}})
	a := s.Do(t, "GET", "/", "", "")
	a.WantHeader(t, "Link", "<"+s.URL+`/openapi.json>; rel="service-desc"; type="application/json"`)
	if want := `<link rel="service-desc" href="openapi.json" type="application/json">`; !strings.Contains(a.Body, want) {
		t.Errorf("the page lacks %s", want)
	}
	s.Do(t, "GET", "/ui/main.en.js", "", "").WantHeader(t, "Link", "")
}

// TestExamples checks that the examples in the description are responses of the server.
func TestExamples(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Access: access.Options{BaseURL: baseURL(t, "http://127.0.0.1:5000")}})
	cat := apitest.Sample(t, "gradient.png")
	large := s.Dial(t)
	large.Request(t, "PUT /images/large.png", "Content-Length: 67108865")
	answers := map[string]apitest.Answer{
		"Stored":       s.Do(t, "PUT", "/images/cat.png", "", cat),
		"TooLarge":     large.Answer(t, http.MethodPut),
		"BadRequest":   s.Upload(t),
		"TrashEmptied": s.Do(t, "DELETE", "/images?trash", "", ""),
		"Well":         s.Do(t, "GET", "/readyz", "", ""),
		"ShareX":       s.Do(t, "GET", "/sharex.sxcu", "", ""),
	}
	two := apitest.NewServer(t, api.Options{Trash: 24 * time.Hour, Allow: []format.Type{format.JPEG, format.PNG}})
	answers["Limits"] = two.Do(t, "GET", "/limits", "", "")
	answers["Usage"] = s.Do(t, "GET", "/usage", "", "")
	answers["Page"] = s.Do(t, "GET", "/images", "", "")
	s.Do(t, "DELETE", "/images/cat.png", "", "").Want(t, http.StatusNoContent)
	answers["Uploaded"] = s.Upload(t, apitest.File("file", "cat.png", cat))
	for response, a := range answers {
		want, ok := apitest.Described().Components.Responses[response].Value.Content["application/json"].Example.(map[string]any)
		if !ok {
			t.Errorf("%s has no example", response)
			continue
		}
		if diff := cmp.Diff(want, decode(t, a), cmp.FilterPath(neverSame, cmp.Ignore())); diff != "" {
			t.Errorf("%s (-example +response):\n%s", response, diff)
		}
	}
}

// neverSame reports whether a path leads to a time or a secret.
func neverSame(p cmp.Path) bool {
	field := p.Last().String()
	return strings.Contains(field, "uploaded_at") || strings.Contains(field, "delete_url")
}
