package e2e_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestIOErrors has one call of the server's to the disk fail, another one in
// each run, by strace: the calls that bbolt and db/bolt make, as strace shows
// them, are pwrite64 for pages, fdatasync for each commit, and fsync where the
// file grows or is made. strace counts the calls of each thread by itself. What
// was acknowledged is there after the next start; after the error the server is
// not ready, and acknowledges nothing.
func TestIOErrors(t *testing.T) {
	needStrace(t)
	for _, call := range []string{"fdatasync", "pwrite64"} {
		t.Run(call, func(t *testing.T) {
			parallel(t)
			met := 0
			for _, n := range pick([]int{1, 2, 3, 5, 8, 13}, upTo(60)) {
				if failOnce(t, fmt.Sprintf("%s:error=EIO:when=%d", call, n)) {
					met++
				}
			}
			t.Logf("%d runs met the error", met)
			if met == 0 {
				t.Error("no call failed")
			}
		})
	}
}

// TestIOErrorsLie is the control: a disk that says it has written what it has
// not loses images, and the comparison sees that.
func TestIOErrorsLie(t *testing.T) {
	parallel(t)
	needStrace(t)
	for n := range 20 {
		path := filepath.Join(t.TempDir(), "images.db")
		m := newModel()
		s := launch(t, straced(t, "", path))
		uploads(t, s, m, 3)
		s.stop(t)
		s = launch(t, straced(t, fmt.Sprintf("pwrite64:retval=4096:when=%d", n+1), path))
		uploads(t, s, m, 30)
		s.kill()
		s, err := tryLaunch(t, serve(t, path))
		if err != nil {
			t.Logf("when write %d was not done: %v", n+1, err)
			return
		}
		if lost := m.compare(s); len(lost) > 0 {
			t.Logf("when write %d was not done: %s", n+1, lost[0])
			return
		}
		s.kill()
	}
	t.Error("nothing was lost, so TestIOErrors would see no loss")
}

// TestIOErrorsNew has calls fail while the data file is made: the server says
// so, or runs, and the next start finds nothing in its way.
func TestIOErrorsNew(t *testing.T) {
	parallel(t)
	needStrace(t)
	refused := 0
	for _, call := range []string{"fdatasync", "pwrite64", "fsync"} {
		for n := range pick(3, 10) {
			path := filepath.Join(t.TempDir(), "images.db")
			s, err := tryLaunch(t, straced(t, fmt.Sprintf("%s:error=EIO:when=%d", call, n+1), path))
			if err != nil {
				refused++
			} else {
				s.kill()
			}
			s = start(t, path)
			s.check(t)
			mustPut(t, s, "a.png", newPicture(1e5))
			s.kill()
		}
	}
	t.Logf("%d starts were refused", refused)
	if refused == 0 {
		t.Error("no start met the error")
	}
}

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

func needStrace(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("strace", "-f", "-e", "inject=fdatasync:error=EIO:when=1", "true").CombinedOutput(); err != nil {
		unavailable(t, "strace: %v %s", err, out)
	}
}

// straced makes the command that serves a data file while strace injects what
// is said in the words of its option inject. What it did is in path + ".strace".
// The process is the server: strace runs beside it and ends with it.
func straced(t *testing.T, inject, path string) *exec.Cmd {
	t.Helper()
	if inject == "" {
		return serve(t, path)
	}
	cmd := serve(t, path)
	call, _, _ := bytes.Cut([]byte(inject), []byte(":"))
	args := []string{"-D", "-f", "-qq", "-o", path + ".strace", "-e", "trace=" + string(call), "-e", "inject=" + inject, "--"}
	traced := exec.CommandContext(t.Context(), "strace", append(args, cmd.Args...)...)
	traced.Env = cmd.Env
	return traced
}

// injected reports whether strace has changed a call.
func injected(t *testing.T, path string) bool {
	t.Helper()
	log, err := os.ReadFile(path + ".strace")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(log, []byte("(INJECTED)"))
}

// failOnce runs a server one of whose calls fails, and reports whether it came
// to that.
func failOnce(t *testing.T, inject string) bool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "images.db")
	m := newModel()
	s := start(t, path)
	uploads(t, s, m, 3)
	s.stop(t)

	s, err := tryLaunch(t, straced(t, inject, path))
	if err != nil {
		t.Fatalf("%s: %v", inject, err)
	}
	l := m.begin(s, "during", 4, pick[int64](8, 32)<<20)
	eventually(func() bool { return injected(t, path) || l.acks.Load() > 1000 })
	met := injected(t, path)
	if met {
		l.done.Wait() // each client gets an error
		for _, err := range l.end() {
			if code := refusal(err); code/100 == 4 || code == http.StatusInsufficientStorage {
				t.Errorf("%s: %v", inject, err)
			}
		}
		s.failed(t)
		for i := range 3 {
			if err := m.upload(s, fmt.Sprintf("after-%d.png", i), newPicture(1e5)); refusal(err) != http.StatusServiceUnavailable {
				t.Errorf("%s: an upload after the error: %v, want 503", inject, err)
			}
		}
	}
	l.end()
	wantNoneWrong(t, s, m)
	s.kill()
	s = start(t, path)
	s.check(t)
	m.matches(t, s)
	s.kill()
	return met
}

// uploads stores n pictures.
func uploads(t *testing.T, s *server, m *model, n int) {
	t.Helper()
	for i := range n {
		// A server that notices what the disk does refuses; the model knows.
		if err := m.upload(s, fmt.Sprintf("%d-%d.png", n, i), newPicture(2e4)); err != nil && refusal(err) == 0 {
			t.Fatal(err)
		}
	}
}
