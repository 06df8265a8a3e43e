package e2e_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"
)

// hostile is what nobody sends who means well. Each lacks the header Host, which
// attack puts after its first line.
var hostile = []string{
	// Names.
	"GET /images/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\n\r\n",
	"GET /images/../../etc/passwd HTTP/1.1\r\n\r\n",
	"GET /images/%zz HTTP/1.1\r\n\r\n",
	"GET /images/%ff%fe HTTP/1.1\r\n\r\n",
	"GET /images/" + strings.Repeat("a", 8000) + " HTTP/1.1\r\n\r\n",
	"PUT /images/a%00b.png HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
	"PUT /images/" + strings.Repeat("%C3%A4", 200) + " HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
	"DELETE /images/%20 HTTP/1.1\r\n\r\n",
	"POST /images/none.png/rename HTTP/1.1\r\nContent-Length: 9\r\n\r\n{\"filenam",
	"DELETE /delete/" + strings.Repeat("k", 4000) + " HTTP/1.1\r\n\r\n",

	// Forms and bodies.
	"POST /upload HTTP/1.1\r\nContent-Type: multipart/form-data\r\nContent-Length: 3\r\n\r\nabc",
	"POST /upload HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 3\r\n\r\n--x",
	"POST /upload HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 7\r\n\r\n--x--\r\n",
	"POST /upload HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	"POST /upload HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
	"POST /upload HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 40000\r\n\r\n--x\r\n" + strings.Repeat("A: b\r\n", 6000),
	"PUT /images/broken.png HTTP/1.1\r\nContent-Length: 40\r\n\r\n\x89PNG\r\n\x1a\n\xff\xff\xff\xffIHDR\xff\xff\xff\xff\xff\xff\xff\xff\x10\x06\x00\x00\x00....",
	"PUT /images/none.svg HTTP/1.1\r\nContent-Length: 60\r\n\r\n<!DOCTYPE s [<!ENTITY a \"&a;&a;\">]><svg width=\"&a;\"></svg>    ",
	"PUT /images/large.png HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
	"POST /archive HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 14000\r\n\r\n" + strings.Repeat("name=a%00.png&", 1000),

	// Parameters and headers.
	"GET /images?limit=-1 HTTP/1.1\r\n\r\n",
	"GET /images?limit=99999999999999999999&cursor=%00%ff HTTP/1.1\r\n\r\n",
	"GET /images/photo-0.jpg?w=99999999&h=-4&fit=cover HTTP/1.1\r\n\r\n",
	"GET /images/photo-0.jpg?w=4096&w=1&q=0&format=exe HTTP/1.1\r\n\r\n",
	"GET /images/fixed-6.png HTTP/1.1\r\nRange: bytes=" + strings.Repeat("0-0,", 5000) + "1-1\r\nConnection: close\r\n\r\n",
	"GET /images/fixed-0.png HTTP/1.1\r\nIf-None-Match: " + strings.Repeat(`"a", `, 10000) + "\r\n\r\n",
	"GET /livez HTTP/1.1\r\n" + strings.Repeat("X-Flood: "+strings.Repeat("y", 90)+"\r\n", 550) + "\r\n", // less than the server takes
	"GET /livez HTTP/1.1\r\n" + strings.Repeat("X-Flood: "+strings.Repeat("y", 90)+"\r\n", 2000),         // and more
	"GET /livez HTTP/1.1\r\nX-Forwarded-For: 1.2.3.4, " + strings.Repeat("::1,", 1000) + "\r\n\r\n",

	// Protocol.
	"POST /upload HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
	"POST /upload HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
	"POST /upload HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\n\r\n",
	"FOO /images HTTP/1.1\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\n\r\n",
	"GET http://example.com/images HTTP/1.1\r\n\r\n",
	"GET /images HTTP/9.9\r\n\r\n",
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	strings.Repeat("\x00", 4000) + "\r\n\r\n",
	"GET /livez HTTP/1.1\r\n\r\n" + strings.Repeat("GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 200), // all at once, and no answer is read but the first

	// Requests that never end; after a while the client goes away.
	"",
	"GET /ima",
	"GET /livez HTTP/1.1\r\nX-Half: ",
	"POST /upload HTTP/1.1\r\nExpect: 100-continue\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000\r\n\r\n",
	"PUT /images/half.png HTTP/1.1\r\nContent-Length: 1000\r\n\r\n\x89PNG",
}

// attack sends one of hostile and reads the answer, if one comes soon. No image
// may be taken, and the server may not fail.
func (k *soak) attack() error {
	request := hostile[rand.IntN(len(hostile))]
	if line, rest, ok := strings.Cut(request, "\r\n"); ok {
		request = line + "\r\nHost: " + k.s.host() + "\r\n" + rest
	}
	conn, err := net.Dial("tcp", k.s.host())
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	io.WriteString(conn, request) // the server may hang up in the midst of it
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil // it hung up, or waits for the rest
	}
	defer resp.Body.Close()
	io.CopyN(io.Discard, resp.Body, 100e3)
	switch code := resp.StatusCode; {
	case code == http.StatusCreated:
		return fmt.Errorf("%.200q is taken", request)
	case code == http.StatusNotImplemented || code == http.StatusHTTPVersionNotSupported: // net/http's, for what it does not know
	case code >= 500:
		return fmt.Errorf("%.200q gives %d", request, code)
	}
	return nil
}

// breakOffUpload sends a part of an image, in a form or without, and goes away.
func (k *soak) breakOffUpload() error {
	p := pictureBetween(1e3, 3e6)
	content, name := p.bytes(), fmt.Sprintf("broken-%d.png", rand.Uint64())
	sent := content[:rand.IntN(len(content))]
	body := io.MultiReader(strings.NewReader(string(sent)), broken{})
	send := k.s.put
	if rand.IntN(2) == 0 {
		send = k.s.post
	}
	if _, err := send(name, body, p.size); !errors.Is(err, errBroken) {
		return fmt.Errorf("%d of %d bytes: %v", len(sent), len(content), err)
	}
	return nil
}

// broken is a body that cannot be read on, so that a client breaks off.
type broken struct{}

var errBroken = errors.New("broken off by the test")

func (broken) Read([]byte) (int, error) { return 0, errBroken }
