package e2e_test

import (
	"bytes"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imageserver/api/listen/listentest"
)

// TestTLS serves with a certificate from files, and renews it.
func TestTLS(t *testing.T) {
	parallel(t)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write := func(c listentest.Certificate) {
		t.Helper()
		for path, content := range map[string][]byte{cert: c.Cert, key: c.Key} {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	first, second := listentest.NewCertificate(t), listentest.NewCertificate(t)
	write(first)
	s := startNew(t, "--tls-cert", cert, "--tls-key", key)
	transport := s.client.Transport.(*http.Transport)
	transport.TLSClientConfig = listentest.Trust(t, first.Cert, second.Cert)
	transport.ForceAttemptHTTP2 = true
	if !strings.HasPrefix(s.url, "https://") {
		t.Errorf("it says that it listens at %s, want https", s.url)
	}
	p := newPicture(1e6)
	e, err := s.put("a.png", p.open(), p.size)
	if err != nil || e.URL != s.url+"/images/a.png" {
		t.Errorf("the image's URL is %s, %v, want it under %s", e.URL, err, s.url)
	}
	checkWhole(t, s, "a.png", p)
	resp, err := s.open("/livez")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.ProtoMajor != 2 {
		t.Errorf("got an answer over %s, want HTTP/2", resp.Proto)
	}

	plain, err := http.Get("http://" + s.host() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	plain.Body.Close()
	if plain.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: got %s, want 400", plain.Status)
	}

	write(second)
	renewed := eventually(func() bool {
		s.client.CloseIdleConnections()
		resp, err := s.open("/livez")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		served := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: resp.TLS.PeerCertificates[0].Raw})
		return bytes.Equal(served, second.Cert)
	})
	if !renewed {
		t.Error("the renewed certificate is not served")
	}
	s.stop(t)
}
