package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/net/idna"
)

// ACME gets certificates from a certificate authority (CA, RFC 8555). The CA connects to
// port 443 of each host and does the challenge tls-alpn-01 (RFC 8737) in a TLS handshake.
// So no other port is needed.
type ACME struct {
	Hosts     []string // the host names that get certificates
	Dir       string   // the folder for certificates and the account key; Config creates it
	Directory string   // the URL of the CA's directory
	Email     string   // the address that the CA may write to, or empty
	Log       *slog.Logger
}

// CheckHost returns an error if no CA would issue a certificate for host.
func CheckHost(host string) error {
	_, isAddress := netip.ParseAddr(host)
	if _, err := idna.Lookup.ToASCII(host); err != nil || isAddress == nil || !strings.Contains(strings.Trim(host, "."), ".") {
		return fmt.Errorf("%q is not a host name; use a host name such as img.example.com", host)
	}
	return nil
}

// Config returns a TLS configuration that uses these certificates. The server gets a
// certificate when a client first connects to the host, or in [ACME.Fetch]. It renews a
// certificate 30 days before the certificate expires, or after two thirds of its
// lifetime, whichever is later. The server accepts the CA's terms of service.
func (a ACME) Config() (*tls.Config, error) {
	if err := os.Mkdir(a.Dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create the folder for certificates: %w", err)
	}
	allowed := autocert.HostWhitelist(a.Hosts...)
	manager := &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      loggingCache{autocert.DirCache(a.Dir), a.Log},
		HostPolicy: allowed,
		Client:     &acme.Client{DirectoryURL: a.Directory, UserAgent: "imageserver"},
		Email:      a.Email,
	}
	config := manager.TLSConfig()
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := manager.GetCertificate(hello)
		// Scanners on the internet send no host name, unknown names and challenges. Their
		// errors are not logged.
		if err != nil && !slices.Contains(hello.SupportedProtos, acme.ALPNProto) {
			if name, _ := idna.Lookup.ToASCII(hello.ServerName); allowed(context.Background(), name) == nil {
				a.Log.Error("could not get a certificate", "host", name, "err", err)
			}
		}
		return cert, err
	}
	return config, nil
}

// Fetch gets the certificates that are missing. So the first client does not have to wait,
// and the log has errors from the start. config must be the result of Config, and the
// server must use config during Fetch.
func (a ACME) Fetch(config *tls.Config) {
	for _, host := range a.Hosts {
		cert, err := config.GetCertificate(&tls.ClientHelloInfo{
			ServerName:       host,
			CipherSuites:     []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
			SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
			SupportedCurves:  []tls.CurveID{tls.CurveP256},
		})
		if err == nil {
			a.Log.Info("certificate", "host", host, "expires", cert.Leaf.NotAfter)
		}
	}
}

// loggingCache logs certificates that cannot be saved. Each start of the server would
// then request new ones, and a CA issues only a few for one host per week.
type loggingCache struct {
	autocert.Cache
	log *slog.Logger
}

func (c loggingCache) Put(ctx context.Context, name string, data []byte) error {
	err := c.Cache.Put(ctx, name, data)
	if err != nil {
		c.log.Error("could not save a certificate", "name", name, "err", err)
	}
	return err
}
