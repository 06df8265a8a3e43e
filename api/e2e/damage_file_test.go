package e2e_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// commandTimeout ends a command that hangs.
const commandTimeout = time.Minute

// execute runs the program to its end, and returns its exit code and what it
// wrote. It must not crash, hang, or be killed.
func execute(t testing.TB, args ...string) (code int, output string) {
	t.Helper()
	cmd := command(t, args...)
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	limit := time.AfterFunc(commandTimeout, func() { cmd.Process.Kill() })
	defer limit.Stop()
	code = exitCode(cmd.Run())
	if code < 0 || code > 2 || strings.Contains(both.String(), "goroutine ") {
		t.Errorf("imageserver %q: exit code %d\n%s", args, code, &both)
	}
	return code, both.String()
}

// isSound checks a data file that no server uses, and wants no damage found.
func isSound(t testing.TB, path string) {
	t.Helper()
	if code, output := execute(t, "check", "--db", path); code != 0 {
		t.Errorf("imageserver check: exit code %d\n%s", code, output)
	}
}

// TestDamagedFile damages each of the first 200 pages of a data file in turn,
// and cuts it short. The server starts or says why not; it does not crash or hang
// and sends no wrong byte. The check names the damage, or nothing is
// wrong; what it does not name can be read.
func TestDamagedFile(t *testing.T) {
	parallel(t)
	const pages = 200
	dir := t.TempDir()
	path := filepath.Join(dir, "images.db")
	images := map[string]picture{}
	s := start(t, path)
	for i := range 60 {
		name := fmt.Sprintf("%d.png", i)
		images[name] = pictureBetween(500, pick(40e3, 20e3))
		mustPut(t, s, name, images[name])
	}
	for i := 0; i < 60; i += 7 {
		name := fmt.Sprintf("%d.png", i)
		if err := s.remove(name); err != nil {
			t.Fatal(err)
		}
		delete(images, name)
	}
	mustPut(t, s, "last.png", newPicture(1000)) // the one commit that a damaged meta page may lose
	s.stop(t)
	isSound(t, path)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := os.Getpagesize()
	type damage struct {
		name string
		do   func(b []byte) []byte
	}
	var all []damage
	for i := range pages {
		page := func(b []byte) []byte { return b[i*size : (i+1)*size] }
		all = append(all,
			damage{fmt.Sprintf("page %d zeroed", i), func(b []byte) []byte { clear(page(b)); return b }},
			damage{fmt.Sprintf("page %d inverted", i), func(b []byte) []byte {
				for j, p := 0, page(b); j < len(p); j++ {
					p[j] = ^p[j]
				}
				return b
			}},
			damage{fmt.Sprintf("a bit of page %d flipped", i), func(b []byte) []byte {
				page(b)[rand.IntN(size)] ^= 1 << rand.IntN(8)
				return b
			}})
	}
	for i := range 20 {
		all = append(all, damage{fmt.Sprintf("cut off after %d/20", i), func(b []byte) []byte { return b[:len(b)*i/20+i] }})
	}
	if !whole {
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		all = all[:12]
	}
	started, named := 0, 0
	for _, d := range all {
		broken := d.do(bytes.Clone(sound))
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		code, findings := execute(t, "check", "--db", path)
		if code != 0 {
			named++
		}
		if serveDamaged(t, d.name, path, images, code, findings) {
			started++
		}
		if t.Failed() {
			t.Fatalf("with %s; the check says\n%s", d.name, findings)
		}
	}
	t.Logf("of %d damaged files %d were named damaged, and the server started on %d", len(all), named, started)
}

// serveDamaged starts the server on a file of which the check had to say
// findings, and reads and writes. It reports whether it started.
func serveDamaged(t *testing.T, name, path string, images map[string]picture, code int, findings string) bool {
	t.Helper()
	cmd := serve(t, path)
	s, err := tryLaunch(t, cmd)
	if err != nil {
		if exitCode(err) == 0 || code == 0 || strings.Contains(err.Error(), "goroutine ") || strings.Contains(err.Error(), "did not say") {
			t.Errorf("the server does not start on a file with %s, where the check says %d: %v", name, code, err)
		}
		return false
	}
	if code != 0 && strings.Contains(findings, "imageserver: data file") {
		t.Errorf("the server starts on a file with %s, which the check refuses", name)
	}
	pagesDamaged := strings.Contains(findings, ": page ")
	for image, p := range images {
		sum, n, err := s.get(image)
		switch {
		case err == nil && (sum != p.sum() || n != p.size):
			t.Errorf("with %s a wrong byte of %s was sent", name, image)
		case err != nil && !pagesDamaged && !strings.Contains("\n"+findings, "\n"+image+": "):
			t.Errorf("with %s the check does not name %s, and the server: %v", name, image, err)
		}
	}
	_, _ = s.list()
	for i := range 5 { // what comes of these depends on the damage
		p := newPicture(10e3)
		image := fmt.Sprintf("new-%d.png", i)
		if _, err := s.put(image, p.open(), p.size); err == nil {
			checkWhole(t, s, image, p)
		}
	}
	for image := range images {
		_ = s.remove(image)
	}
	s.alive(t)
	s.end(t)
	return true
}

// end has the server shut down, which on a damaged file may end with an error,
// but must end.
func (s *server) end(t *testing.T) {
	t.Helper()
	s.client.CloseIdleConnections()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.exited:
	case <-time.After(stopTimeout):
		t.Errorf("the server still runs %s after it was told to stop", stopTimeout)
	}
	if code := exitCode(s.err); code != 0 && code != 1 || strings.Contains(s.log.String(), "goroutine ") {
		t.Errorf("the server ended with %v:\n%s", s.err, s.log.last(3000))
	}
}

// TestKillCommands kills compact and check --repair in the midst of their work,
// again and again. The images are all there, and the next run cleans up.
func TestKillCommands(t *testing.T) {
	parallel(t)
	path := filepath.Join(t.TempDir(), "images.db")
	images := map[string]picture{}
	s := start(t, path, "--trash", "0")
	for i := range pick(60, 400) {
		name := fmt.Sprintf("%d.png", i)
		images[name] = newPicture(100e3)
		mustPut(t, s, name, images[name])
		if i%3 == 0 {
			if err := s.remove(name); err != nil {
				t.Fatal(err)
			}
			delete(images, name)
		}
	}
	s.stop(t)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for round := range pick(8, 100) {
		if err := os.WriteFile(path, sound, 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"compact", "--db", path}
		if round%2 == 1 {
			flip(t, path, images["1.png"].bytes(), 50e3)
			args = []string{"check", "--repair", "--db", path}
		}
		killed(t, command(t, args...), rand.N(pick[time.Duration](60, 400)*time.Millisecond))
		if round%2 == 0 {
			isSound(t, path)
		}
		s := start(t, path)
		for name, p := range images {
			if name != "1.png" || round%2 == 0 {
				checkWhole(t, s, name, p)
			}
		}
		s.stop(t)
		if code, output := execute(t, "compact", "--db", path); code != 0 {
			t.Fatalf("compact after round %d: exit code %d\n%s", round, code, output)
		}
		if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
			t.Fatalf("after round %d the folder holds %v, %v", round, files, err)
		}
	}
}

// killed runs a command and kills it after a while.
func killed(t *testing.T, cmd *exec.Cmd, after time.Duration) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
}
