package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// Errors in the flags.
var (
	ErrAddress = errors.New("use HOST:PORT, such as 127.0.0.1:5000, or unix:PATH")
	ErrExposed = errors.New("other machines can reach this server. Use --token=SECRET to require an access token, or --open to let everyone upload and delete")
)

// unixPrefix marks an address that is the path of a unix socket.
const unixPrefix = "unix:"

// maxSocketPath is the longest path of a unix socket that all systems allow, in bytes.
// sun_path has 104 bytes on BSD and macOS and 108 on Linux, and ends with NUL.
const maxSocketPath = 103

// Address is where a server listens.
type Address struct {
	Addr    string      // HOST:PORT or unix:PATH; not used if systemd passes a socket
	Mode    fs.FileMode // the permissions of a unix socket; a client needs write permission to connect
	Guarded bool        // the operator set --token or --open
}

// Open returns the socket that systemd passes. If systemd passes none, Open creates a
// socket for Addr. If the server is not guarded, Open returns ErrExposed for every
// address that is not loopback. Open also returns ErrExposed for a unix socket, because a
// reverse proxy connects to the socket, and the proxy serves other machines.
func (a Address) Open() (net.Listener, error) {
	l, err := Inherited()
	if err != nil {
		return nil, err
	}
	where := "the socket that systemd passes"
	if l == nil {
		if l, err = a.bind(); err != nil {
			return nil, err
		}
		where = "--addr=" + a.Addr
	}
	if !a.Guarded && !Loopback(l.Addr()) {
		l.Close()
		return nil, fmt.Errorf("%s: %w", where, ErrExposed)
	}
	return l, nil
}

// bind creates a socket for Addr.
func (a Address) bind() (net.Listener, error) {
	path, isUnix := strings.CutPrefix(a.Addr, unixPrefix)
	host, _, err := net.SplitHostPort(a.Addr)
	switch {
	case isUnix && path == "", !isUnix && err != nil:
		return nil, fmt.Errorf("--addr=%s: %w", a.Addr, ErrAddress)
	case !a.Guarded && (isUnix || !LocalName(host)): // refuse before the server listens, even for a moment
		return nil, fmt.Errorf("--addr=%s: %w", a.Addr, ErrExposed)
	case isUnix:
		return bindUnix(path, a.Mode)
	}
	l, err := net.Listen("tcp", a.Addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another program; stop that program, or choose another address with --addr", a.Addr)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w", a.Addr, errors.Unwrap(err))
	}
	return l, nil
}

// bindUnix listens on a unix socket at path. It replaces a socket that a crashed server
// left behind. It never replaces a socket on which a process listens, or a file that is
// not a socket. The listener removes the socket when it is closed.
func bindUnix(path string, mode fs.FileMode) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("--addr=unix:%s: %w: the path has %d bytes; use at most %d", path, ErrAddress, len(path), maxSocketPath)
	}
	abstract := strings.HasPrefix(path, "@") && runtime.GOOS == "linux" // unix(7): the socket is not a file
	if !abstract {
		defer lockFolder(filepath.Dir(path))()
		if err := removeStale(path); err != nil {
			return nil, fmt.Errorf("cannot listen on %s: %w", path, err)
		}
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", path, errors.Unwrap(err))
	}
	if abstract {
		return l, nil
	}
	if err := os.Chmod(path, mode); err != nil {
		l.Close()
		return nil, fmt.Errorf("cannot set the permissions of %s: %w", path, err)
	}
	return newSocketFile(l, path)
}

// socketFile is a listener that removes its own socket when it is closed. Package net
// would remove any file at the path, such as the socket of a newer server.
type socketFile struct {
	*net.UnixListener
	remove func()
}

// newSocketFile returns a listener that removes the socket at path when it is closed.
func newSocketFile(l *net.UnixListener, path string) (net.Listener, error) {
	own, err := os.Lstat(path)
	if err != nil {
		l.Close()
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	// Remove only once: after Close, a new socket can have the same inode number.
	return &socketFile{l, sync.OnceFunc(func() {
		if now, err := os.Lstat(path); err == nil && os.SameFile(own, now) {
			os.Remove(path)
		}
	})}, nil
}

func (s *socketFile) Close() error {
	s.remove()
	return s.UnixListener.Close()
}

// removeStale removes the socket at path if no process listens on it.
func removeStale(path string) error {
	found, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case found.Mode().Type() != fs.ModeSocket:
		return errors.New("the path is a file that is not a socket; choose another path")
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close()
		return errors.New("another program listens on this socket; stop that program, or choose another path")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	if now, err := os.Lstat(path); err != nil || !os.SameFile(found, now) {
		return err // another server has just replaced the socket
	}
	return os.Remove(path)
}

// Loopback reports whether only this machine can reach addr.
func Loopback(addr net.Addr) bool {
	a, err := netip.ParseAddrPort(addr.String())
	return err == nil && a.Addr().Unmap().IsLoopback()
}

// LocalName reports whether host can only mean this machine: a loopback address,
// localhost, or a name below localhost (RFC 6761 section 6.3).
func LocalName(host string) bool {
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return ip.Zone() == "" && ip.Unmap().IsLoopback()
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}
