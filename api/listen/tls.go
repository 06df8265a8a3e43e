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

// TLS is flags that say where the certificate comes from: from files, from a CA,
// or from nowhere, and then the server speaks plain HTTP.
type TLS struct {
	Cert      string   `name:"tls-cert" placeholder:"FILE" help:"Serve https with the certificate chain in this PEM file, and --tls-key. Both are read again when they change."`
	Key       string   `name:"tls-key" placeholder:"FILE" help:"The PEM file with the key of --tls-cert."`
	Hosts     []string `name:"autocert" placeholder:"HOST" help:"Serve https with certificates for these host names that a CA gives by ACME. You accept its terms of service. It must reach this server at port 443 of each host."`
	Directory *url.URL `name:"acme-directory" placeholder:"URL" help:"The CA of --autocert, instead of Let's Encrypt."`
	Email     string   `name:"acme-email" placeholder:"ADDRESS" help:"Where the CA of --autocert may write to."`
}

// letsEncrypt is the directory of a CA that everybody may ask.
const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// Check refuses flags that do not belong together.
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
		return errors.New("--tls-cert and --tls-key belong together: give both files, or none")
	case t.Cert != "" && len(t.Hosts) > 0:
		return errors.New("--autocert and --tls-cert: want one of them")
	case t.Email != "" && len(t.Hosts) == 0:
		return errors.New("--acme-email: want --autocert with it")
	case t.Directory == nil:
		return nil
	case len(t.Hosts) == 0:
		return errors.New("--acme-directory: want --autocert with it")
	case t.Directory.Scheme != "https" || t.Directory.Host == "":
		return fmt.Errorf("--acme-directory=%s is not a URL such as https://ca.example.com/directory", t.Directory)
	}
	return nil
}

// ACME says how to get certificates, which are kept in the folder dir.
func (t *TLS) ACME(dir string, log *slog.Logger) ACME {
	directory := letsEncrypt
	if t.Directory != nil {
		directory = t.Directory.String()
	}
	return ACME{Hosts: t.Hosts, Dir: dir, Directory: directory, Email: t.Email, Log: log}
}

// Config returns the configuration of TLS, or nil for plain HTTP.
func (t *TLS) Config(acme ACME, log *slog.Logger) (*tls.Config, error) {
	switch {
	case t.Cert != "":
		return FromFiles(t.Cert, t.Key, log)
	case len(t.Hosts) > 0:
		return acme.Config()
	}
	return nil, nil
}

// Origin returns how the URLs of the server that listens on addr begin, without
// a slash at the end, or unix:PATH for a unix socket. The certificate of a CA is
// for a host name and not for an address.
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
