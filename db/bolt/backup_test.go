package bolt

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"imageserver/db"
)

// TestBackupLeavesNothing fails if a backup leaves a file when it is closed, when it
// fails, or when its process is killed. Other files must stay, also backups that
// somebody made by hand.
func TestBackupLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "images.db")
	want := []string{"images.db", "images.db.backup-1", "images.db.old", "images.db" + spoolMark + "mine" + spoolEnd, "other.db" + spoolMark + "1" + spoolEnd}
	for _, name := range append(want[1:], "images.db"+spoolMark+"123"+spoolEnd, "images.db"+spoolMark+"456"+spoolEnd) {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("left"), 0o600))
	}
	s := openStore(t, path, Options{})
	files := func() (names []string) {
		entries, err := os.ReadDir(dir)
		must(t, err)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	if got := files(); !slices.Equal(got, want) {
		t.Errorf("after Open there are %q, want %q", got, want)
	}
	mustPut(t, s, "a.png", content(1, 1_000_000))
	backup, _, err := s.Backup(ctx)
	must(t, err)
	if got := files(); runtime.GOOS != "windows" && !slices.Equal(got, want) {
		t.Errorf("while a backup is read there are %q, want %q", got, want)
	}
	_, err = io.Copy(io.Discard, backup)
	must(t, errors.Join(err, backup.Close()))
	if got := files(); !slices.Equal(got, want) {
		t.Errorf("after a backup there are %q, want %q", got, want)
	}
}

// TestBackupOfShort fails if the backup of a file that was cut looks complete.
func TestBackupOfShort(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be cut there")
	}
	path := filepath.Join(t.TempDir(), "images.db")
	s := openStore(t, path, Options{Log: slog.New(slog.DiscardHandler)})
	mustPut(t, s, "a.png", content(1, 1_000_000))
	must(t, os.Truncate(path, 500_000))
	if _, _, err := s.Backup(ctx); !errors.Is(err, db.ErrDamaged) {
		t.Errorf("error %v, want ErrDamaged", err)
	}
}

// TestBackupBehindLink copies a data file that a symbolic link leads to. The
// temporary file is beside the data file: the link can be on a read-only disk.
func TestBackupBehindLink(t *testing.T) {
	t.Parallel()
	dir, volume := t.TempDir(), t.TempDir()
	link := filepath.Join(dir, "link.db")
	if err := os.Symlink(filepath.Join(volume, "images.db"), link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(volume, "images.db"+spoolMark+"123"+spoolEnd), []byte("left"), 0o600))
	s := openStore(t, link, Options{})
	tmp, err := s.spool()
	must(t, err)
	if want, err := filepath.EvalSymlinks(volume); err != nil || filepath.Dir(tmp.Name()) != want {
		t.Errorf("the temporary file is %s, want it in %s", tmp.Name(), want)
	}
	must(t, tmp.Close())
	if files, err := os.ReadDir(volume); err != nil || len(files) != 1 {
		t.Errorf("got %v, %v, want the data file alone", files, err)
	}
}
