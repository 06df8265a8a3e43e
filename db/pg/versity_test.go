package pg_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// hasVersity reports whether tests must use versitygw: it is installed, or the environment
// variable CI is set.
func hasVersity() bool {
	_, err := exec.LookPath("versitygw")
	return err == nil || os.Getenv("CI") != ""
}

// startVersity starts versitygw, an S3 server that stores objects as files, with the
// bucket pictures. Without versitygw it skips the test; with the environment variable CI
// set, the test fails.
func startVersity(t testing.TB) (endpoint string) {
	t.Helper()
	program, err := exec.LookPath("versitygw")
	if err != nil {
		const missing = "versitygw is not installed (go install github.com/versity/versitygw/cmd/versitygw@v1.8.0)"
		if os.Getenv("CI") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "pictures"), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close() // versitygw cannot choose a port
	cmd := exec.Command(program, "--port", addr, "--quiet", "posix", dir)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY=test", "ROOT_SECRET_KEY=secret")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	for {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			return "http://" + addr
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("versitygw ended: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
