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

// lookAgain is how old the last look at the files of a certificate may be when a
// client connects. They are read whole: their times tell too little where they are
// symbolic links, or changed twice within the clock's step.
const lookAgain = time.Second

// FromFiles returns a configuration for TLS with the certificate chain and the
// key in two PEM files. They are read again when they change. While they do not
// belong together, because only one of them is there yet, the last pair that did
// stays, and the log says why.
func FromFiles(cert, key string, log *slog.Logger) (*tls.Config, error) {
	f := &files{cert: cert, key: key, log: log, looked: time.Now()}
	if _, err := f.load(); err != nil {
		return nil, err
	}
	return &tls.Config{GetCertificate: f.certificate}, nil
}

// files is a certificate that may change. It is safe for concurrent use.
type files struct {
	cert, key string
	log       *slog.Logger
	current   atomic.Pointer[tls.Certificate]

	mu              sync.Mutex // held by who looks, for which nobody else waits
	looked          time.Time
	certPEM, keyPEM []byte // of current
	fault           string // what was wrong last, or empty
}

func (f *files) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if f.mu.TryLock() {
		defer f.mu.Unlock()
		if now := time.Now(); now.Sub(f.looked) >= lookAgain {
			f.looked = now
			f.renew()
		}
	}
	return f.current.Load(), nil
}

// renew takes what is new in the files, and tells each fault once.
func (f *files) renew() {
	renewed, err := f.load()
	switch {
	case err == nil:
		f.fault = ""
	case f.fault != err.Error():
		f.fault = err.Error()
		f.log.Warn("the certificate in use stays, for its files cannot be read as a pair", "err", err)
	}
	if renewed {
		f.log.Info("certificate renewed", "file", f.cert, "until", f.current.Load().Leaf.NotAfter)
	}
}

// load makes the pair in the files the current one, if it is another.
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
		return false, fmt.Errorf("%s and %s are no certificate and key: %w", f.cert, f.key, err)
	}
	if end := pair.Leaf.NotAfter; time.Now().After(end) {
		f.log.Warn("the certificate has expired, so clients refuse it", "file", f.cert, "until", end)
	}
	f.certPEM, f.keyPEM = cert, key
	f.current.Store(&pair)
	return true, nil
}
