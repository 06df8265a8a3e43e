package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDamage flips bytes of images in the data file. A byte that is wrong is
// never sent: the answer breaks off before it, or is an error.
func TestDamage(t *testing.T) {
	parallel(t)
	damaged := []struct {
		name    string
		picture picture
		at      int // offset of the byte that is flipped
		running bool
	}{
		{"small.png", newPicture(100e3), 50e3, false},
		{"first.png", newPicture(3e6), 60e3, false},
		{"middle.png", newPicture(3e6), 1.5e6, false},
		{"last.png", newPicture(3e6), 3e6 - 1, false},
		{"running.png", newPicture(3e6), 2e6, true},
		{"running-small.png", newPicture(20e3), 19e3, true},
	}
	sound := map[string]picture{"a.png": newPicture(20e3), "b.png": newPicture(3e6)}

	path := filepath.Join(t.TempDir(), "images.db")
	s := start(t, path)
	for _, d := range damaged {
		mustPut(t, s, d.name, d.picture)
	}
	for name, p := range sound {
		mustPut(t, s, name, p)
	}
	s.stop(t)
	for _, d := range damaged {
		if !d.running {
			flip(t, path, d.picture.bytes(), d.at)
		}
	}
	s = start(t, path)
	s.check(t)
	for _, d := range damaged {
		if d.running {
			checkWhole(t, s, d.name, d.picture)
			flip(t, path, d.picture.bytes(), d.at)
		}
	}
	for _, d := range damaged {
		checkDamaged(t, s, d.name, d.picture.bytes(), d.at)
		if !eventually(func() bool { return complained(s, d.name) }) {
			t.Errorf("no error in the server's log names %s", d.name)
		}
	}
	for name, p := range sound {
		checkWhole(t, s, name, p)
	}
	for _, d := range damaged { // to upload an image again mends it
		mustPut(t, s, d.name, d.picture)
		checkWhole(t, s, d.name, d.picture)
	}
	s.alive(t)
}

// complained reports whether an error in the server's log names an image.
func complained(s *server, name string) bool {
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, `"level":"ERROR"`) && strings.Contains(line, name) {
			return true
		}
	}
	return false
}

// flip changes a byte of an image in the data file.
func flip(t *testing.T, path string, content []byte, at int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The bytes about it are like no others, and as few that no checksum or
	// page header is among them.
	from := at - at%16
	run := content[from:min(from+16, len(content))]
	if n := bytes.Count(data, run); n != 1 {
		t.Fatalf("the data file has the bytes at %d %d times", from, n)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{content[at] ^ 1}, int64(bytes.Index(data, run)+at-from)); err != nil {
		t.Fatal(err)
	}
}

// checkDamaged reads an image, whole and in parts, whose byte at the offset at
// is wrong in the data file.
func checkDamaged(t *testing.T, s *server, name string, content []byte, at int) {
	t.Helper()
	for _, part := range []struct{ from, to int }{ // both inclusive
		{0, len(content) - 1}, {at, at}, {at / 2, at}, {at, len(content) - 1}, {0, 0},
	} {
		header := http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", part.from, part.to)}}
		if part.to-part.from+1 == len(content) {
			header = nil
		}
		want := content[part.from : part.to+1]
		resp, err := s.send(http.MethodGet, imagePath(name), nil, 0, header)
		if err != nil {
			if !cutOff(err) {
				t.Errorf("GET %s: %v", name, err)
			}
			continue
		}
		if resp.StatusCode >= 500 && at-part.to < 1<<20 {
			if err := read(resp, nil); refusal(err) == 0 {
				t.Errorf("GET %s: %v", name, err)
			}
			continue
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		covers := part.from <= at && at <= part.to
		switch {
		case resp.StatusCode/100 != 2:
			t.Errorf("GET %s, bytes %d-%d: status %d", name, part.from, part.to, resp.StatusCode)
		case !bytes.HasPrefix(want, got):
			t.Errorf("GET %s, bytes %d-%d: bytes arrived that are wrong", name, part.from, part.to)
		case err == nil && (covers || len(got) < len(want)), err != nil && !cutOff(err):
			t.Errorf("GET %s, bytes %d-%d: %d bytes and %v, want the answer to break off", name, part.from, part.to, len(got), err)
		case err != nil && at-part.to > 1<<20:
			t.Errorf("GET %s, bytes %d-%d: %v, but the damage is far from there", name, part.from, part.to, err)
		}
	}
}

// checkWhole reads an image that must be sound.
func checkWhole(t *testing.T, s *server, name string, p picture) {
	t.Helper()
	if sum, _, err := s.get(name); err != nil || sum != p.sum() {
		t.Errorf("GET %s: digest %s, %v, want %s", name, sum, err, p.sum())
	}
}
