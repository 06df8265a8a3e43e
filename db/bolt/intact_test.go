package bolt

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"imageserver/db"
)

// under are the things that can happen to the file of an open store.
var under = []struct {
	name  string
	do    func(t *testing.T, path string)
	says  string
	back  bool // the former file can be put back, and reads go on
	fatal bool // perhaps no transaction can begin
}{
	{"removed", func(t *testing.T, path string) { must(t, os.Rename(path, path+".old")) }, "removed", true, false},
	{"folder removed", func(t *testing.T, path string) {
		must(t, os.Rename(filepath.Dir(path), filepath.Dir(path)+".old"))
	}, "removed", true, false},
	{"replaced", func(t *testing.T, path string) {
		must(t, os.Rename(path, path+".old"))
		must(t, os.WriteFile(path, []byte("another file"), 0o600))
	}, "replaced", true, false},
	{"replaced by a copy", func(t *testing.T, path string) {
		data, err := os.ReadFile(path)
		must(t, err)
		must(t, os.Rename(path, path+".old"))
		must(t, os.WriteFile(path, data, 0o600))
	}, "replaced", true, false},
	{"cut to nothing", func(t *testing.T, path string) { must(t, os.Truncate(path, 0)) }, "", false, true},
	{"cut to a page", func(t *testing.T, path string) { must(t, os.Truncate(path, 4096)) }, "", false, true},
	{"cut to three pages", func(t *testing.T, path string) { must(t, os.Truncate(path, 3*4096)) }, "", false, true},
	{"cut in half", func(t *testing.T, path string) { must(t, os.Truncate(path, 300_000)) }, "cut short", false, false},
	{"overwritten", func(t *testing.T, path string) { // as cp restores a backup
		other := filepath.Join(t.TempDir(), "other.db")
		s, err := Open(other, Options{})
		must(t, err)
		for i := range byte(30) {
			mustPut(t, s, string('a'+rune(i)), content(i, 100_000))
		}
		must(t, s.Close())
		data, err := os.ReadFile(other)
		must(t, err)
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		must(t, err)
		defer f.Close()
		_, err = f.WriteAt(data, 0)
		must(t, err)
	}, "overwritten", false, false},
}

// TestInPlace does to the data file of an open store what people do by mistake. Nothing
// may crash or hang, and nothing more may be acknowledged. Ready must say why, or the
// store calls Fatal.
func TestInPlace(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be moved there")
	}
	for _, c := range under {
		for _, noticed := range []string{"by Ready", "by Put", "by Delete"} {
			t.Run(c.name+" "+noticed, func(t *testing.T) {
				t.Parallel()
				err := untilFatal(t, func(o Options) { testInPlace(t, o, c.do, c.says, c.back, noticed) })
				if err != nil && !c.fatal {
					t.Errorf("the store cannot go on: %v", err)
				}
			})
		}
	}
}

func testInPlace(t *testing.T, o Options, do func(*testing.T, string), says string, back bool, noticed string) {
	path := filepath.Join(t.TempDir(), "store", "images.db")
	must(t, os.Mkdir(filepath.Dir(path), 0o700))
	s, err := Open(path, o)
	must(t, err)
	want := content(1, 500_000)
	mustPut(t, s, "a.png", want)
	mustPut(t, s, "b.png", content(2, 500_000))
	do(t, path)

	before, _ := os.Stat(path)
	put := func() error {
		_, _, err := s.Put(ctx, "c.png", bytes.NewReader(content(3, 3_000_000)), db.PutOptions{})
		return err
	}
	remove := func() error { return s.Delete(ctx, "b.png", db.DeleteOptions{}) }
	for range 2 {
		switch noticed {
		case "by Put":
			wantStopped(t, put(), says)
		case "by Delete":
			wantStopped(t, remove(), says)
		}
		wantStopped(t, s.Ready(ctx), says)
		wantStopped(t, put(), says)
		wantStopped(t, remove(), says)
	}
	_, body, err := s.Get(ctx, "a.png")
	var got []byte
	if err == nil {
		got, err = io.ReadAll(body)
		body.Close()
	}
	if err == nil && !bytes.Equal(got, want) {
		t.Error("the image reads wrong")
	}
	if back && err != nil {
		t.Errorf("read: %v, want it to go on", err)
	}
	if after, _ := os.Stat(path); before != nil && (after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime())) {
		t.Errorf("the file was written to: %d bytes, %d before", after.Size(), before.Size())
	}
	if back {
		putBack(t, s, path)
	}
	s.Close()
}

// putBack undoes what was done to the name of the file. The store must write again.
func putBack(t *testing.T, s *Store, path string) {
	t.Helper()
	os.RemoveAll(path)
	if _, err := os.Stat(path + ".old"); err == nil {
		must(t, os.Rename(path+".old", path))
	} else {
		must(t, os.Rename(filepath.Dir(path)+".old", filepath.Dir(path)))
	}
	if err := s.Ready(ctx); err != nil {
		t.Errorf("after the file was put back: %v", err)
	}
	mustPut(t, s, "d.png", content(4, 100_000))
}

// wantStopped fails unless err says that the store has stopped writing or cannot be
// read, and why.
func wantStopped(t *testing.T, err error, says string) {
	t.Helper()
	if !errors.Is(err, db.ErrReadOnly) && !errors.Is(err, db.ErrDamaged) || !strings.Contains(err.Error(), says) {
		t.Errorf("error %v, want ErrReadOnly or ErrDamaged that says %q", err, says)
	}
}

// TestMovedDuringCommit moves the file during a commit. The image must not be
// acknowledged.
func TestMovedDuringCommit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "images.db")
	var s *Store
	s = openStore(t, path, Options{Now: func() time.Time {
		if s != nil { // the clock is read in every commit, after it has begun
			os.Rename(path, path+".old")
		}
		return time.Now()
	}})
	_, _, err := s.Put(ctx, "a.png", strings.NewReader("a"), db.PutOptions{})
	if !errors.Is(err, db.ErrReadOnly) {
		t.Errorf("error %v, want ErrReadOnly", err)
	}
}

// TestFatal cuts the file so that no transaction can begin. The store reports
// that it cannot go on, and acknowledges nothing.
func TestFatal(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be cut there")
	}
	for name, use := range map[string]func(s *Store) error{
		"to read":  func(s *Store) error { return errOf(s.Stat(ctx, "a.png")) },
		"to write": func(s *Store) error { return s.Delete(ctx, "a.png", db.DeleteOptions{}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "images.db")
			err := untilFatal(t, func(o Options) {
				s, err := Open(path, o)
				must(t, err)
				mustPut(t, s, "a.png", content(1, 500_000))
				must(t, os.Truncate(path, 0))
				t.Errorf("after Fatal the call returned: %v", use(s))
			})
			if !errors.Is(err, db.ErrDamaged) || !strings.Contains(err.Error(), "restore a backup") {
				t.Errorf("the store reports %v, want ErrDamaged and what to do", err)
			}
		})
	}
}

// untilFatal runs use until it returns, or until the store calls the Fatal of its
// options. Then untilFatal returns that error. A real process would end there, so the
// callers of the store would get no result.
func untilFatal(t *testing.T, use func(o Options)) (err error) {
	t.Helper()
	fatal, done := make(chan error), make(chan struct{})
	within(t, func() {
		go func() {
			defer close(done)
			use(Options{
				Log:   slog.New(slog.DiscardHandler),
				Fatal: func(err error) { fatal <- err; select {} },
			})
		}()
		select {
		case err = <-fatal:
		case <-done:
		}
	})
	return err
}
