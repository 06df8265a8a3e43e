package api_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"imageserver/api/apitest"

	"github.com/google/go-cmp/cmp"

	"imageserver/api"
)

type usage struct {
	ImageCount int64 `json:"image_count"`
	ImageBytes int64 `json:"image_bytes"`
	TrashCount int64 `json:"trash_count"`
	TrashBytes int64 `json:"trash_bytes"`
}

func TestUsage(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Trash: time.Hour})
	want := func(want usage) {
		t.Helper()
		var got usage
		a := s.Do(t, "GET", "/usage", "", "").Want(t, http.StatusOK)
		a.WantHeader(t, "Cache-Control", "no-store")
		if err := json.Unmarshal([]byte(a.Body), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("usage (-want +got):\n%s", diff)
		}
	}
	want(usage{})
	one, two := apitest.Picture(t, 1, 0), apitest.Picture(t, 2, 0)
	s.Put(t, "/images/a.png", one)
	s.Put(t, "/images/same.png", one)
	s.Put(t, "/images/b.png", two)
	want(usage{ImageCount: 3, ImageBytes: int64(2*len(one) + len(two))})
	s.Do(t, "DELETE", "/images/b.png", "", "").Want(t, http.StatusNoContent)
	want(usage{ImageCount: 2, ImageBytes: int64(2 * len(one)), TrashCount: 1, TrashBytes: int64(len(two))})
}
