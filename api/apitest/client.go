package apitest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Upload posts the parts as a form.
func (s *Server) Upload(t testing.TB, parts ...string) Answer {
	t.Helper()
	return s.Do(t, "POST", "/upload", FormType, Form(parts...))
}

// host is the server's address with its port.
func (s *Server) host() string { return s.URL[strings.Index(s.URL, "//")+2:] }

// Send sends a request. The path goes out as it is written, escapes included;
// header is a "Name: value" a line. A body that is an unknown kind of reader
// goes out in chunks.
func (s *Server) Send(t testing.TB, method, path, header string, body io.Reader) Answer {
	t.Helper()
	a, err := s.Try(t, method, path, header, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Try is send for other goroutines than the test's own.
func (s *Server) Try(t testing.TB, method, path, header string, body io.Reader) (Answer, error) {
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	if err != nil {
		return Answer{}, err
	}
	SetHeader(r, header)
	sent := remember(r)
	res, err := s.Client.Do(r)
	if err != nil {
		return Answer{}, err
	}
	res.Request.GetBody = sent
	return ReadAnswer(t, res)
}

// remember returns how to get the body again that a request is about to send.
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

// Do is send with the body in a string, so with a Content-Length.
func (s *Server) Do(t testing.TB, method, path, header, body string) Answer {
	t.Helper()
	return s.Send(t, method, path, header, strings.NewReader(body))
}

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
func (s *Server) Put(t testing.TB, path, content string) Reply {
	t.Helper()
	return s.Do(t, "PUT", path, "", content).Success(t, http.StatusCreated)
}

// Path turns an absolute URL of the server's into what send takes.
func (s *Server) Path(t testing.TB, url string) string {
	t.Helper()
	path, ok := strings.CutPrefix(url, s.URL)
	if !ok {
		t.Fatalf("the URL %q does not begin with %s", url, s.URL)
	}
	return path
}
