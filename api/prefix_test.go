package api_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"imageserver/api/apitest"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/ui"
)

// TestPrefix checks that a proxy may keep the path of the base URL or remove it. A path
// that begins like a path of the server must be removed.
func TestPrefix(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		base, request string
		status        int
		location      string
	}{
		{"/my img/", "PUT /images/c%20d.png", 201, "https://example.com/my%20img/images/c%20d.png"},
		{"/my img/", "PUT /my%20img/images/c%20d.png", 201, "https://example.com/my%20img/images/c%20d.png"},
		{"/my img/", "PUT /my%20im%67/images/c%20d.png", 201, "https://example.com/my%20img/images/c%20d.png"},
		{"/my img/", "PUT /my%20img/images/a%2Fb.png", 400, ""},
		{"/my img/", "GET /my%20img/", 200, ""},
		{"/my img/", "GET /my%20img", 308, "https://example.com/my%20img/"},
		{"/my img/", "HEAD /my%20img?image=a+b.png", 308, "https://example.com/my%20img/?image=a+b.png"},
		{"/my img/", "POST /my%20img", 405, ""},
		{"/my img/", "GET /my%20imgs/", 404, ""},
		{"/a/b", "GET /a/b/limits", 200, ""},
		{"/a/b", "GET /a/limits", 404, ""},
		{"/images", "PUT /images/limits", 201, "https://example.com/images/images/limits"},
		{"", "GET /", 200, ""},
	} {
		store := apitest.NewStore(t)
		h := api.New(store, ui.Handler(), api.Options{Access: access.Options{BaseURL: baseURL(t, "https://example.com"+c.base)}, Log: slog.New(slog.DiscardHandler)})
		method, path, _ := strings.Cut(c.request, " ")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(apitest.Picture(t, 1, 0))))
		if w.Code != c.status || w.Header().Get("Location") != c.location {
			t.Errorf("%s under %s: got %d and %q, want %d and %q: %s", c.request, c.base, w.Code, w.Header().Get("Location"), c.status, c.location, w.Body)
		}
		if c.status == http.StatusCreated {
			w = httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
			if w.Code != http.StatusOK || w.Body.String() != apitest.Picture(t, 1, 0) {
				t.Errorf("GET %s under %s: %d", path, c.base, w.Code)
			}
		}
	}
}
