package e2e_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 20 * time.Second
)

var requestTimeout = pick(30*time.Second, 2*time.Minute)

// server is a server in a process of its own.
type server struct {
	url    string        // without a slash at its end
	ready  time.Duration // from its start until it said where it listens
	log    *output
	client *http.Client
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // of the process, once it has exited
}

// start starts the program on a data file.
func start(t testing.TB, path string, flags ...string) *server {
	t.Helper()
	return launch(t, serve(t, path, flags...))
}

// startNew starts the program on a new data file.
func startNew(t testing.TB, flags ...string) *server {
	t.Helper()
	return start(t, filepath.Join(t.TempDir(), "images.db"), flags...)
}

// serve makes the command that serves a data file.
func serve(t testing.TB, path string, flags ...string) *exec.Cmd {
	t.Helper()
	args := append([]string{"serve", "--addr", "127.0.0.1:0", "--db", path, "--log", "json"}, flags...)
	return command(t, args...)
}

// serveChild makes the command by which this test binary serves a data file,
// with faults that are named by environment variables.
func serveChild(t testing.TB, path string, faults ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(environment(), childVar+"="+path)
	for _, fault := range faults {
		cmd.Env = append(cmd.Env, fault+"=1")
	}
	return cmd
}

// command makes a run of the program that ends with the test at the latest.
func command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t), args...)
	cmd.Env = environment()
	return cmd
}

// environment is this process's, without what the program takes for flags.
func environment() (env []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "IMAGESERVER_") {
			env = append(env, v)
		}
	}
	return env
}

// address finds the server's URL in the line it prints.
var address = regexp.MustCompile(`https?://[\w.-]+:\d+`)

// launch starts a server and waits until it listens.
func launch(t testing.TB, cmd *exec.Cmd) *server {
	t.Helper()
	s, err := tryLaunch(t, cmd)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tryLaunch is launch for a server that may refuse to start. When the test
// ends the server is killed, and if the test has failed the end of its log is
// shown.
func tryLaunch(t testing.TB, cmd *exec.Cmd) (*server, error) {
	t.Helper()
	s := &server{
		log:    &output{},
		cmd:    cmd,
		exited: make(chan struct{}),
		client: &http.Client{
			Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true, ExpectContinueTimeout: requestTimeout},
			Timeout:   requestTimeout,
		},
	}
	stdout := &output{wrote: make(chan struct{}, 1)}
	cmd.Stdout, cmd.Stderr = stdout, s.log
	cmd.WaitDelay = stopTimeout
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.err = cmd.Wait()
		close(s.exited)
	}()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("the server wrote last:\n%s", s.log.last(2000))
		}
	})
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	for s.url == "" {
		select {
		case <-stdout.wrote:
			s.url = address.FindString(stdout.String())
		case <-s.exited:
			return nil, fmt.Errorf("the server ended at once: %v\n%s", s.err, s.log.last(2000))
		case <-timeout.C:
			return nil, fmt.Errorf("the server did not say within %s where it listens", startTimeout)
		}
	}
	s.ready = time.Since(began)
	return s, nil
}

// kill ends the process without warning and waits until it has gone.
func (s *server) kill() {
	s.cmd.Process.Kill() // an error means that it has ended already
	<-s.exited
	s.client.CloseIdleConnections()
}

// stop asks the server to shut down, which it must do with exit code 0.
func (s *server) stop(t testing.TB) {
	t.Helper()
	s.client.CloseIdleConnections()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.wait(t)
}

// wait waits for the server to end of itself, with exit code 0.
func (s *server) wait(t testing.TB) {
	t.Helper()
	select {
	case <-s.exited:
	case <-time.After(stopTimeout):
		t.Fatalf("the server still runs %s after it was told to stop", stopTimeout)
	}
	if s.err != nil {
		t.Fatalf("the server stopped with %v, want exit code 0", s.err)
	}
}

// alive fails the test if the server has ended, or does not answer.
func (s *server) alive(t testing.TB) {
	t.Helper()
	if err := s.call(http.MethodGet, "/livez", nil, nil); err != nil {
		t.Errorf("GET /livez: %v", err)
	}
	select {
	case <-s.exited:
		t.Fatalf("the server has ended: %v", s.err)
	default:
	}
}

// check fails the test if the server is not ready.
func (s *server) check(t testing.TB) {
	t.Helper()
	if err := s.call(http.MethodGet, "/readyz", nil, nil); err != nil {
		t.Errorf("GET /readyz: %v", err)
	}
}

// exitCode returns how a command that was run ended.
func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

// output keeps the last of what a process writes.
type output struct {
	wrote chan struct{} // when not nil, rung after each write
	mu    sync.Mutex
	buf   []byte
}

const outputKept = 4 << 20

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	if len(o.buf) > outputKept {
		o.buf = append(o.buf[:0], o.buf[len(o.buf)/2:]...)
	}
	o.buf = append(o.buf, p...)
	o.mu.Unlock()
	select {
	case o.wrote <- struct{}{}:
	default: // rung already, or nobody listens
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.buf)
}

// last returns at most the last n bytes, in whole lines.
func (o *output) last(n int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.buf) <= n {
		return cmp.Or(string(o.buf), "(nothing)")
	}
	b := o.buf[len(o.buf)-n:]
	return string(b[bytes.IndexByte(b, '\n')+1:])
}

// eventually waits until ok returns true. It returns false if that takes so long that it
// will not happen, on a busy machine either.
func eventually(ok func() bool) bool {
	for end := time.Now().Add(requestTimeout); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// failed checks that the server lives on without its data file and says so.
func (s *server) failed(t *testing.T) {
	t.Helper()
	s.alive(t)
	if err := s.call(http.MethodGet, "/readyz", nil, nil); refusal(err) != http.StatusServiceUnavailable {
		t.Errorf("GET /readyz without its data file: %v, want 503", err)
	}
}
