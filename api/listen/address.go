package listen

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// Errors of a command line rather than of the machine.
var (
	ErrAddress = errors.New("want HOST:PORT, such as 127.0.0.1:5000")
	ErrExposed = errors.New("can be reached from other machines: give --token=SECRET to ask for a token, or --open to let everybody upload and delete")
)

// Open returns the socket that systemd passes or, without one, a new one for
// addr. Unless the server is guarded, which is to say that it has been told who
// may change images, it refuses what would open it to the network by accident.
func Open(addr string, guarded bool) (net.Listener, error) {
	l, err := Inherited()
	if err != nil {
		return nil, err
	}
	where := "the socket that systemd passes"
	if l == nil {
		if l, err = bind(addr, guarded); err != nil {
			return nil, err
		}
		where = "--addr=" + addr
	}
	if !guarded && !Loopback(l.Addr()) {
		l.Close()
		return nil, fmt.Errorf("%s %w", where, ErrExposed)
	}
	return l, nil
}

func bind(addr string, guarded bool) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	switch {
	case err != nil:
		return nil, fmt.Errorf("--addr=%s: %w", addr, ErrAddress)
	case !guarded && !localName(host): // without a moment in which it listens
		return nil, fmt.Errorf("--addr=%s %w", addr, ErrExposed)
	}
	l, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another program; stop that one, or choose another address with --addr", addr)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w", addr, errors.Unwrap(err))
	}
	return l, nil
}

// Loopback reports whether only this machine can reach addr.
func Loopback(addr net.Addr) bool {
	a, err := netip.ParseAddrPort(addr.String())
	return err == nil && a.Addr().IsLoopback()
}

// localName reports whether host can only mean this machine.
func localName(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
