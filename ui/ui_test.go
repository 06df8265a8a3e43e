package ui_test

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"imageserver/ui"
)

// get sends one request to the page's handler, without a server.
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
		{"GET", "/ui/main.en.js", 200, "text/javascript; charset=utf-8"},
		{"HEAD", "/ui/main.en.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/ui/style.css", 200, "text/css; charset=utf-8"},
		{"GET", "/ui/favicon.svg", 200, "image/svg+xml"},
		{"GET", "/favicon.ico", 200, "image/svg+xml"},
		{"GET", "/ui/worker.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/ui/manifest.webmanifest", 200, "application/manifest+json"},
		{"GET", "/ui/icon-512.png", 200, "image/png"},
		{"GET", "/ui", 404, "text/plain; charset=utf-8"},
		{"GET", "/ui/", 404, "text/plain; charset=utf-8"},
		{"GET", "/ui/ui.go", 404, "text/plain; charset=utf-8"},
		{"GET", "/ui/early.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/ui/words.js", 404, "text/plain; charset=utf-8"}, // main.en.js contains this module
		{"GET", "/ui/main.ar.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/ui/main.xx.js", 404, "text/plain; charset=utf-8"},
		{"GET", "/ui/index.de.html", 404, "text/plain; charset=utf-8"}, // the page is only at /
		{"GET", "/ui/nothing.js", 404, "text/plain; charset=utf-8"},
		{"GET", "/nothing", 404, "text/plain; charset=utf-8"},
		{"POST", "/", 405, "text/plain; charset=utf-8"},
		{"DELETE", "/ui/main.en.js", 405, "text/plain; charset=utf-8"},
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
				t.Errorf("%d bytes in the response to %s", len(b), tt.method)
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
		"form-action 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types worker",
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
	paths := []string{"/", "/ui/main.en.js", "/ui/style.css", "/ui/favicon.svg"}
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

// TestCompression: a client that accepts gzip gets a compressed file, which has its own
// ETag. A client that requests a range gets a range of the plain file.
func TestCompression(t *testing.T) {
	for _, path := range []string{"/", "/ui/main.en.js", "/ui/style.css", "/ui/favicon.svg"} {
		plain := get(t, "GET", path, nil)
		want := body(t, plain)
		for _, accept := range []string{"gzip, deflate, zstd", "zstd,gzip", "gzip"} {
			res := get(t, "GET", path, http.Header{"Accept-Encoding": {accept}})
			if got := res.Header.Get("Content-Encoding"); got != "gzip" {
				t.Fatalf("%s for %q: Content-Encoding %q, want gzip", path, accept, got)
			}
			if got := res.Header.Get("Content-Type"); got != plain.Header.Get("Content-Type") {
				t.Errorf("%s: Content-Type %q with gzip, %q without", path, got, plain.Header.Get("Content-Type"))
			}
			r, err := gzip.NewReader(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != want {
				t.Errorf("%s: the gzip content differs from the plain file, %v", path, err)
			}
			etag := res.Header.Get("ETag")
			if etag == "" || etag == plain.Header.Get("ETag") {
				t.Errorf("%s: ETag %s for both encodings", path, etag)
			}
			res = get(t, "GET", path, http.Header{"Accept-Encoding": {accept}, "If-None-Match": {etag}})
			if vary := res.Header.Values("Vary"); res.StatusCode != http.StatusNotModified || !slices.Contains(vary, "Accept-Encoding") {
				t.Errorf("%s with its ETag: status %d, Vary %q, want 304 and Accept-Encoding", path, res.StatusCode, vary)
			}
		}
		for _, accept := range []string{"", "identity", "zstd", "gzip;q=0", "gzip;q=0.5, *", "x-gzip"} {
			res := get(t, "GET", path, http.Header{"Accept-Encoding": {accept}})
			if got := res.Header.Get("Content-Encoding"); got != "" || body(t, res) != want {
				t.Errorf("%s for %q: Content-Encoding %q, want the plain file", path, accept, got)
			}
			if got := res.Header.Values("Vary"); !slices.Contains(got, "Accept-Encoding") {
				t.Errorf("%s for %q: Vary %q, want Accept-Encoding", path, accept, got)
			}
		}
		res := get(t, "GET", path, http.Header{"Accept-Encoding": {"gzip"}, "Range": {"bytes=10-19"}})
		if got := body(t, res); res.StatusCode != http.StatusPartialContent || res.Header.Get("Content-Encoding") != "" || got != want[10:20] {
			t.Errorf("%s, bytes 10 to 19: status %d, %q, want 206 and %q", path, res.StatusCode, got, want[10:20])
		}
	}
}

// TestReferences: the server has every file that the page names.
func TestReferences(t *testing.T) {
	references := regexp.MustCompile(`(?:src|href)="(ui/[^"]+)"`).FindAllStringSubmatch(body(t, get(t, "GET", "/", nil)), -1)
	if len(references) < 5 {
		t.Errorf("the page refers to %q, want all of its files", references)
	}
	for _, m := range references {
		if res := get(t, "GET", "/"+m[1], nil); res.StatusCode != http.StatusOK {
			t.Errorf("the page refers to %s: status %d, want 200", m[1], res.StatusCode)
		}
	}
}

// TestNoMarkupFromStrings finds code that the page's policy forbids. Without this test,
// such code would fail only in a browser, when a reader uses that part of the page.
func TestNoMarkupFromStrings(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|"style"`)
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

// TestEveryModuleIsImported: the page uses every module.
func TestEveryModuleIsImported(t *testing.T) {
	var sources strings.Builder
	for _, name := range append(files(t, "*.js"), "index.html") {
		sources.WriteString(read(t, name))
	}
	for _, name := range files(t, "*.js") {
		if !strings.Contains(sources.String(), `from "./`+name+`"`) && !strings.Contains(sources.String(), `"ui/`+strings.TrimSuffix(name, "js")) {
			t.Errorf("no module imports %s", name)
		}
	}
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := fs.Glob(os.DirFS("page"), pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return names
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("page", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
