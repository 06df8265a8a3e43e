package apitest

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Answer is a response with its whole body.
type Answer struct {
	method string
	Status int
	Header http.Header
	Body   string
}

// ReadAnswer reads a response to its end and makes the checks that hold for every response:
// it is as openapi.json describes it, an error has a message for people and a code for
// programs, and a success has no error.
func ReadAnswer(t testing.TB, res *http.Response) (Answer, error) {
	t.Helper()
	defer res.Body.Close()
	body, err := readBody(res)
	if err != nil {
		return Answer{}, fmt.Errorf("read the %s: %w", res.Status, err)
	}
	a := Answer{res.Request.Method, res.StatusCode, res.Header, string(body)}
	conform(t, res.Request, a)
	if a.method == http.MethodHead {
		return a, nil
	}
	if a.Status >= 400 && a.isPage() {
		return a, nil
	}
	if a.Status >= 400 {
		r := a.Reply(t)
		if r.Message == "" || r.Error == nil || r.Error.Code == "" || r.Error.Message == "" {
			t.Errorf("an error without message, error.code and error.message: %s", a)
		}
		a.WantHeader(t, "Cache-Control", "no-store")
		a.WantHeader(t, "X-Content-Type-Options", "nosniff")
		for _, key := range []string{"Etag", "Last-Modified", "Content-Disposition"} {
			a.WantHeader(t, key, "")
		}
	} else if strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		if a.Reply(t).Error != nil {
			t.Errorf("a success with the key “error”: %s", a)
		}
	}
	return a, nil
}

// readBody reads the body and decompresses it.
func readBody(res *http.Response) ([]byte, error) {
	if res.Header.Get("Content-Encoding") != "gzip" || res.Request.Method == http.MethodHead {
		return io.ReadAll(res.Body)
	}
	r, err := gzip.NewReader(res.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// isPage reports whether the response is a page for a person.
func (a Answer) isPage() bool { return strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") }

func (a Answer) String() string {
	body := a.Body
	if len(body) > 500 {
		body = fmt.Sprintf("%.500q… (%d bytes)", body, len(body))
	}
	return fmt.Sprintf("%d %s: %s", a.Status, http.StatusText(a.Status), body)
}

// WantHeader checks a header field. An empty want means that the field must be missing.
func (a Answer) WantHeader(t testing.TB, key, want string) {
	t.Helper()
	if got := strings.Join(a.Header.Values(key), "; "); got != want {
		t.Errorf("%s: got %q, want %q", key, got, want)
	}
}

// WantHeaders checks a "Name: value" in each line.
func (a Answer) WantHeaders(t testing.TB, header string) {
	t.Helper()
	for line := range strings.Lines(header) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		a.WantHeader(t, key, value)
	}
}

// Want checks the status and returns the response.
func (a Answer) Want(t testing.TB, status int) Answer {
	t.Helper()
	if a.Status != status {
		t.Fatalf("got %s, want status %d", a, status)
	}
	return a
}

// Success checks the status and returns the JSON.
func (a Answer) Success(t testing.TB, status int) Reply {
	t.Helper()
	return a.Want(t, status).Reply(t)
}

// Refusal checks that the response is an error with this status and code, and returns its
// JSON.
func (a Answer) Refusal(t testing.TB, status int, code string) Reply {
	t.Helper()
	r := a.Want(t, status).Reply(t)
	if r.Error == nil || r.Error.Code != code {
		t.Errorf("got %s, want the code %q", a, code)
	}
	return r
}

// WantImage checks that the response is the image with this content.
func (a Answer) WantImage(t testing.TB, content string) {
	t.Helper()
	a.Want(t, http.StatusOK)
	if a.Body != content {
		t.Errorf("got %d bytes, want the %d of the image", len(a.Body), len(content))
	}
}

// Reply is the JSON of any response.
type Reply struct {
	Message string
	Image
	Location  string
	Duplicate bool
	Error     *struct{ Code, Message string }
	Images    []Image
	Next      string
}

// Image is an image in JSON.
type Image struct {
	Filename    string
	URL         string
	Size        int64
	ContentType string `json:"content_type"`
	Width       int
	Height      int
	SHA256      string
	UploadedAt  time.Time `json:"uploaded_at"`
	Color       string    `json:"dominant_color"`
	ThumbHash   string
	ExpiresAt   time.Time `json:"expires_at"`
	DeletedAt   time.Time `json:"deleted_at"`
	KeptUntil   time.Time `json:"kept_until"`
	DeleteURL   string    `json:"delete_url"`
	Stripped    bool
}

// Reply returns the JSON of the response.
func (a Answer) Reply(t testing.TB) (r Reply) {
	t.Helper()
	if got := a.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type: got %q, want application/json; %s", got, a)
	}
	if err := json.Unmarshal([]byte(a.Body), &r); err != nil {
		t.Errorf("%v in %s", err, a)
	}
	return r
}

func (a Answer) isJSON() bool {
	return a.method != http.MethodHead && a.Header.Get("Content-Type") == "application/json"
}

// Names returns the file names of images.
func Names(images []Image) []string {
	list := []string{}
	for _, i := range images {
		list = append(list, i.Filename)
	}
	return list
}
