package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imageserver/api/listen/listentest"
)

// TestProxies runs the configurations of the manual: each proxy, in front of a
// port and of a unix socket.
func TestProxies(t *testing.T) {
	parallel(t)
	for name, configure := range map[string]func(t *testing.T, p *proxy, upstream string) (config string, args []string){
		"nginx": nginx,
		"caddy": caddy,
	} {
		for _, network := range []string{"tcp", "unix"} {
			t.Run(name+" "+network, func(t *testing.T) {
				parallel(t)
				if _, err := exec.LookPath(name); err != nil {
					unavailable(t, "%s is missing", name)
				}
				p := newProxy(t)
				s, upstream := behind(t, network, p.url)
				config, args := configure(t, p, upstream)
				p.start(t, config, name, args...)
				p.check(t, s)
			})
		}
	}
}

// behind starts a server for a proxy that is reached at url.
func behind(t *testing.T, network, url string) (s *server, upstream string) {
	t.Helper()
	flags := []string{"--base-url=" + url, "--token=SECRET", "--max-upload=8MiB"}
	path := filepath.Join(t.TempDir(), "images.db")
	if network == "tcp" {
		s = start(t, path, append(flags, "--trusted-proxy=127.0.0.1")...)
		return s, s.host()
	}
	socket := filepath.Join(t.TempDir(), "http.sock")
	s = start(t, path, append(flags, "--trusted-proxy=unix", "--addr=unix:"+socket, "--socket-mode=0666")...)
	return s, socket
}

// fenced returns the manual's code block in this language.
func fenced(t *testing.T, language string) string {
	t.Helper()
	_, rest, _ := strings.Cut(page(t, "api/listen/README.md"), "\n```"+language+"\n")
	block, _, found := strings.Cut(rest, "\n```\n")
	if !found {
		t.Fatalf("the manual has no code block for %s", language)
	}
	return block + "\n"
}

// nginx returns the manual's configuration of nginx for this machine.
func nginx(t *testing.T, p *proxy, upstream string) (config string, args []string) {
	t.Helper()
	if filepath.IsAbs(upstream) {
		upstream = "unix:" + upstream
	}
	dir := t.TempDir()
	server := strings.NewReplacer(
		"listen 443", "listen 127.0.0.1:"+p.port,
		"/etc/letsencrypt/live/img.example.com/fullchain.pem", p.cert,
		"/etc/letsencrypt/live/img.example.com/privkey.pem", p.key,
		"127.0.0.1:5000", upstream,
	).Replace(fenced(t, "nginx"))
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n" // who can read the test's folders
	}
	config = fmt.Sprintf("%spid %s/pid; error_log stderr; daemon off;\nevents {}\nhttp {\naccess_log off;\nclient_body_temp_path %[2]s/body; proxy_temp_path %[2]s/proxy; fastcgi_temp_path %[2]s/f; uwsgi_temp_path %[2]s/u; scgi_temp_path %[2]s/s;\n%[3]s}\n",
		user, dir, server)
	path := filepath.Join(dir, "nginx.conf")
	return config, []string{"-p", dir, "-e", "stderr", "-c", path}
}

// caddy returns the manual's configuration of Caddy for this machine.
func caddy(t *testing.T, p *proxy, upstream string) (config string, args []string) {
	t.Helper()
	if filepath.IsAbs(upstream) {
		upstream = "unix/" + upstream
	}
	config = strings.NewReplacer(
		"img.example.com {", fmt.Sprintf("{\n\tadmin off\n\tauto_https off\n}\n\nhttps://img.example.com:%s {\n\ttls %s %s", p.port, p.cert, p.key),
		"127.0.0.1:5000", upstream,
	).Replace(fenced(t, "caddy"))
	return config, []string{"run", "--adapter", "caddyfile", "--config", filepath.Join(t.TempDir(), "Caddyfile")}
}

// proxy is a reverse proxy on this machine that is called as in the manual.
type proxy struct {
	url             string // https://img.example.com:PORT
	port, cert, key string
	client          *http.Client // at 127.0.0.9
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	dir, pair := t.TempDir(), listentest.NewCertificate(t)
	p := &proxy{
		url: "https://" + listentest.Host + ":" + port, port: port,
		cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"),
	}
	for path, content := range map[string][]byte{p.cert: pair.Cert, p.key: pair.Key} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	p.client = &http.Client{Timeout: requestTimeout, Transport: &http.Transport{
		TLSClientConfig: listentest.Trust(t, pair.Cert),
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, "127.0.0.1:"+port)
		},
	}}
	return p
}

// start writes the configuration to the file that is the last of args, and runs
// the proxy until the test ends.
func (p *proxy) start(t *testing.T, config, name string, args ...string) {
	t.Helper()
	if err := os.WriteFile(args[len(args)-1], []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	log := &output{}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(environment(), "HOME="+t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt) // nginx ends its workers, too
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s wrote last:\n%s", name, log.last(2000))
		}
	})
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", "127.0.0.1:"+p.port)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen: %v", name, err)
		}
	}
}

// do sends a request through the proxy.
func (p *proxy) do(t *testing.T, method, path, header string, body io.Reader, status int) (answer string, h http.Header) {
	t.Helper()
	r, err := http.NewRequest(method, p.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(header) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		r.Header.Set(key, value)
	}
	res, err := p.client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status {
		t.Errorf("%s %s: got %s, %.300s, %v, want %d", method, path, res.Status, text, err, status)
	}
	return string(text), res.Header
}

// halting is the body of an upload that stops halfway until the server works on
// the upload. A proxy that buffers requests would not have passed it on.
type halting struct {
	io.Reader
	p    *proxy
	t    *testing.T
	sent int
}

func (s *halting) Read(b []byte) (int, error) {
	if s.sent >= 1e6 && s.p != nil {
		p := s.p
		s.p = nil // once
		if !eventually(func() bool {
			metrics, _ := p.do(s.t, "GET", "/metrics", "Authorization: Bearer SECRET", nil, 200)
			return strings.Contains(metrics, "\nimageserver_http_requests_in_flight 2\n") // with the one for this
		}) {
			s.t.Error("the server does not see the upload before its end: the proxy buffers it")
		}
	}
	n, err := s.Reader.Read(b[:min(len(b), 64<<10)])
	s.sent += n
	return n, err
}

// check uses the server as its users do.
func (p *proxy) check(t *testing.T, s *server) {
	t.Helper()
	const token = "Authorization: Bearer SECRET"
	photo := newPicture(6e6)
	answer, _ := p.do(t, "PUT", "/images/photo.png", token+"\nX-Forwarded-For: 203.0.113.7", photo.open(), 201)
	var stored struct{ URL string }
	if err := json.Unmarshal([]byte(answer), &stored); err != nil || stored.URL != p.url+"/images/photo.png" {
		t.Errorf("got %s, %v, want the URL at the proxy", answer, err)
	}
	logged := eventually(func() bool { return strings.Contains(s.log.String(), `"client":"127.0.0.9"`) }) // after the response
	if !logged || strings.Contains(s.log.String(), "203.0.113.7") {
		t.Error("the log should name the client of the proxy, and not what the client says of itself")
	}
	if body, _ := p.do(t, "GET", "/images/photo.png", "", nil, 200); len(body) != 6e6 {
		t.Errorf("got %d bytes back", len(body))
	}
	if body, h := p.do(t, "GET", "/images/photo.png", "Range: bytes=5000000-5000009", nil, 206); len(body) != 10 || h.Get("Content-Range") != "bytes 5000000-5000009/6000000" {
		t.Errorf("got %d bytes, %q", len(body), h.Get("Content-Range"))
	}
	if _, h := p.do(t, "HEAD", "/images/photo.png", "", nil, 200); h.Get("Content-Length") != "6000000" {
		t.Errorf("HEAD: got Content-Length %q", h.Get("Content-Length"))
	}
	slow := newPicture(2e6)
	answer, _ = p.do(t, "PUT", "/images/slow.png", token, &halting{p: p, t: t, Reader: slow.open()}, 201)
	if !strings.Contains(answer, `"size":2000000`) && !strings.Contains(answer, `"size": 2000000`) {
		t.Errorf("a slow upload: got %s", answer)
	}
	large := newPicture(30e6)
	answer, _ = p.do(t, "PUT", "/images/large.png", token, large.open(), 413)
	if !strings.Contains(answer, `"too_large"`) {
		t.Errorf("got %.200s, want the refusal in JSON", answer)
	}
	for _, request := range []string{"DELETE /images/photo.png", "GET /images", "GET /backup", "POST /upload"} {
		method, path, _ := strings.Cut(request, " ")
		if answer, _ := p.do(t, method, path, "", nil, 401); !strings.Contains(answer, "access token") {
			t.Errorf("%s: got %s", request, answer)
		}
	}
	p.do(t, "DELETE", "/images/photo.png", token, nil, 204)
}
