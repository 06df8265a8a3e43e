// Package listen opens the socket of a server, runs the HTTP server, provides TLS
// certificates, and reports the state of the server to systemd.
package listen

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/coreos/go-systemd/v22/activation"
)

// Inherited returns the socket that systemd passes to this process (sd_listen_fds(3)), or
// nil if systemd passes none. It removes systemd's variables from the environment, so a
// second call returns nil.
func Inherited() (net.Listener, error) {
	files := activation.Files(true)
	defer func() {
		for _, f := range files {
			f.Close() // the listener has its own descriptor
		}
	}()
	switch len(files) {
	case 0:
		return nil, nil
	case 1:
		return fromFile(files[0])
	}
	return nil, fmt.Errorf("systemd passes %d sockets; use only one ListenStream in the socket unit", len(files))
}

// fromFile returns the listener for a socket that systemd passes.
func fromFile(f *os.File) (net.Listener, error) {
	l, err := net.FileListener(f)
	if err == nil {
		switch l.(type) {
		case *net.TCPListener, *net.UnixListener:
			return l, nil
		}
		l.Close()
		err = errors.New("the socket is neither a TCP socket nor a unix socket")
	}
	return nil, fmt.Errorf("cannot listen on the socket %s that systemd passes: %w; set ListenStream in the socket unit, such as 127.0.0.1:5000", f.Name(), err)
}
