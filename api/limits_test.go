package api_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"imageserver/api/apitest"

	"github.com/google/go-cmp/cmp"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/api/imaging/format"
)

type limits struct {
	MaxUpload int64 `json:"max_upload"`
	MaxFiles  int   `json:"max_files"`
	Token     bool
	Trash     int64
	Strip     bool
	MaxPixels int64 `json:"max_pixels"`
	Types     []limitType
}

type limitType struct {
	Name        string
	ContentType string `json:"content_type"`
	Extensions  []string
	Strip       bool
	Resize      bool
}

// getLimits returns what the server tells everybody about itself.
func getLimits(t testing.TB, s *apitest.Server) (l limits) {
	t.Helper()
	a := s.Do(t, "GET", "/limits", "Origin: https://app.example\nSec-Fetch-Site: cross-site", "").Want(t, http.StatusOK)
	a.WantHeaders(t, "Access-Control-Allow-Origin: *\nCache-Control: no-cache\nX-Content-Type-Options: nosniff")
	if err := json.Unmarshal([]byte(a.Body), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLimits(t *testing.T) {
	t.Parallel()
	got := getLimits(t, apitest.NewServer(t, api.Options{}))
	if len(got.Types) != len(format.Types()) {
		t.Errorf("types: got %v, want all", got.Types)
	}
	for _, typ := range got.Types {
		// This server has no decoder for HEIC.
		if typ.Name == "heic" && (typ.Strip || typ.Resize) {
			t.Errorf("the server can strip HEIC: %v, resize it: %v, want neither", typ.Strip, typ.Resize)
		}
	}
	got.Types = got.Types[:1]
	want := limits{64 << 20, 1000, false, 0, false, 100e6, []limitType{{"jpeg", "image/jpeg", []string{"jpg", "jpeg", "jfif"}, true, true}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("of a server without options (-want +got):\n%s", diff)
	}

	got = getLimits(t, apitest.NewServer(t, api.Options{
		Access: access.Options{
			Token: "s3cret",
		},
		MaxUpload: 1234,
		Trash:     90 * time.Minute,
		Strip:     true,
		Allow:     []format.Type{format.WebP, format.PNG},
	}))
	want = limits{1234, 1000, true, 5400, true, 100e6, []limitType{{"png", "image/png", []string{"png", "apng"}, true, true}, {"webp", "image/webp", []string{"webp"}, true, true}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("of a server with options (-want +got):\n%s", diff)
	}

	none := getLimits(t, apitest.NewServer(t, api.Options{Allow: []format.Type{}}))
	if none.Types == nil || len(none.Types) > 0 {
		t.Errorf("types of a server that accepts none: got %v, want []", none.Types)
	}
}

// TestLimitsHold checks that the server keeps the limits that it reports.
func TestLimitsHold(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{MaxUpload: 2000})
	max := int(getLimits(t, s).MaxUpload)
	s.Put(t, "/images/exact.png", apitest.Picture(t, 1, max))
	s.Do(t, "PUT", "/images/more.png", "", apitest.Picture(t, 1, max+1)).Refusal(t, http.StatusRequestEntityTooLarge, "too_large")
	tag := s.Do(t, "HEAD", "/limits", "", "").Header.Get("ETag")
	s.Do(t, "GET", "/limits", "If-None-Match: "+tag, "").Want(t, http.StatusNotModified)
	s.Do(t, "POST", "/limits", "", "").Refusal(t, http.StatusMethodNotAllowed, "http_405")
}
