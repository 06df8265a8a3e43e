package api_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"imageserver/api"
	"imageserver/api/apitest"
)

// TestExposedHeaders: a page of another origin can read every header of a response that the
// API describes. Browsers show it some headers in any case (CORS-safelisted response-header
// names, https://fetch.spec.whatwg.org/), and some are of no use to a page.
func TestExposedHeaders(t *testing.T) {
	t.Parallel()
	inAnyCase := []string{"Cache-Control", "Last-Modified"}
	ofNoUse := []string{"Accept-Encoding", "Accept-Ranges", "Allow", "Content-Encoding", "No-Store", "Referrer-Policy", "WWW-Authenticate", "X-Robots-Tag"}
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	s := apitest.NewServer(t, api.Options{})
	a := s.Do(t, "GET", "/images/none.png", "Origin: https://blog.example", "")
	exposed := strings.Split(a.Header.Get("Access-Control-Expose-Headers"), ",")
	for _, name := range describedHeaders(document) {
		if !slices.Contains(slices.Concat(exposed, inAnyCase, ofNoUse), name) {
			t.Errorf("pages of other origins cannot read the header %s: add it to ExposeHeaders in api/access/cors.go", name)
		}
	}
}

// describedHeaders returns the names under every "headers" in an OpenAPI document.
func describedHeaders(node any) (names []string) {
	switch node := node.(type) {
	case []any:
		for _, child := range node {
			names = append(names, describedHeaders(child)...)
		}
	case map[string]any:
		for key, child := range node {
			if headers, ok := child.(map[string]any); ok && key == "headers" {
				for name := range headers {
					names = append(names, name)
				}
			}
			names = append(names, describedHeaders(child)...)
		}
	}
	return names
}
