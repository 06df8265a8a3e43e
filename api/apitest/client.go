package apitest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Patience is how long a test waits before it fails. Only a server that hangs takes as
// long.
const Patience = time.Minute

// Client sends requests to a server and checks that every response is as openapi.json
// describes it.
type Client struct {
	URL  string // of the server, without a path
	HTTP *http.Client
}

// NewClient returns a client for the server at url.
func NewClient(url string) *Client { return newClient(url, new(http.Transport)) }

func newClient(url string, transport *http.Transport) *Client {
	transport.DisableCompression = true
	return &Client{url, &http.Client{Transport: transport, Timeout: Patience}}
}

// Host returns the host and the port of the server.
func (c *Client) Host() string { return c.URL[strings.Index(c.URL, "//")+2:] }

// Send sends a request. It does not change the escapes in path. header has a "Name: value"
// in each line. A body of a type that net/http does not know is sent in chunks.
func (c *Client) Send(t testing.TB, method, path, header string, body io.Reader) Answer {
	t.Helper()
	a, err := c.Try(t, method, path, header, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Try is Send for requests that may fail, and for goroutines that must not end the test.
func (c *Client) Try(t testing.TB, method, path, header string, body io.Reader) (Answer, error) {
	r, err := http.NewRequestWithContext(t.Context(), method, c.URL+path, body)
	if err != nil {
		return Answer{}, err
	}
	SetHeader(r, header)
	sent := remember(r)
	res, err := c.HTTP.Do(r)
	if err != nil {
		return Answer{}, err
	}
	res.Request.GetBody = sent
	return ReadAnswer(t, res)
}

// remember makes a request keep its body. It returns a function that opens the body again.
func remember(r *http.Request) func() (io.ReadCloser, error) {
	if r.Body == nil || r.GetBody != nil {
		return r.GetBody
	}
	sent := new(bytes.Buffer)
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(r.Body, sent), r.Body}
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(sent.Bytes())), nil }
}

// Do is Send for a body in a string, which is sent with a Content-Length.
func (c *Client) Do(t testing.TB, method, path, header, body string) Answer {
	t.Helper()
	return c.Send(t, method, path, header, strings.NewReader(body))
}

// SetHeader adds the header fields to a request.
func SetHeader(r *http.Request, header string) {
	for line := range strings.Lines(header) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if key == "Host" {
			r.Host = value
		} else {
			r.Header.Add(key, value)
		}
	}
}

// Put stores content under the name in path, which must be free.
func (c *Client) Put(t testing.TB, path, content string) Reply {
	t.Helper()
	return c.Do(t, "PUT", path, "", content).Success(t, http.StatusCreated)
}

// Upload posts the parts as a form.
func (c *Client) Upload(t testing.TB, parts ...string) Answer {
	t.Helper()
	return c.Do(t, "POST", "/upload", FormType, Form(parts...))
}

// Path returns the path of an absolute URL of the server.
func (c *Client) Path(t testing.TB, url string) string {
	t.Helper()
	path, ok := strings.CutPrefix(url, c.URL)
	if !ok {
		t.Fatalf("the URL %q does not begin with %s", url, c.URL)
	}
	return path
}
