package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNotify starts and stops the server as systemd does a service of the type
// notify.
func TestNotify(t *testing.T) {
	parallel(t)
	systemd := newNotifySocket(t)
	cmd := serve(t, filepath.Join(t.TempDir(), "images.db"))
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+systemd.path, "WATCHDOG_USEC=50000")
	s := launch(t, cmd)
	status := systemd.wait(t, "READY=1")
	if !strings.Contains(status, "\nSTATUS=Images at "+s.url+"/ in the data file ") {
		t.Errorf("with READY=1 systemd was told %q, want where the images are", status)
	}
	s.check(t)
	for range 3 {
		systemd.wait(t, "WATCHDOG=1")
	}

	p := newPicture(1e6)
	slow, feed := io.Pipe()
	answered := make(chan error, 1)
	go func() {
		_, err := s.put("slow.png", slow, p.size)
		answered <- err
	}()
	if _, err := io.Copy(feed, io.LimitReader(p.open(), p.size/2)); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	systemd.wait(t, "STOPPING=1") // while the upload goes on
	select {
	case err := <-answered:
		t.Errorf("the upload ended before its end was sent: %v", err)
	default:
	}
	feed.CloseWithError(io.ErrClosedPipe)
	<-answered
	s.wait(t)
}

// TestActivation passes the server a socket as systemd does.
func TestActivation(t *testing.T) {
	parallel(t)
	here := listenTCP(t, "127.0.0.1:0")
	s := launch(t, activated(t, []*os.File{here}, "--addr=0.0.0.0:1"))
	if want := "http://" + addrOf(t, here); s.url != want {
		t.Errorf("the server is at %s, want %s, where the socket is", s.url, want)
	}
	mustPut(t, s, "a.png", newPicture(100e3))
	r, err := http.NewRequest(http.MethodGet, s.url+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.com"
	resp, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := read(resp, nil); refusal(err) != http.StatusMisdirectedRequest {
		t.Errorf("a foreign host name on a socket for this machine: %v, want 421", err)
	}
	s.stop(t)

	// The socket is systemd's: a connection made before the next start waits.
	conn, err := net.Dial("tcp", addrOf(t, here))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	launch(t, activated(t, []*os.File{here})).check(t)

	everywhere := listenTCP(t, "0.0.0.0:0")
	s = launch(t, activated(t, []*os.File{everywhere}, "--token=secret"))
	if err := s.call(http.MethodGet, "/images", nil, nil); refusal(err) != http.StatusUnauthorized {
		t.Errorf("without the token: %v, want 401", err)
	}
}

// TestActivationRefused passes sockets on which the server must not listen.
func TestActivationRefused(t *testing.T) {
	parallel(t)
	here, everywhere := listenTCP(t, "127.0.0.1:0"), listenTCP(t, "0.0.0.0:0")
	local, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { local.Close() })
	unix, err := local.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close() })
	for name, c := range map[string]struct {
		files []*os.File
		exit  int
		says  []string
	}{
		"reached by others": {[]*os.File{everywhere}, 2, []string{"systemd", "--token", "--open"}},
		"two":               {[]*os.File{here, everywhere}, 1, []string{"2 sockets", "ListenStream"}},
		"a unix socket":     {[]*os.File{unix}, 2, []string{"systemd", "--token", "--open"}}, // a proxy's
		"no socket":         {[]*os.File{os.Stdin}, 1, []string{"systemd", "ListenStream"}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := activated(t, c.files)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if code := exitCode(cmd.Run()); code != c.exit {
				t.Errorf("got exit code %d, want %d", code, c.exit)
			}
			for _, words := range c.says {
				if !strings.Contains(stderr.String(), words) {
					t.Errorf("it says %q, want %q in it", &stderr, words)
				}
			}
		})
	}
}

// TestActivationOfAnother leaves sockets alone that were meant for another
// process, such as a parent that has left the variables behind.
func TestActivationOfAnother(t *testing.T) {
	parallel(t)
	here := listenTCP(t, "127.0.0.1:0")
	cmd := serve(t, filepath.Join(t.TempDir(), "images.db"))
	cmd.ExtraFiles = []*os.File{here}
	cmd.Env = append(cmd.Env, fmt.Sprint("LISTEN_PID=", os.Getpid()), "LISTEN_FDS=1")
	if s := launch(t, cmd); s.url == "http://"+addrOf(t, here) {
		t.Error("the server listens on another's socket")
	}
}

// activated is a server's command with sockets as systemd passes them.
func activated(t *testing.T, files []*os.File, flags ...string) *exec.Cmd {
	t.Helper()
	cmd := serve(t, filepath.Join(t.TempDir(), "images.db"), flags...)
	// LISTEN_PID is the server's own number, which it has once it runs.
	shell := exec.CommandContext(t.Context(), "/bin/sh", append([]string{"-c", `exec env LISTEN_PID=$$ "$@"`, "sh"}, cmd.Args...)...)
	shell.Env = append(cmd.Env, fmt.Sprint("LISTEN_FDS=", len(files)), "LISTEN_FDNAMES=imageserver.socket")
	shell.ExtraFiles = files
	return shell
}

// listenTCP returns a listening socket as a file.
func listenTCP(t *testing.T, addr string) *os.File {
	t.Helper()
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func addrOf(t *testing.T, f *os.File) string {
	t.Helper()
	l, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// notifySocket is where a service tells systemd of itself (sd_notify(3)).
type notifySocket struct {
	path string
	conn *net.UnixConn
}

func newNotifySocket(t *testing.T) *notifySocket {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &notifySocket{path, conn}
}

// wait returns the next message that begins with the line.
func (n *notifySocket) wait(t *testing.T, line string) string {
	t.Helper()
	n.conn.SetReadDeadline(time.Now().Add(startTimeout))
	message := make([]byte, 4096)
	for {
		k, err := n.conn.Read(message)
		if err != nil {
			t.Fatalf("systemd is not told %s: %v", line, err)
		}
		if got := string(message[:k]); got == line || strings.HasPrefix(got, line+"\n") {
			return got
		}
	}
}
