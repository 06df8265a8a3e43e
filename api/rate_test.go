package api_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"imageserver/api/apitest"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/api/units"
)

// TestRate checks that each client may upload at the rate and no faster, with or without the
// access token.
func TestRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := apitest.NewPipeServer(t, api.Options{
			Access: access.Options{
				Rate:           units.Rate{Count: 2, Per: time.Hour},
				Token:          "s3cret",
				TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
			},
		})
		upload := func(client, method, name string) apitest.Answer {
			t.Helper()
			return s.Do(t, method, "/images/"+name, "Authorization: Bearer s3cret\nX-Forwarded-For: "+client, apitest.Picture(t, 1, 100))
		}
		for i := range 2 {
			upload("192.0.2.1", "PUT", fmt.Sprint(i, ".png")).Want(t, http.StatusCreated)
			upload("2001:db8::1", "PUT", fmt.Sprint(10+i, ".png")).Want(t, http.StatusCreated)
		}
		for _, client := range []string{"192.0.2.1", "::ffff:192.0.2.1", "2001:db8::2"} {
			a := upload(client, "PUT", "more.png")
			if r := a.Refusal(t, http.StatusTooManyRequests, "too_many_uploads"); !strings.Contains(r.Message, "Try again in 1800 s.") {
				t.Errorf("%s: the message is %q, want the time in it", client, r.Message)
			}
			a.WantHeader(t, "Retry-After", "1800")
		}
		upload("192.0.2.2", "PUT", "other.png").Want(t, http.StatusCreated)
		upload("2001:db8:0:1::1", "PUT", "network.png").Want(t, http.StatusCreated)
		upload("192.0.2.1", "DELETE", "other.png").Want(t, http.StatusNoContent)
		upload("192.0.2.1", "GET", "network.png").Want(t, http.StatusOK)
		// A request without the access token does not count.
		for range 3 {
			s.Do(t, "PUT", "/images/a.png", "X-Forwarded-For: 192.0.2.3", "x").Refusal(t, http.StatusUnauthorized, "token")
		}
		upload("192.0.2.3", "PUT", "third.png").Want(t, http.StatusCreated)
		time.Sleep(30 * time.Minute)
		upload("192.0.2.1", "PUT", "later.png").Want(t, http.StatusCreated)
	})
}

// TestRateOfForm checks that each file of a form counts, and that the files before the
// limit are stored.
func TestRateOfForm(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Access: access.Options{Rate: units.Rate{Count: 2, Per: time.Hour}}})
	r := s.Upload(t, apitest.File("file", "a.png", apitest.Picture(t, 1, 100)), apitest.File("file", "b.png", apitest.Picture(t, 2, 100)), apitest.File("file", "c.png", apitest.Picture(t, 3, 100))).Refusal(t, http.StatusTooManyRequests, "too_many_uploads")
	if len(r.Images) != 2 || !strings.Contains(r.Message, "a.png, b.png") {
		t.Errorf("got %d images and %q, want two that are stored", len(r.Images), r.Message)
	}
}

// TestRateBeforeBody checks that a client over the limit gets no "100 Continue".
func TestRateBeforeBody(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Access: access.Options{Rate: units.Rate{Count: 1, Per: time.Hour}}})
	s.Put(t, "/images/a.png", apitest.Picture(t, 1, 100))
	c := s.Dial(t)
	c.Request(t, "PUT /images/b.png", "Content-Length: 1000000\nExpect: 100-continue")
	c.Answer(t, "PUT").Refusal(t, http.StatusTooManyRequests, "too_many_uploads")
}
