package api_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"imageserver/api"
	"imageserver/api/apitest"
)

// listed returns the images of a list.
func listed(t *testing.T, s *apitest.Server, query string) []apitest.Image {
	t.Helper()
	return s.Do(t, "GET", "/images?"+query, "", "").Success(t, http.StatusOK).Images
}

// TestPlaceholder: an image gets its dominant colour and its ThumbHash with the first
// resized copy that shows the whole picture. That is not a change of the image.
func TestPlaceholder(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	photo := apitest.Photo(t, 1, 900, 600)
	if r := s.Put(t, "/images/photo.jpg", photo); r.Color != "" || r.ThumbHash != "" {
		t.Errorf("the response to the upload has %q and %q, want neither", r.Color, r.ThumbHash)
	}
	s.Put(t, "/images/same.jpg", photo)
	s.Put(t, "/images/newest.png", apitest.Drawing(t, 900, 600))
	cursor := s.Do(t, "GET", "/images?limit=1", "", "").Success(t, http.StatusOK).Next
	before := s.Do(t, "GET", "/images/photo.jpg", "", "").Want(t, http.StatusOK)

	for _, c := range []struct{ query, what string }{
		{"?w=100&h=100&fit=cover", "a copy that shows a part"},
		{"", "the image itself"},
		{"?w=4096", "a copy that is the image itself"},
		{"?w=24", "a tiny copy"},
	} {
		s.Do(t, "GET", "/images/photo.jpg"+c.query, "", "").Want(t, http.StatusOK)
		if img := listed(t, s, "name=photo.jpg")[0]; img.Color != "" || img.ThumbHash != "" {
			t.Errorf("after %s: got %q and %q, want neither", c.what, img.Color, img.ThumbHash)
		}
	}
	s.Do(t, "GET", "/images/photo.jpg?w=320", "", "").Want(t, http.StatusOK)
	img := listed(t, s, "name=photo.jpg")[0]
	hash, err := base64.StdEncoding.DecodeString(img.ThumbHash)
	if err != nil || len(hash) < 5 || hash[3]&7 != 5 || hash[4]>>7 != 1 || len(img.Color) != 7 || !strings.HasPrefix(img.Color, "#") {
		t.Fatalf("got %q and %q (% x, %v), want a colour and the ThumbHash of a landscape of 3:2", img.Color, img.ThumbHash, hash, err)
	}

	same := listed(t, s, "limit=1&cursor="+cursor)
	if len(same) != 1 || same[0].Filename != "same.jpg" || same[0].ThumbHash != img.ThumbHash || same[0].Color != img.Color {
		t.Errorf("the next page has %+v, want same.jpg with the same colour and ThumbHash", same)
	}
	after := s.Do(t, "GET", "/images/photo.jpg", "", "").Want(t, http.StatusOK)
	for _, key := range []string{"ETag", "Last-Modified"} {
		after.WantHeader(t, key, before.Header.Get(key))
	}
	s.Do(t, "GET", "/images/photo.jpg?w=64&q=40", "", "").Want(t, http.StatusOK)
	if again := listed(t, s, "name=photo.jpg")[0]; again != img {
		t.Errorf("after another copy: got %+v, want %+v", again, img)
	}
	if r := s.Put(t, "/images/third.jpg", photo); r.Color != img.Color || r.ThumbHash != img.ThumbHash {
		t.Errorf("an upload of the same bytes has %q and %q, want %q and %q", r.Color, r.ThumbHash, img.Color, img.ThumbHash)
	}
	if other := listed(t, s, "name=newest.png")[0]; other.Color != "" {
		t.Errorf("another image has the colour %q, want none", other.Color)
	}
}

// TestPlaceholderMissing: an image of which the server keeps no copy has no placeholder.
func TestPlaceholderMissing(t *testing.T) {
	t.Parallel()
	none := apitest.NewServer(t, api.Options{VariantBudget: -1})
	s := apitest.NewServer(t, api.Options{})
	for _, c := range []struct {
		s    *apitest.Server
		name string
	}{{s, "gradient.svg"}, {s, "animated.gif"}, {s, "gradient.jpg"}, {none, "quarters-1x1.jpg"}} {
		c.s.Put(t, "/images/"+c.name, apitest.Sample(t, c.name))
		c.s.Do(t, "GET", "/images/"+c.name+"?w=64", "", "").Want(t, http.StatusOK)
		if img := listed(t, c.s, "name="+c.name)[0]; img.Color != "" || img.ThumbHash != "" {
			t.Errorf("%s: got %q and %q, want neither", c.name, img.Color, img.ThumbHash)
		}
	}
}

// TestPlaceholderDecoded: the decoder of a HEIC also makes the placeholder.
func TestPlaceholderDecoded(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Decoders: apitest.Decoders(t)})
	for name, transparent := range map[string]bool{"gradient.heic": false, "alpha.heic": true} {
		s.Put(t, "/images/"+name, apitest.Sample(t, name))
		s.Do(t, "GET", "/images/"+name+"?w=32", "", "").Want(t, http.StatusOK)
		img := listed(t, s, "name="+name)[0]
		hash, err := base64.StdEncoding.DecodeString(img.ThumbHash)
		if err != nil || len(hash) < 5 || hash[2]>>7 == 1 != transparent || img.Color == "" || bytes.Contains(hash, []byte("\ufffd")) {
			t.Errorf("%s: got %q and %q (% x, %v)", name, img.Color, img.ThumbHash, hash, err)
		}
	}
}
