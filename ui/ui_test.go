package ui_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"imageserver/ui"
)

// get sends one request to the handler alone.
func get(t *testing.T, method, path string, header http.Header) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for k, v := range header {
		r.Header[k] = v
	}
	w := httptest.NewRecorder()
	ui.Handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHandler(t *testing.T) {
	tests := []struct {
		method, path string
		status       int
		contentType  string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8"},
		{"HEAD", "/", 200, "text/html; charset=utf-8"},
		{"GET", "/ui/main.js", 200, "text/javascript; charset=utf-8"},
		{"HEAD", "/ui/main.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/ui/style.css", 200, "text/css; charset=utf-8"},
		{"GET", "/ui/favicon.svg", 200, "image/svg+xml"},
		{"GET", "/favicon.ico", 200, "image/svg+xml"},
		{"GET", "/ui", 404, "text/plain; charset=utf-8"},
		{"GET", "/ui/", 404, "text/plain; charset=utf-8"},
		{"GET", "/ui/ui.go", 404, "text/plain; charset=utf-8"},
		{"GET", "/ui/nothing.js", 404, "text/plain; charset=utf-8"},
		{"GET", "/nothing", 404, "text/plain; charset=utf-8"},
		{"POST", "/", 405, "text/plain; charset=utf-8"},
		{"DELETE", "/ui/main.js", 405, "text/plain; charset=utf-8"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			res := get(t, tt.method, tt.path, nil)
			if res.StatusCode != tt.status {
				t.Errorf("status %d, want %d", res.StatusCode, tt.status)
			}
			if got := res.Header.Get("Content-Type"); got != tt.contentType {
				t.Errorf("Content-Type %q, want %q", got, tt.contentType)
			}
			if b := body(t, res); (b == "") != (tt.method == "HEAD") {
				t.Errorf("%d bytes in answer to %s", len(b), tt.method)
			}
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff",
				"Referrer-Policy":        "same-origin",
			} {
				if got := res.Header.Get(name); got != want {
					t.Errorf("%s %q, want %q", name, got, want)
				}
			}
			if tt.status != 200 {
				return
			}
			if got := res.Header.Get("Cache-Control"); got != "no-cache" {
				t.Errorf("Cache-Control %q, want no-cache", got)
			}
			if res.ContentLength <= 0 && res.Header.Get("Content-Length") == "" {
				t.Error("no Content-Length")
			}
		})
	}
}

func TestContentSecurityPolicy(t *testing.T) {
	policy := get(t, "GET", "/", nil).Header.Get("Content-Security-Policy")
	for _, want := range []string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'",
		"form-action 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
	} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q allows something unsafe", policy)
	}
}

func TestETag(t *testing.T) {
	paths := []string{"/", "/ui/main.js", "/ui/style.css", "/ui/favicon.svg"}
	seen := map[string]string{}
	for _, path := range paths {
		etag := get(t, "GET", path, nil).Header.Get("ETag")
		if !regexp.MustCompile(`^"[0-9a-f]{32}"$`).MatchString(etag) {
			t.Errorf("%s: ETag %s is not strong", path, etag)
		}
		if other, ok := seen[etag]; ok {
			t.Errorf("%s and %s have the same ETag", path, other)
		}
		seen[etag] = path

		for _, method := range []string{"GET", "HEAD"} {
			for _, match := range []string{etag, "W/" + etag, `"else", ` + etag, "*"} {
				res := get(t, method, path, http.Header{"If-None-Match": {match}})
				if res.StatusCode != http.StatusNotModified {
					t.Errorf("%s %s with If-None-Match: %s: status %d, want 304", method, path, match, res.StatusCode)
				}
				if got := res.Header.Get("ETag"); got != etag {
					t.Errorf("304 for %s: ETag %s, want %s", path, got, etag)
				}
			}
		}
		if res := get(t, "GET", path, http.Header{"If-None-Match": {`"else"`}}); res.StatusCode != http.StatusOK {
			t.Errorf("%s with another ETag: status %d, want 200", path, res.StatusCode)
		}
	}
}

// Every file that the page, the style sheet or a module names is served.
func TestReferences(t *testing.T) {
	reference := regexp.MustCompile(`(?:src|href)="(/ui/[^"]+)"|from "\./([^"]+)"`)
	sources := append(files(t, "*.js"), "index.html")
	for _, source := range sources {
		for _, m := range reference.FindAllStringSubmatch(read(t, source), -1) {
			path := m[1]
			if path == "" {
				path = "/ui/" + m[2]
			}
			if res := get(t, "GET", path, nil); res.StatusCode != http.StatusOK {
				t.Errorf("%s refers to %s: status %d, want 200", source, path, res.StatusCode)
			}
		}
	}
}

// What the policy forbids would fail only in the browser, and only in the part
// that uses it.
func TestNoMarkupFromStrings(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|\.style\b`)
	for _, source := range files(t, "*.js") {
		if m := forbidden.FindString(read(t, source)); m != "" {
			t.Errorf("%s uses %s", source, m)
		}
	}
	inline := regexp.MustCompile(`(?i)<script[^>]*>[^<]|<style|\sstyle=|\son[a-z]+=|javascript:`)
	if m := inline.FindString(read(t, "index.html")); m != "" {
		t.Errorf("index.html has inline script or style: %s", m)
	}
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return names
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
