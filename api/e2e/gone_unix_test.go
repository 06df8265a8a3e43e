//go:build unix

package e2e_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"
)

// TestFileGone does to the data file, in the middle of uploads, what people do
// by mistake. The server says what is wrong, acknowledges nothing more and never
// sends a wrong byte. If the file itself is unharmed, the server continues to
// answer, and everything acknowledged is in the file. If the file was cut or
// overwritten the server may exit with code 1, so that its supervisor restarts it.
func TestFileGone(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(t *testing.T, path, other string) (unharmed string)
		idle bool // a commit under way would make the file long again, with holes
	}{
		{"renamed", func(t *testing.T, path, _ string) string {
			return renamed(t, path, path+".old")
		}, false},
		{"folder renamed", func(t *testing.T, path, _ string) string {
			dir := filepath.Dir(path)
			return filepath.Join(renamed(t, dir, dir+".old"), filepath.Base(path))
		}, false},
		{"folder removed", func(t *testing.T, path, _ string) string {
			kept := filepath.Join(t.TempDir(), "kept.db")
			if err := os.Link(path, kept); err != nil { // to look at it afterwards
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
			return kept
		}, false},
		{"replaced", func(t *testing.T, path, other string) string {
			kept := renamed(t, path, path+".old")
			renamed(t, other, path)
			return kept
		}, false},
		{"overwritten", func(t *testing.T, path, other string) string { // as cp does
			data, err := os.ReadFile(other)
			if err == nil {
				err = os.WriteFile(path, data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			return ""
		}, false},
		{"cut to nothing", func(t *testing.T, path, _ string) string { return truncated(t, path, 0) }, false},
		{"cut to a page", func(t *testing.T, path, _ string) string { return truncated(t, path, 4096) }, false},
		{"cut to a megabyte", func(t *testing.T, path, _ string) string { return truncated(t, path, 1<<20) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			parallel(t)
			other := filepath.Join(t.TempDir(), "other.db")
			o := start(t, other)
			mustPut(t, o, "other.png", newPicture(1e6))
			o.stop(t)
			path := filepath.Join(t.TempDir(), "store", "images.db")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			s := start(t, path)
			m := newModel()
			for i := range 10 {
				if err := m.upload(s, fmt.Sprintf("before-%d.png", i), newPicture(1e6)); err != nil {
					t.Fatal(err)
				}
			}
			l := m.begin(s, "during", 8, 64<<20)
			if !eventually(func() bool { return l.acks.Load() > 50 }) {
				t.Error("the uploads do not get on")
			}
			if c.idle {
				l.end()
			}
			unharmed := c.do(t, path, other)
			if c.idle {
				l = m.begin(s, "after", 8, 64<<20)
			}
			l.done.Wait() // each client gets an error
			for _, err := range l.end() {
				if code := refusal(err); code/100 == 4 || code == http.StatusInsufficientStorage {
					t.Errorf("with the file %s: %v", c.name, err)
				}
			}
			if unharmed != "" || !s.gaveUp(t) {
				s.failed(t)
				wantNoneWrong(t, s, m)
			}
			copied := ""
			if unharmed != "" { // what nobody finds any more can still be saved
				var err error
				if copied, err = backup(t, s); err != nil {
					t.Fatalf("backup with the file %s: %v", c.name, err)
				}
			}
			s.kill()
			if unharmed != "" {
				m.matches(t, start(t, copied))
				s = start(t, unharmed)
				s.check(t)
				m.matches(t, s)
			}
		})
	}
}

// gaveUp reports whether the server has ended because it could not go on without
// its data file. It must say so, and end with code 1.
func (s *server) gaveUp(t *testing.T) bool {
	t.Helper()
	if err := s.call(http.MethodGet, "/readyz", nil, nil); refusal(err) != 0 { // it reads from the file, and still answers
		return false
	}
	select {
	case <-s.exited:
	case <-time.After(stopTimeout):
		t.Fatal("the server does not answer and does not end")
	}
	log := s.log.String()
	if exitCode(s.err) != 1 || !strings.Contains(log, "another program changed the data file") || strings.Contains(log, "goroutine ") {
		t.Errorf("the server ended with %v:\n%s", s.err, s.log.last(2000))
	}
	return true
}

func renamed(t *testing.T, from, to string) string {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
	return to
}

func truncated(t *testing.T, path string, size int64) string {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	return ""
}

// wantNoneWrong reads all images that are there for certain: each comes as it
// was sent, or not.
func wantNoneWrong(t *testing.T, s *server, m *model) {
	t.Helper()
	each(4, m.stored(), func(name string) {
		sum, _, err := s.get(name)
		if want := m.certain(name); err == nil && sum != want && want != absent {
			t.Errorf("GET %s: digest %s, want %s or an error", name, sum, want)
		}
	})
	s.alive(t)
}

// TestFileGoneBare is the control: a program that reads through the same map
// without the server's protection dies when the file is cut.
func TestFileGoneBare(t *testing.T) {
	parallel(t)
	path := filepath.Join(t.TempDir(), "images.db")
	s := start(t, path)
	mustPut(t, s, "a.png", newPicture(1e6))
	s.stop(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := &output{}, &output{}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(environment(), bareVar+"="+path)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !eventually(func() bool { return stdout.String() != "" }) {
		t.Error("the reader does not read")
	}
	truncated(t, path, 4096)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(stderr.String(), "unexpected fault address") {
			t.Errorf("the reader ended with %v: %s", err, stderr.last(500))
		}
	case <-time.After(stopTimeout):
		t.Error("a reader of the map does not notice that the file is cut, so TestFileGone proves nothing")
		cmd.Process.Kill()
		<-ended
	}
}

// readBare reads a data file over and over.
func readBare(path string) error {
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		err := db.View(func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("chunks")).ForEachBucket(func(k []byte) error {
				bytes.Count(tx.Bucket([]byte("chunks")).Bucket(k).Get([]byte("c")), []byte("x"))
				return nil
			})
		})
		if err != nil {
			return err
		}
		if n == 0 {
			fmt.Println("reading")
		}
	}
}
