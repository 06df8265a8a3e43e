package api_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"imageserver/api"
	"imageserver/api/transport"
	"imageserver/db"
	"imageserver/db/bolt"
	"imageserver/ui"
)

// patience is how long any test waits for anything.
const patience = 10 * time.Second

// secure has these tests run over TLS: over HTTP/2 where net/http's client sends
// the requests, and over HTTP/1.1 where a test writes to the connection itself.
var secure = flag.Bool("tls", false, "run the tests over TLS and HTTP/2")

// scheme is how the URLs of the server begin.
func scheme() string {
	if *secure {
		return "https://"
	}
	return "http://"
}

// server is the real server on a fresh store and a port of its own.
type server struct {
	url    string
	store  db.Store
	log    *logged
	client *http.Client
}

// newServer starts a server that runs until the test ends.
func newServer(t testing.TB, o api.Options) *server {
	t.Helper()
	return serve(t, newStore(t), o)
}

func newStore(t testing.TB) db.Store {
	t.Helper()
	store, err := bolt.Open(filepath.Join(t.TempDir(), "images.db"), bolt.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return store
}

// serve starts a server for store. Its log is kept unless o has one.
func serve(t testing.TB, store db.Store, o api.Options) *server {
	t.Helper()
	return serveOver(t, store, o, *secure)
}

// serveOver is serve over TLS or without.
func serveOver(t testing.TB, store db.Store, o api.Options, secure bool) *server {
	t.Helper()
	log := new(logged)
	if o.Log == nil {
		o.Log = slog.New(slog.NewJSONHandler(log, nil))
	}
	s := listen(t, api.New(store, ui.Handler(), o), secure)
	s.store, s.log = store, log
	return s
}

// listen starts a server for handler, on connections as main makes them.
func listen(t testing.TB, handler *api.Server, secure bool) *server {
	t.Helper()
	h := httptest.NewUnstartedServer(handler)
	h.Listener = transport.Listener(h.Listener)
	h.Config.ConnContext = transport.ConnContext
	h.Config.HTTP2 = handler.HTTP2()
	h.EnableHTTP2 = true
	return start(t, h, secure)
}

func start(t testing.TB, h *httptest.Server, secure bool) *server {
	t.Helper()
	if secure {
		h.StartTLS()
	} else {
		h.Start()
	}
	t.Cleanup(h.Close)
	client := h.Client()
	client.Timeout = patience
	client.Transport.(*http.Transport).DisableCompression = true
	return &server{url: h.URL, client: client}
}

// host is the server's address with its port.
func (s *server) host() string { return s.url[strings.Index(s.url, "//")+2:] }

// send sends a request. The path goes out as it is written, escapes included;
// header is a "Name: value" a line. A body that is an unknown kind of reader
// goes out in chunks.
func (s *server) send(t testing.TB, method, path, header string, body io.Reader) answer {
	t.Helper()
	a, err := s.try(t, method, path, header, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// try is send for other goroutines than the test's own.
func (s *server) try(t testing.TB, method, path, header string, body io.Reader) (answer, error) {
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, body)
	if err != nil {
		return answer{}, err
	}
	setHeader(r, header)
	sent := remember(r)
	res, err := s.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	res.Request.GetBody = sent
	return readAnswer(t, res)
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

// do is send with the body in a string, so with a Content-Length.
func (s *server) do(t testing.TB, method, path, header, body string) answer {
	t.Helper()
	return s.send(t, method, path, header, strings.NewReader(body))
}

func setHeader(r *http.Request, header string) {
	for line := range strings.Lines(header) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if key == "Host" {
			r.Host = value
		} else {
			r.Header.Add(key, value)
		}
	}
}

// put stores content under the name in path, which must be free.
func (s *server) put(t testing.TB, path, content string) reply {
	t.Helper()
	return s.do(t, "PUT", path, "", content).success(t, http.StatusCreated)
}

// stored returns the names of all images, the newest first.
func (s *server) stored(t testing.TB) []string {
	t.Helper()
	images, _, err := s.store.List(context.Background(), db.ListOptions{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, img := range images {
		names = append(names, img.Name)
	}
	return names
}

// dial connects to the server, for what net/http's client would not send. The
// connection gives up in time.
func (s *server) dial(t testing.TB) *conn {
	t.Helper()
	c, err := net.Dial("tcp", s.host())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	tcp := c.(*net.TCPConn)
	if strings.HasPrefix(s.url, "https:") {
		trusts := s.client.Transport.(*http.Transport).TLSClientConfig.RootCAs
		c = tls.Client(c, &tls.Config{RootCAs: trusts, ServerName: "127.0.0.1"})
	}
	return &conn{c.(duplex), tcp, bufio.NewReader(c), ""}
}

// duplex is a *net.TCPConn or *tls.Conn.
type duplex interface {
	net.Conn
	CloseWrite() error
}

type conn struct {
	duplex
	tcp  *net.TCPConn
	r    *bufio.Reader
	line string // of the last request
}

// request writes a request's head: the request line, Host, and the header,
// a line each.
func (c *conn) request(t testing.TB, line, header string) {
	t.Helper()
	c.line = line
	head := line + " HTTP/1.1\nHost: localhost\n" + header + "\n\n"
	if header == "" {
		head = line + " HTTP/1.1\nHost: localhost\n\n"
	}
	if _, err := io.WriteString(c, strings.ReplaceAll(head, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
}

// answer reads the answer to a request of the method.
func (c *conn) answer(t testing.TB, method string) answer {
	t.Helper()
	r := &http.Request{Method: method}
	if _, path, ok := strings.Cut(c.line, " "); ok {
		r.URL, _ = url.ParseRequestURI(path) // nil where it is wrong on purpose
	}
	res, err := http.ReadResponse(c.r, r)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	a, err := readAnswer(t, res)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// answer is what the server said.
type answer struct {
	method string
	status int
	header http.Header
	body   string
}

// readAnswer reads res to its end, and checks what is true of every answer: it
// is as the API's description has it, an error says what happened to people and
// to programs, and nothing else is one.
func readAnswer(t testing.TB, res *http.Response) (answer, error) {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, fmt.Errorf("read the %s: %w", res.Status, err)
	}
	a := answer{res.Request.Method, res.StatusCode, res.Header, string(body)}
	conform(t, res.Request, a)
	if a.method == http.MethodHead {
		return a, nil
	}
	if a.status >= 400 && strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		return a, nil // a page for a person
	}
	if a.status >= 400 {
		r := a.reply(t)
		if r.Message == "" || r.Error == nil || r.Error.Code == "" || r.Error.Message == "" {
			t.Errorf("an error without message, error.code and error.message: %s", a)
		}
		a.wantHeader(t, "Cache-Control", "no-store")
		a.wantHeader(t, "X-Content-Type-Options", "nosniff")
		for _, key := range []string{"Etag", "Last-Modified", "Content-Disposition"} {
			a.wantHeader(t, key, "")
		}
	} else if strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		if a.reply(t).Error != nil {
			t.Errorf("a success with the key “error”: %s", a)
		}
	}
	return a, nil
}

func (a answer) String() string {
	body := a.body
	if len(body) > 500 {
		body = fmt.Sprintf("%.500q… (%d bytes)", body, len(body))
	}
	return fmt.Sprintf("%d %s: %s", a.status, http.StatusText(a.status), body)
}

// wantHeader checks a field; empty means that it must not be there.
func (a answer) wantHeader(t testing.TB, key, want string) {
	t.Helper()
	if got := strings.Join(a.header.Values(key), "; "); got != want {
		t.Errorf("%s: got %q, want %q", key, got, want)
	}
}

// want checks the status.
func (a answer) want(t testing.TB, status int) {
	t.Helper()
	if a.status != status {
		t.Fatalf("got %s, want status %d", a, status)
	}
}

// success checks the status and returns the JSON.
func (a answer) success(t testing.TB, status int) reply {
	t.Helper()
	a.want(t, status)
	return a.reply(t)
}

// refusal checks that the answer is an error with this status and code, and
// returns its JSON.
func (a answer) refusal(t testing.TB, status int, code string) reply {
	t.Helper()
	a.want(t, status)
	r := a.reply(t)
	if r.Error == nil || r.Error.Code != code {
		t.Errorf("got %s, want the code %q", a, code)
	}
	return r
}

// wantImage checks that the answer is the image of these bytes.
func (a answer) wantImage(t testing.TB, content string) {
	t.Helper()
	a.want(t, http.StatusOK)
	if a.body != content {
		t.Errorf("got %d bytes, want the %d of the image", len(a.body), len(content))
	}
}

// reply is the JSON of any answer.
type reply struct {
	Message string
	img
	Location  string
	Duplicate bool
	Error     *struct{ Code, Message string }
	Images    []img
	Next      string
}

// img is an image in JSON.
type img struct {
	Filename    string
	URL         string
	Size        int64
	ContentType string `json:"content_type"`
	Width       int
	Height      int
	SHA256      string
	UploadedAt  time.Time `json:"uploaded_at"`
	ExpiresAt   time.Time `json:"expires_at"`
	DeletedAt   time.Time `json:"deleted_at"`
	KeptUntil   time.Time `json:"kept_until"`
	DeleteURL   string    `json:"delete_url"`
	Stripped    bool
}

func (a answer) reply(t testing.TB) (r reply) {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type: got %q, want application/json; %s", got, a)
	}
	if err := json.Unmarshal([]byte(a.body), &r); err != nil {
		t.Errorf("%v in %s", err, a)
	}
	return r
}

// names are the file names of images in JSON.
func names(images []img) []string {
	list := []string{}
	for _, i := range images {
		list = append(list, i.Filename)
	}
	return list
}

// path turns an absolute URL of the server's into what send takes.
func (s *server) path(t testing.TB, url string) string {
	t.Helper()
	path, ok := strings.CutPrefix(url, s.url)
	if !ok {
		t.Fatalf("the URL %q does not begin with %s", url, s.url)
	}
	return path
}

// sample returns a file of testdata.
func sample(t testing.TB, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// picture makes a PNG of size bytes, or of the fewest that do, another one for
// each seed: nobody minds what stands behind the end.
func picture(t testing.TB, seed uint64, size int) string {
	t.Helper()
	png := sample(t, "gradient.png")
	noise := make([]byte, max(8, size-len(png)))
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	rand.NewChaCha8(key).Read(noise)
	return png + string(noise)
}

// logged keeps a log and lets tests wait for its lines.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// wait returns the first line that holds all of the words.
func (l *logged) wait(t testing.TB, words ...string) string {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for line := range strings.Lines(l.String()) {
			if containsAll(line, words) {
				return line
			}
		}
	}
	t.Fatalf("the log has no line with %q", words)
	return ""
}

func containsAll(s string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(s, w) {
			return false
		}
	}
	return true
}
