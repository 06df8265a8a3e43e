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

// Dial connects to the server, for what net/http's client would not send. The
// connection gives up in time.
func (s *Server) Dial(t testing.TB) *Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.host())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	tcp := c.(*net.TCPConn)
	if strings.HasPrefix(s.URL, "https:") {
		trusts := s.Client.Transport.(*http.Transport).TLSClientConfig.RootCAs
		c = tls.Client(c, &tls.Config{RootCAs: trusts, ServerName: "127.0.0.1"})
	}
	return &Conn{c.(duplex), tcp, bufio.NewReader(c), ""}
}

// duplex is a *net.TCPConn or *tls.Conn.
type duplex interface {
	net.Conn
	CloseWrite() error
}

type Conn struct {
	duplex
	TCP  *net.TCPConn
	R    *bufio.Reader
	line string // of the last request
}

// Request writes a request's head: the request line, Host, and the header,
// a line each.
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

// Answer reads the answer to a request of the method.
func (c *Conn) Answer(t testing.TB, method string) Answer {
	t.Helper()
	r := &http.Request{Method: method}
	if _, path, ok := strings.Cut(c.line, " "); ok {
		r.URL, _ = url.ParseRequestURI(path) // nil where it is wrong on purpose
	}
	res, err := http.ReadResponse(c.R, r)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	a, err := ReadAnswer(t, res)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
