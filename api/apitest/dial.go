package apitest

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Dial connects to the server, for requests that net/http's client would not send.
func (c *Client) Dial(t testing.TB) *Conn {
	t.Helper()
	dial := new(net.Dialer).DialContext
	transport := c.HTTP.Transport.(*http.Transport)
	if transport.DialContext != nil {
		dial = transport.DialContext
	}
	conn, err := dial(t.Context(), "tcp", c.Host())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	tcp, _ := conn.(*net.TCPConn)
	if strings.HasPrefix(c.URL, "https:") {
		conn = tls.Client(conn, &tls.Config{RootCAs: transport.TLSClientConfig.RootCAs, ServerName: "127.0.0.1"})
	}
	return &Conn{conn, tcp, bufio.NewReader(conn), ""}
}

// Conn is a connection on which a test writes requests itself.
type Conn struct {
	net.Conn
	TCP  *net.TCPConn  // below TLS; nil for a pipe
	R    *bufio.Reader // reads responses
	line string        // of the last request
}

// CloseWrite tells the server that nothing more will be sent. A pipe cannot do it.
func (c *Conn) CloseWrite() error { return c.Conn.(interface{ CloseWrite() error }).CloseWrite() }

// Request writes the head of a request: the request line, Host, and a line for each field
// of the header.
func (c *Conn) Request(t testing.TB, line, header string) {
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

// WantContinue reads a "100 Continue".
func (c *Conn) WantContinue(t testing.TB) {
	t.Helper()
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
		if line, err := c.R.ReadString('\n'); err != nil || line != want {
			t.Fatalf("got %q, %v, want %q", line, err, want)
		}
	}
}

// Answer reads the response to a request with this method.
func (c *Conn) Answer(t testing.TB, method string) Answer {
	t.Helper()
	r := &http.Request{Method: method}
	if _, path, ok := strings.Cut(c.line, " "); ok {
		r.URL, _ = url.ParseRequestURI(path) // nil if a test sends a wrong path
	}
	res, err := http.ReadResponse(c.R, r)
	if err != nil {
		t.Fatalf("read the response: %v", err)
	}
	a, err := ReadAnswer(t, res)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
