package listen_test

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"imageserver/api/listen"
	"imageserver/api/listen/listentest"
)

// patience is how long a test waits for a condition before it fails.
const patience = 10 * time.Second

// TestRenew replaces the certificate files as certbot, text editors and bad scripts do.
// The server must always have a certificate.
func TestRenew(t *testing.T) {
	t.Parallel()
	first, second, third := listentest.NewCertificate(t), listentest.NewCertificate(t), listentest.NewCertificate(t)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "fullchain.pem"), filepath.Join(dir, "privkey.pem")
	write(t, cert, first.Cert)
	write(t, key, first.Key)
	log := new(logged)
	config, err := listen.FromFiles(cert, key, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if got := served(t, config); !bytes.Equal(got, first.Cert) {
		t.Fatalf("the server does not use the certificate in the file")
	}

	stays := func(want listentest.Certificate, why string) {
		t.Helper()
		await(t, "the log contains "+why, func() bool {
			if got := served(t, config); !bytes.Equal(got, want.Cert) {
				t.Fatalf("%s: the server does not use the last certificate that matched its key", why)
			}
			return strings.Contains(log.String(), why)
		})
	}
	becomes := func(want listentest.Certificate) {
		t.Helper()
		await(t, "the server uses the new certificate", func() bool { return bytes.Equal(served(t, config), want.Cert) })
	}
	write(t, cert, second.Cert)
	stays(first, "does not match")
	for begin := time.Now(); time.Since(begin) < 2200*time.Millisecond; time.Sleep(50 * time.Millisecond) {
		served(t, config) // makes the server read the files again
	}
	if n := strings.Count(log.String(), "does not match"); n != 1 {
		t.Errorf("the error was logged %d times, want once", n)
	}
	write(t, key, second.Key[:100])
	stays(first, "failed to find any PEM")
	write(t, key, second.Key)
	becomes(second)
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	stays(second, "read the certificate's key")
	write(t, cert, nil)
	write(t, key, third.Key)
	stays(second, "failed to find any PEM data in certificate")
	write(t, cert, third.Cert)
	becomes(third)
}

// TestRenewByLink replaces a certificate as Kubernetes does in a secret. The files are
// symbolic links through a link to a folder, and that link is replaced in one step.
func TestRenewByLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link := func(folder string, c listentest.Certificate) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, folder, "tls.crt"), c.Cert)
		write(t, filepath.Join(dir, folder, "tls.key"), c.Key)
		if err := os.Symlink(folder, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Skip("cannot create symbolic links:", err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	first, second := listentest.NewCertificate(t), listentest.NewCertificate(t)
	link("..1", first)
	for _, name := range []string{"tls.crt", "tls.key"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	config, err := listen.FromFiles(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	link("..2", second)
	if err := os.RemoveAll(filepath.Join(dir, "..1")); err != nil {
		t.Fatal(err)
	}
	await(t, "the server uses the new certificate", func() bool { return bytes.Equal(served(t, config), second.Cert) })
}

// TestFromFilesErrors checks that FromFiles returns an error for files that are not a
// certificate and its key.
func TestFromFilesErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, other := listentest.NewCertificate(t), listentest.NewCertificate(t)
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		write(t, path, content)
		return path
	}
	cert, key := file("cert.pem", one.Cert), file("key.pem", one.Key)
	for name, c := range map[string]struct{ cert, key, says string }{
		"no certificate file": {filepath.Join(dir, "none.pem"), key, "none.pem"},
		"no key file":         {cert, filepath.Join(dir, "none.pem"), "none.pem"},
		"another's key":       {cert, file("other.pem", other.Key), "other.pem"},
		"swapped files":       {key, cert, "cert.pem"},
		"empty":               {file("empty.pem", nil), key, "empty.pem"},
	} {
		if _, err := listen.FromFiles(c.cert, c.key, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want an error that names %s", name, err, c.says)
		}
	}
}

// TestExpired checks that the log reports an expired certificate, and that the server uses
// this certificate nevertheless.
func TestExpired(t *testing.T) {
	t.Parallel()
	dir, log := t.TempDir(), new(logged)
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for _, age := range []time.Duration{-time.Hour, time.Hour} {
		c := listentest.NewCertificateUntil(t, time.Now().Add(-age))
		write(t, cert, c.Cert)
		write(t, key, c.Key)
		if _, err := listen.FromFiles(cert, key, slog.New(slog.NewTextHandler(log, nil))); err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Contains(log.String(), "expired"), age > 0; got != want {
			t.Errorf("expired %v ago: the log is %q", age, log)
		}
	}
}

func TestCheckHost(t *testing.T) {
	t.Parallel()
	for host, ok := range map[string]bool{
		"img.example.com": true, "IMG.example.com": true, "bücher.example": true, "xn--bcher-kva.example": true,
		"": false, "localhost": false, "*.example.com": false, "https://img.example.com": false, "img.example.com:443": false,
		"192.0.2.1": false, "::1": false, "a b.example": false, "com.": false,
	} {
		if err := listen.CheckHost(host); (err == nil) != ok {
			t.Errorf("%q: got %v, want it accepted: %v", host, err, ok)
		}
	}
}

// served returns the certificate that a client gets, as PEM.
func served(t *testing.T, config *tls.Config) []byte {
	t.Helper()
	cert, err := config.GetCertificate(&tls.ClientHelloInfo{ServerName: "img.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// await waits until ok returns true.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v, this is still not true: %s", patience, what)
		}
	}
}

// logged is a log that is safe for concurrent use.
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
