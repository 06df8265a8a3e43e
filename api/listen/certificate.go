package listen

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// checkEvery is the time after which a new connection makes the server read the files
// of the certificate again. It reads the whole files. Modification times are not
// reliable: a file can be a symbolic link, or change twice within one clock tick.
const checkEvery = time.Second

// FromFiles returns a TLS configuration with the certificate chain and the key in two PEM
// files. The server reads the files again when they change. If the two files do not match
// each other, for example because only one file is new, the server keeps the last pair
// that matched, and logs the reason.
func FromFiles(cert, key string, log *slog.Logger) (*tls.Config, error) {
	f := &files{cert: cert, key: key, log: log, checked: time.Now()}
	if _, err := f.load(); err != nil {
		return nil, err
	}
	return &tls.Config{GetCertificate: f.certificate}, nil
}

// files is a certificate in files that may change. It is safe for concurrent use.
type files struct {
	cert, key string
	log       *slog.Logger
	current   atomic.Pointer[tls.Certificate]

	mu              sync.Mutex // locked while one connection reads the files; other connections do not wait
	checked         time.Time  // when the files were last read
	certPEM, keyPEM []byte     // the files of current
	fault           string     // the last logged error, or empty
}

// certificate returns the current certificate. It is a function for
// tls.Config.GetCertificate.
func (f *files) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if f.mu.TryLock() {
		defer f.mu.Unlock()
		if now := time.Now(); now.Sub(f.checked) >= checkEvery {
			f.checked = now
			f.renew()
		}
	}
	return f.current.Load(), nil
}

// renew loads the files and logs each error once.
func (f *files) renew() {
	renewed, err := f.load()
	switch {
	case err == nil:
		f.fault = ""
	case f.fault != err.Error():
		f.fault = err.Error()
		f.log.Warn("could not load the certificate files; the server keeps the last certificate", "err", err)
	}
	if renewed {
		f.log.Info("certificate renewed", "file", f.cert, "expires", f.current.Load().Leaf.NotAfter)
	}
}

// load reads the files. If they changed, it makes their certificate the current one and
// returns true.
func (f *files) load() (renewed bool, err error) {
	cert, err := os.ReadFile(f.cert)
	if err != nil {
		return false, fmt.Errorf("read the certificate: %w", err)
	}
	key, err := os.ReadFile(f.key)
	if err != nil {
		return false, fmt.Errorf("read the certificate's key: %w", err)
	}
	if bytes.Equal(cert, f.certPEM) && bytes.Equal(key, f.keyPEM) {
		return false, nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false, fmt.Errorf("%s and %s are not a certificate and its key: %w", f.cert, f.key, err)
	}
	if expires := pair.Leaf.NotAfter; time.Now().After(expires) {
		f.log.Warn("the certificate has expired, and clients refuse it; replace it", "file", f.cert, "expires", expires)
	}
	f.certPEM, f.keyPEM = cert, key
	f.current.Store(&pair)
	return true, nil
}
