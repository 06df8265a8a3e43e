package e2e_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// transferred is what an import or export said.
type transferred struct {
	code           int
	stdout, stderr string
}

// transfer runs an import or an export to its end.
func transfer(t testing.TB, args ...string) transferred {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := command(t, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	code := exitCode(cmd.Run())
	return transferred{code, out.String(), errs.String()}
}

// ending is the sentence at the end, which counts files.
var ending = regexp.MustCompile(`(?m)^([\d,]+) (?:stored|written), ([\d,]+) already there.*\.$`)

// counts returns how many files were stored or written, and how many were there.
func (r transferred) counts(t testing.TB) (done, present int) {
	t.Helper()
	m := ending.FindStringSubmatch(r.stdout)
	if m == nil {
		t.Fatalf("it ended with %d and said %q, %q", r.code, r.stdout, r.stderr)
	}
	number := func(s string) int {
		n, err := strconv.Atoi(strings.ReplaceAll(s, ",", ""))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return number(m[1]), number(m[2])
}

// want checks that a transfer succeeded and what it did.
func (r transferred) want(t testing.TB, done, present int) {
	t.Helper()
	if d, p := r.counts(t); r.code != 0 || d != done || p != present {
		t.Fatalf("it ended with %d and said %q, %q, want %d done and %d already there", r.code, r.stdout, r.stderr, done, present)
	}
}

// newFolder makes a folder of n pictures of a size.
func newFolder(t testing.TB, n int, size int64) (dir string, pictures map[string]picture) {
	t.Helper()
	dir, pictures = t.TempDir(), map[string]picture{}
	for i := range n {
		name := fmt.Sprintf("%05d.png", i)
		pictures[name] = newPicture(size)
		if err := os.WriteFile(filepath.Join(dir, name), pictures[name].bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, pictures
}

// checkSome checks that a server has some of pictures, whole, and nothing else. It
// returns how many.
func checkSome(t testing.TB, s *server, pictures map[string]picture) int {
	t.Helper()
	images, err := s.list()
	if err != nil {
		t.Fatal(err)
	}
	for _, img := range images {
		p, ok := pictures[img.Filename]
		if !ok {
			t.Errorf("there is an image %s", img.Filename)
			continue
		}
		if sum, size, err := s.get(img.Filename); err != nil || sum != p.sum() || size != p.size {
			t.Errorf("%s: got %d bytes, %v, want the %d of the file", img.Filename, size, err, p.size)
		}
	}
	return len(images)
}

// checkFiles checks that a folder has some of pictures, whole, and nothing else
// but what is hidden.
func checkFiles(t testing.TB, dir string, pictures map[string]picture) (whole, hidden int) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), ".") {
			hidden++
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if p, ok := pictures[f.Name()]; err != nil || !ok || !bytes.Equal(content, p.bytes()) {
			t.Errorf("%s: %d bytes, %v: not those of the image", f.Name(), len(content), err)
		}
		whole++
	}
	return whole, hidden
}

// TestTransferCorpus brings real images through a data file, a folder, a server
// and another folder: each that was taken is what it was.
func TestTransferCorpus(t *testing.T) {
	parallel(t)
	dir := corpus(t)
	path, first, second := filepath.Join(t.TempDir(), "images.db"), t.TempDir(), t.TempDir()
	before := transfer(t, "import", "--db", path, dir)
	n, _ := before.counts(t)
	if n < 300 {
		t.Errorf("%d images were taken: %s", n, before.stdout)
	}
	again := transfer(t, "import", "--db", path, dir)
	if done, present := again.counts(t); done != 0 || present != n {
		t.Errorf("the second import: %s", again.stdout)
	}
	transfer(t, "export", "--db", path, first).want(t, n, 0)
	s := startNew(t)
	transfer(t, "import", "--server", s.url, first).want(t, n, 0)
	transfer(t, "import", "--server", s.url, first).want(t, 0, n)
	transfer(t, "export", "--server", s.url, second).want(t, n, 0)

	originals := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		originals[string(content)] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{first, second} {
		files, err := os.ReadDir(folder)
		if err != nil || len(files) != n {
			t.Fatalf("%s has %d files, %v, want %d", folder, len(files), err, n)
		}
		for _, f := range files {
			content, err := os.ReadFile(filepath.Join(folder, f.Name()))
			if err != nil || !originals[string(content)] {
				t.Errorf("%s: %v: no file that was imported has these bytes", f.Name(), err)
			}
		}
	}
}
