package e2e_test

import (
	"bytes"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

func TestHealth(t *testing.T) {
	parallel(t)
	s := startNew(t)
	s.check(t)
	for _, path := range []string{"/livez", "/readyz", "/healthz"} {
		var answer struct{ Message string }
		if err := s.call(http.MethodGet, path, nil, &answer); err != nil || answer.Message == "" {
			t.Errorf("GET %s: %+v, %v, want a message", path, answer, err)
		}
	}
}

// TestTwoProcesses starts a second server on one data file.
func TestTwoProcesses(t *testing.T) {
	parallel(t)
	path := filepath.Join(t.TempDir(), "images.db")
	s := start(t, path)
	p := newPicture(100e3)
	mustPut(t, s, "a.png", p)
	refuses(t, path, "another process is using it")
	checkWhole(t, s, "a.png", p)
	mustPut(t, s, "b.png", p)
}

// refuses starts a server that must say why it cannot, and exit with code 1.
func refuses(t *testing.T, path, why string) {
	t.Helper()
	cmd := serve(t, path)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if exitCode(err) != 1 || !strings.Contains(stderr.String(), why) || !strings.Contains(stderr.String(), path) {
		t.Errorf("a server on %s: %v, %q, want exit code 1 and the file and %q", path, err, &stderr, why)
	}
}
