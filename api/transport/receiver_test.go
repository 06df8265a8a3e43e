package transport

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"imageserver/db"
)

// TestReceiver checks which responses are sent without a copy. WriteNow must not wait, because
// the engine locks its memory map meanwhile. But net/http waits for the rest of the body of a
// request before it sends the head of the response.
func TestReceiver(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.Use(Pace(time.Minute, func(echo.Context) string { return "" }))
	e.Any("/", func(c echo.Context) error {
		_, direct := Receiver(c.Response().Writer).(db.DirectReceiver)
		return c.String(http.StatusOK, fmt.Sprint(direct))
	})
	for _, secure := range []bool{false, true} {
		s := httptest.NewUnstartedServer(e)
		s.Listener, s.Config.ConnContext = Listener(s.Listener), ConnContext
		if s.EnableHTTP2 = secure; secure {
			s.StartTLS()
		} else {
			s.Start()
		}
		defer s.Close()
		for _, body := range []string{"", "body"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			res, err := s.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			var got bool
			if _, err := fmt.Fscan(res.Body, &got); err != nil {
				t.Fatal(err)
			}
			if want := canSendVector && !secure && body == ""; got != want {
				t.Errorf("TLS %v, body %q: direct is %v, want %v", secure, body, got, want)
			}
		}
	}
}
