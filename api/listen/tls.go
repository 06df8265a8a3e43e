package listen

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
)

// TLS has the flags for the certificate. The certificate comes from files or from a
// certificate authority (CA). Without a certificate the server uses plain HTTP.
type TLS struct {
	Cert      string   `name:"tls-cert" placeholder:"FILE" help:"Serve HTTPS with the certificate chain in this PEM file. Needs --tls-key. The server reads both files again when they change."`
	Key       string   `name:"tls-key" placeholder:"FILE" help:"The PEM file with the private key for --tls-cert."`
	Hosts     []string `name:"autocert" placeholder:"HOST" help:"Serve HTTPS with certificates for these host names, which the server gets from Let's Encrypt. You accept the terms of service of Let's Encrypt. It must be able to connect to port 443 of each host."`
	Directory *url.URL `name:"acme-directory" placeholder:"URL" help:"With --autocert, use the CA with this ACME directory instead of Let's Encrypt."`
	Email     string   `name:"acme-email" placeholder:"ADDRESS" help:"With --autocert, an address that the CA may write to."`
}

// letsEncrypt is the ACME directory of Let's Encrypt, a free public CA.
const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// Check returns an error for invalid values and for flags that contradict each other.
func (t *TLS) Check() error {
	for i, host := range t.Hosts {
		host = strings.TrimSpace(host) // people write a space after a comma
		t.Hosts[i] = host
		if err := CheckHost(host); err != nil {
			return fmt.Errorf("--autocert=%s: %w", host, err)
		}
	}
	switch {
	case (t.Cert == "") != (t.Key == ""):
		return errors.New("--tls-cert and --tls-key need each other; use both flags or neither")
	case t.Cert != "" && len(t.Hosts) > 0:
		return errors.New("--autocert and --tls-cert contradict each other; use only one of these flags")
	case t.Email != "" && len(t.Hosts) == 0:
		return errors.New("--acme-email needs --autocert; add --autocert=HOST")
	case t.Directory == nil:
		return nil
	case len(t.Hosts) == 0:
		return errors.New("--acme-directory needs --autocert; add --autocert=HOST")
	case t.Directory.Scheme != "https" || t.Directory.Host == "":
		return fmt.Errorf("--acme-directory=%s is not an https URL; use a URL such as https://ca.example.com/directory", t.Directory)
	}
	return nil
}

// ACME returns the settings for getting certificates from the CA. dir is the folder for
// the certificates.
func (t *TLS) ACME(dir string, log *slog.Logger) ACME {
	directory := letsEncrypt
	if t.Directory != nil {
		directory = t.Directory.String()
	}
	return ACME{Hosts: t.Hosts, Dir: dir, Directory: directory, Email: t.Email, Log: log}
}

// Config returns the TLS configuration, or nil for plain HTTP.
func (t *TLS) Config(acme ACME, log *slog.Logger) (*tls.Config, error) {
	switch {
	case t.Cert != "":
		return FromFiles(t.Cert, t.Key, log)
	case len(t.Hosts) > 0:
		return acme.Config()
	}
	return nil, nil
}

// Origin returns the beginning of the server's URLs, without a slash at the end. addr is
// the address on which the server listens. With --autocert the URL has the host name,
// because the certificate is not for an address. For a unix socket, Origin returns
// unix:PATH.
func (t *TLS) Origin(addr net.Addr) string {
	switch {
	case addr.Network() == "unix":
		return unixPrefix + addr.String()
	case len(t.Hosts) > 0:
		_, port, _ := net.SplitHostPort(addr.String())
		return strings.TrimSuffix("https://"+t.Hosts[0]+":"+port, ":443")
	case t.Cert != "":
		return "https://" + addr.String()
	}
	return "http://" + addr.String()
}
