package e2e_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"imageserver/api/listen/listentest"
)

// pebble is Let's Encrypt's own CA for tests.
const pebble = "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1"

// TestACME has the server get a certificate from a CA of its own, keep it, and
// serve with it when the CA has gone.
func TestACME(t *testing.T) {
	parallel(t)
	const host = "img.example.com"
	socket := listenTCP(t, "127.0.0.1:0") // where the CA expects port 443
	ca := startCA(t, socket)
	path := filepath.Join(t.TempDir(), "images.db")
	serveHost := func() *server {
		cmd := activated(t, []*os.File{socket}, "--db="+path, "--autocert="+host, "--acme-directory="+ca.directory, "--acme-email=images@example.com", "--base-url=https://"+host, "--open")
		cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+ca.cert)
		s := launch(t, cmd)
		s.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: ca.roots.RootCAs, ServerName: host}
		s.url = "https://" + addrOf(t, socket)
		return s
	}

	s := serveHost()
	p := newPicture(100e3)
	if _, err := s.put("a.png", p.open(), p.size); err != nil { // which waits for the certificate
		t.Fatalf("%v; the CA says:\n%s", err, ca.log.last(3000))
	}
	checkWhole(t, s, "a.png", p)
	if !eventually(func() bool { return strings.Contains(s.log.String(), `"msg":"certificate","host":"`+host) }) {
		t.Error("the certificate was not got at the start already")
	}
	certs := path + ".certs"
	for path, want := range map[string]fs.FileMode{certs: 0o700, filepath.Join(certs, host): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want it for its owner alone", path, info, err)
		}
	}
	for _, name := range []string{"other.example.com", ""} {
		conn, err := tls.Dial("tcp", addrOf(t, socket), &tls.Config{InsecureSkipVerify: true, ServerName: name})
		if err == nil {
			conn.Close()
			t.Errorf("the name %q is given a certificate", name)
		}
	}
	s.stop(t)

	ca.stop()
	s = serveHost()
	checkWhole(t, s, "a.png", p)
}

// TestACMEFails checks that the log says why the server could not get a certificate.
func TestACMEFails(t *testing.T) {
	parallel(t)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	s := startNamed(t, "--open", "--autocert=img.example.com", "--acme-directory=https://"+nobody.Addr().String()+"/dir")
	if !eventually(func() bool { return strings.Contains(s.log.String(), "could not get a certificate") }) {
		t.Error("the log does not say that the server could not get a certificate")
	}
	for _, words := range []string{"img.example.com", "connection refused"} {
		if !strings.Contains(s.log.String(), words) {
			t.Errorf("the log does not say %q", words)
		}
	}
}

// startNamed starts the program where it prints a name and no address.
func startNamed(t *testing.T, flags ...string) *server {
	t.Helper()
	return launch(t, serve(t, filepath.Join(t.TempDir(), "images.db"), flags...))
}

// ca is a running CA that finds every host on this machine.
type ca struct {
	directory string      // its ACME directory's URL
	cert      string      // the file with the certificate that it serves with
	roots     *tls.Config // trusts what it signs
	log       *output
	stop      func()
}

// startCA starts a CA that validates names at the port of socket.
func startCA(t *testing.T, socket *os.File) *ca {
	t.Helper()
	dir := t.TempDir()
	own := listentest.NewCertificate(t)
	cert, key, config := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "config.json")
	acme, manage := freePort(t), freePort(t)
	_, port, err := net.SplitHostPort(addrOf(t, socket))
	if err != nil {
		t.Fatal(err)
	}
	settings, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": acme, "managementListenAddress": manage, "certificate": cert, "privateKey": key,
		"tlsPort": json.Number(port), "httpPort": json.Number(port), "keyAlgorithm": "ecdsa",
		"retryAfter": map[string]int{"authz": 1, "order": 1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{cert: own.Cert, key: own.Key, config: settings} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), buildPebble(t, dir), "-config", config, "-dnsserver", serveDNS(t))
	cmd.Env = append(environment(), "PEBBLE_VA_NOSLEEP=1")
	log := new(output)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }()
	stop := func() { cmd.Process.Kill(); <-ended }
	t.Cleanup(stop)

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: listentest.Trust(t, own.Cert)}, Timeout: requestTimeout}
	defer client.CloseIdleConnections()
	var root []byte
	if !eventually(func() bool { root, err = fetch(client, "https://"+manage+"/roots/0"); return err == nil }) {
		t.Fatalf("the CA does not start: %v\n%s", err, log.last(2000))
	}
	return &ca{"https://" + acme + "/dir", cert, listentest.Trust(t, root), log, stop}
}

// buildPebble builds the CA into dir. It is a tool: the program's modules have
// nothing of it.
func buildPebble(t *testing.T, dir string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "install", pebble)
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
	cmd.Dir = dir // outside of this module
	if out, err := cmd.CombinedOutput(); err != nil {
		unavailable(t, "pebble, a CA for tests, cannot be built: %v\n%s", err, out)
	}
	return filepath.Join(dir, "pebble")
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func fetch(client *http.Client, url string) ([]byte, error) {
	resp, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// serveDNS answers that every name is at 127.0.0.1, and returns its address. It
// speaks TCP, as the CA does.
func serveDNS(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if err := answerConn(conn); err != nil {
				t.Error(err)
			}
		}
	}()
	return l.Addr().String()
}

// answerConn answers one question. Before each message is its length (RFC 1035
// section 4.2.2).
func answerConn(conn net.Conn) error {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(requestTimeout))
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	query := make([]byte, int(size[0])<<8|int(size[1]))
	if _, err := io.ReadFull(conn, query); err != nil {
		return err
	}
	answer, err := answerDNS(query)
	if err != nil {
		return err
	}
	_, err = conn.Write(append([]byte{byte(len(answer) >> 8), byte(len(answer))}, answer...))
	return err
}

func answerDNS(query []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, fmt.Errorf("a question of the CA's: %w", err)
	}
	m.Response, m.Additionals = true, nil
	for _, q := range m.Questions {
		if q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
				Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
			})
		}
	}
	return m.Pack()
}
