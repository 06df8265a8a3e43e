package bolt_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db/bolt"
)

// TestOpenRefuses opens files that are not data files. The error must say what to do.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	write := func(data []byte) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"empty", write(nil), "is empty (0 bytes)"},
		{"text", write([]byte(strings.Repeat("not a data file\n", 1000))), "not a data file of this program"},
		{"short", write([]byte("x")), "not a data file of this program"},
		{"folder", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "is a folder"},
		{"locked", func(t *testing.T, path string) { openStore(t, path) }, "another process is using it"},
		{"other program", func(t *testing.T, path string) {
			editFile(t, path, func(tx *bbolt.Tx) error {
				_, err := tx.CreateBucket([]byte("widgets"))
				return err
			})
		}, `of another program (it has a bucket "widgets")`},
		{"other program's meta", func(t *testing.T, path string) {
			editFile(t, path, func(tx *bbolt.Tx) error {
				_, err := tx.CreateBucket([]byte("meta"))
				return err
			})
		}, "of another program"},
		{"newer", func(t *testing.T, path string) {
			openStore(t, path).Close()
			editFile(t, path, func(tx *bbolt.Tx) error {
				return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte{0, 0, 1, 0})
			})
		}, "newer version of this program (format 256"},
		{"both metas overwritten", func(t *testing.T, path string) {
			openStore(t, path).Close()
			overwrite(t, path, 24, make([]byte, 40))
			overwrite(t, path, int64(os.Getpagesize())+24, make([]byte, 40))
		}, "restore your backup"},
		{"free list overwritten", func(t *testing.T, path string) {
			openStore(t, path).Close()
			for page := 2; page < 8; page++ {
				overwrite(t, path, int64(page*os.Getpagesize()), make([]byte, 64))
			}
		}, "damaged"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "images.db")
			test.make(t, path)
			s, err := bolt.Open(path, bolt.Options{})
			if err == nil {
				s.Close()
				t.Fatal("opened it")
			}
			if got := err.Error(); !strings.Contains(got, test.want) || !strings.Contains(got, path) || strings.Contains(got, "\n") {
				t.Errorf("error %q\nwant one line with the path and %q", got, test.want)
			}
		})
	}
}

// TestOpenMissingFolder names the folder to make.
func TestOpenMissingFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "missing")
	_, err := bolt.Open(filepath.Join(dir, "images.db"), bolt.Options{})
	if err == nil || !strings.Contains(err.Error(), "there is no folder "+dir) {
		t.Errorf("error %v, want the name of the folder", err)
	}
}

// TestOpenLeavesNothing creates a store. No temporary file may be left.
func TestOpenLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	openStore(t, filepath.Join(dir, "images.db"))
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != "images.db" {
		t.Errorf("the folder holds %v, want images.db alone", entries)
	}
}

// TestOpenAgainAfterRefusal fails if a refused file stays locked.
func TestOpenAgainAfterRefusal(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "images.db")
	openStore(t, path).Close()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for page := 2; page < 8; page++ {
		overwrite(t, path, int64(page*os.Getpagesize()), make([]byte, 64))
	}
	if s, err := bolt.Open(path, bolt.Options{}); err == nil {
		s.Close()
		t.Fatal("opened a damaged file")
	}
	overwrite(t, path, 0, good)
	if _, err := openStore(t, path).Usage(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// editFile runs fn in a write transaction of a bbolt file.
func editFile(t *testing.T, path string, fn func(tx *bbolt.Tx) error) {
	t.Helper()
	bdb, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer bdb.Close()
	if err := bdb.Update(fn); err != nil {
		t.Fatal(err)
	}
}

// overwrite puts data at off of the file.
func overwrite(t *testing.T, path string, off int64, data []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(data, off); err != nil {
		t.Fatal(err)
	}
}

// TestOpenDanglingLink opens a symbolic link to a file that does not exist yet,
// as in a container whose data is on a volume. The store is created where the
// link leads, and the link stays.
func TestOpenDanglingLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := filepath.Join(dir, "volume", "images.db")
	if err := os.Mkdir(filepath.Dir(target), 0o700); err != nil {
		t.Fatal(err)
	}
	link, second := filepath.Join(dir, "images.db"), filepath.Join(dir, "second.db")
	if err := errors.Join(os.Symlink(filepath.Join("volume", "images.db"), link), os.Symlink(link, second)); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	s, err := bolt.Open(second, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, second} {
		if info, err := os.Lstat(path); err != nil || info.Mode().Type() != os.ModeSymlink {
			t.Errorf("%s: got %v, %v, want the link", path, info, err)
		}
	}
	if info, err := os.Lstat(target); err != nil || !info.Mode().IsRegular() {
		t.Errorf("%s: got %v, %v, want the data file", target, info, err)
	}

	loop := filepath.Join(dir, "loop.db")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	if _, err := bolt.Open(loop, bolt.Options{}); err == nil || !strings.Contains(err.Error(), "in a circle; choose another path") {
		t.Errorf("a link to itself: got %v, want an error that says so", err)
	}
}
