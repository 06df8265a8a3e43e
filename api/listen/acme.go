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

// ACME says how to get certificates from a CA (RFC 8555). The CA must reach the
// server at port 443 of each host: it is shown the challenge tls-alpn-01 (RFC
// 8737) in the server's own handshakes, so that no other port is needed.
type ACME struct {
	Hosts     []string // the names to get certificates for; no others are
	Dir       string   // the folder to keep certificates and the account in; made when there is none
	Directory string   // the URL of the CA's directory
	Email     string   // where the CA may write to, or empty
	Log       *slog.Logger
}

// CheckHost returns why no CA would give a certificate for host, or nil.
func CheckHost(host string) error {
	_, isAddress := netip.ParseAddr(host)
	if _, err := idna.Lookup.ToASCII(host); err != nil || isAddress == nil || !strings.Contains(strings.Trim(host, "."), ".") {
		return fmt.Errorf("%q is no host name such as img.example.com", host)
	}
	return nil
}

// Config returns a configuration for TLS with such certificates. They are got
// when a client first asks for a host, or with [ACME.Fetch], and renewed a month
// before they end, or a third of their time. The CA's terms of service are
// accepted.
func (a ACME) Config() (*tls.Config, error) {
	if err := os.Mkdir(a.Dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the folder for certificates: %w", err)
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
		// Whoever looks for servers asks for any name or none, and for challenges.
		if err != nil && !slices.Contains(hello.SupportedProtos, acme.ALPNProto) {
			if name, _ := idna.Lookup.ToASCII(hello.ServerName); allowed(context.Background(), name) == nil {
				a.Log.Error("there is no certificate", "host", name, "err", err)
			}
		}
		return cert, err
	}
	return config, nil
}

// Fetch gets the certificates of all hosts that there are none of yet, so that
// the first client need not wait and the log tells what is wrong. The server must
// serve config, from Config, meanwhile.
func (a ACME) Fetch(config *tls.Config) {
	for _, host := range a.Hosts {
		cert, err := config.GetCertificate(&tls.ClientHelloInfo{
			ServerName:       host,
			CipherSuites:     []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
			SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
			SupportedCurves:  []tls.CurveID{tls.CurveP256},
		})
		if err == nil {
			a.Log.Info("certificate", "host", host, "until", cert.Leaf.NotAfter)
		}
	}
}

// loggingCache tells of certificates that cannot be kept: a CA gives only a few
// for one host in a week, and each start would ask for another.
type loggingCache struct {
	autocert.Cache
	log *slog.Logger
}

func (c loggingCache) Put(ctx context.Context, name string, data []byte) error {
	err := c.Cache.Put(ctx, name, data)
	if err != nil {
		c.log.Error("a certificate cannot be kept", "name", name, "err", err)
	}
	return err
}
