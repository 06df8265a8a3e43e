package api_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"imageserver/api/apitest"

	"imageserver/api"
	"imageserver/db/bolt"
)

// newScarceServer starts a server whose store has memory for one upload at a time.
func newScarceServer(t *testing.T) *apitest.Server {
	t.Helper()
	return apitest.Serve(t, apitest.OpenStore(t, bolt.Options{UploadMemory: 1}), api.Options{})
}

// TestGiveWay checks that a stalled upload ends when another upload waits for memory, and
// that its client gets the reason.
func TestGiveWay(t *testing.T) {
	t.Parallel()
	cat, dog := apitest.Picture(t, 1, 300_000), apitest.Picture(t, 2, 300_000)
	body := apitest.Form(apitest.File("file", "cat.png", cat))
	post := apitest.FormType + fmt.Sprint("\nContent-Length: ", len(body))
	put := fmt.Sprint("Content-Length: ", len(cat))
	for _, c := range []struct{ name, line, header, sent string }{
		{"PUT, 5,000 bytes", "PUT /images/cat.png", put, cat[:5000]},
		{"PUT, most of it", "PUT /images/cat.png", put, cat[:250_000]},
		{"PUT, chunked", "PUT /images/cat.png", "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n", 10_000, cat[:10_000])},
		{"POST, 5,000 bytes", "POST /upload", post, body[:5000]},
		{"POST, behind the file", "POST /upload", post, body[:len(body)-5]},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScarceServer(t)
			conn := s.Dial(t)
			conn.Request(t, c.line, c.header)
			if _, err := io.WriteString(conn, c.sent); err != nil {
				t.Fatal(err)
			}
			method, _, _ := strings.Cut(c.line, " ")
			gone := make(chan apitest.Answer)
			go func() { gone <- conn.Answer(t, method) }()
			for i := 0; ; i++ {
				s.Put(t, fmt.Sprintf("/images/%d.png", i), dog[:len(dog)-1]+string(rune('a'+i%26)))
				select {
				case a := <-gone:
					a.Refusal(t, http.StatusRequestTimeout, "too_slow")
					if !strings.Contains(a.Body, "while others were waiting") {
						t.Errorf("the response is %s, want the reason", a.Body)
					}
					if _, err := io.ReadAll(conn.R); err != nil {
						t.Errorf("after the error: %v, want the connection closed", err)
					}
					return
				default:
				}
			}
		})
	}
}
