// Package listentest makes certificates for tests.
package listentest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// Host is the host name in the certificates. The certificates are also for 127.0.0.1.
const Host = "img.example.com"

// Certificate is a self-signed certificate for 127.0.0.1 and Host, and its key.
type Certificate struct {
	Cert, Key []byte // PEM
}

// NewCertificate makes a new certificate that expires in an hour.
func NewCertificate(t testing.TB) Certificate {
	t.Helper()
	return NewCertificateUntil(t, time.Now().Add(time.Hour))
}

// NewCertificateUntil makes a new certificate with this expiry.
func NewCertificateUntil(t testing.TB, expires time.Time) Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		NotBefore:             expires.Add(-2 * time.Hour),
		NotAfter:              expires,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:              []string{Host},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return Certificate{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}
}

// Trust returns a client's configuration that trusts only these PEM certificates.
func Trust(t testing.TB, certs ...[]byte) *tls.Config {
	t.Helper()
	roots := x509.NewCertPool()
	for _, c := range certs {
		if !roots.AppendCertsFromPEM(c) {
			t.Fatalf("not a certificate: %s", c)
		}
	}
	return &tls.Config{RootCAs: roots}
}
