package listen_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"imageserver/api/listen"
)

func TestExposed(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]error{
		"127.0.0.1:0":          nil,
		"[::ffff:127.0.0.1]:0": nil,
		"localhost:0":          nil,
		"0.0.0.0:0":            listen.ErrExposed,
		":0":                   listen.ErrExposed,
		"[::]:0":               listen.ErrExposed,
		"192.0.2.1:0":          listen.ErrExposed,
		"127.0.0.1.nip.io:0":   listen.ErrExposed,
		"unix:" + filepath.Join(t.TempDir(), "s"): listen.ErrExposed,
		"unix:":     listen.ErrAddress,
		"127.0.0.1": listen.ErrAddress,
		"":          listen.ErrAddress,
	} {
		l, err := listen.Address{Addr: addr}.Open()
		if err == nil {
			l.Close()
		}
		if !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", addr, err, want)
		}
	}
}

func TestLocalName(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST.": true, "img.localhost": true, "a.b.localhost.": true, "127.0.0.1": true, "127.9.9.9": true,
		"::1": true, "[::1]": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.example.com": false, "evil-localhost": false, "localhost..": false, "127.0.0.1.nip.io": false,
		"10.0.0.1": false, "0.0.0.0": false, "::1%eth0": false, "example.com": false,
	} {
		if got := listen.LocalName(host); got != want {
			t.Errorf("LocalName(%q) = %v, want %v", host, got, want)
		}
	}
}

// TestUnixSocket listens on a unix socket, again after the server closed the socket, and
// again after a server crashed.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows ignores the permissions of a socket")
	}
	path := filepath.Join(t.TempDir(), "s")
	address := listen.Address{Addr: "unix:" + path, Mode: 0o620, Guarded: true}
	l, err := address.Open()
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != os.ModeSocket|0o620 {
		t.Errorf("got %v, %v, want a socket with mode 0620", info.Mode(), err)
	}
	if _, err := address.Open(); err == nil || !strings.Contains(err.Error(), "another program listens") {
		t.Errorf("a second server: got %v, want an error about the first", err)
	}
	if c, err := net.Dial("unix", path); err != nil {
		t.Errorf("cannot connect to the first server: %v", err)
	} else {
		c.Close()
	}
	l.Close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Close: got %v, want the socket removed", err)
	}

	crashed, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	crashed.SetUnlinkOnClose(false)
	crashed.Close()
	if l, err = address.Open(); err != nil {
		t.Fatalf("after a crash: %v", err)
	}
	l.Close()
}

// TestUnixSocketRefused checks that Open does not replace files that are not sockets.
func TestUnixSocketRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "images.db")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		file:                            "not a socket",
		dir:                             "not a socket",
		filepath.Join(dir, "none", "s"): "no such file",
		filepath.Join(dir, strings.Repeat("s", 120)): "use at most 103",
	} {
		_, err := listen.Address{Addr: "unix:" + path, Mode: 0o660, Guarded: true}.Open()
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %q in it", path, err, says)
		}
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "precious" {
		t.Errorf("the file contains %q, %v, want it unchanged", content, err)
	}
}

// TestUnixSocketReplaced stops a server whose socket was deleted. Another server now
// listens at the same path, and its socket must stay.
func TestUnixSocketReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	address := listen.Address{Addr: "unix:" + path, Mode: 0o600, Guarded: true}
	first, err := address.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second, err := address.Open()
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	first.Close() // http.Server and its caller both close the listener
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the first server removed the socket of the second: %v", err)
	}
	second.Close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want the socket removed", err)
	}
}

// TestUnixSocketRace starts several servers at once where a crash left a socket behind.
// One server must listen, and the others must not replace its socket.
func TestUnixSocketRace(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a folder cannot be locked on Windows")
	}
	for range 50 {
		path := filepath.Join(t.TempDir(), "s")
		stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		stale.SetUnlinkOnClose(false)
		stale.Close()
		var started sync.WaitGroup
		listeners := make([]net.Listener, 8)
		for i := range listeners {
			started.Go(func() {
				listeners[i], _ = listen.Address{Addr: "unix:" + path, Mode: 0o600, Guarded: true}.Open()
			})
		}
		started.Wait()
		n := 0
		for _, l := range listeners {
			if l != nil {
				n++
				defer l.Close()
			}
		}
		if c, err := net.Dial("unix", path); err != nil {
			t.Errorf("cannot connect to any server: %v", err)
		} else {
			c.Close()
		}
		if n != 1 {
			t.Fatalf("%d servers listen at the same path, want 1", n)
		}
	}
}

// TestAbstractSocket listens on a socket that is not a file.
func TestAbstractSocket(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has abstract sockets")
	}
	address := listen.Address{Addr: "unix:@" + strings.ReplaceAll(t.TempDir(), "/", "-"), Guarded: true}
	l, err := address.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := address.Open(); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second server: got %v, want an error about the first", err)
	}
	address.Guarded = false
	if _, err := address.Open(); !errors.Is(err, listen.ErrExposed) {
		t.Errorf("got %v, want %v", err, listen.ErrExposed)
	}
}

// TestHostList checks a list with spaces after the commas, as people write it.
func TestHostList(t *testing.T) {
	t.Parallel()
	hosts := listen.TLS{Hosts: []string{"a.example.com", " b.example.com"}}
	if err := hosts.Check(); err != nil || hosts.Hosts[1] != "b.example.com" {
		t.Errorf("got %q, %v, want hosts without spaces", hosts.Hosts, err)
	}
}
