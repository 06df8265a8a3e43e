package transfer_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"imageserver/api/intake"
	"imageserver/db"
)

// TestImportChanging checks that import does not store a file that changes while import
// reads the file.
func TestImportChanging(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(path string) error{
		"grows": func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString("more")
				f.Close()
			}
			return err
		},
		"shrinks": func(path string) error { return os.Truncate(path, 2<<20) },
		"is overwritten": func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteAt([]byte("other"), 1<<20)
				f.Close()
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
				dir := t.TempDir()
				path := filepath.Join(dir, "changing.png")
				write(t, path, picture(t, 1, 3<<20), longAgo)
				write(t, filepath.Join(dir, "taken.png"), picture(t, 2, 3<<20), longAgo)
				write(t, filepath.Join(dir, "unchanged.png"), picture(t, 3, 0), longAgo)
				p.put(t, "taken.png", picture(t, 4, 0), longAgo)
				said, err := doImport(t.Context(), hooked{Images: p, put: func(name string) error {
					if name == "unchanged.png" {
						return nil
					}
					return change(filepath.Join(dir, name))
				}}, dir)
				wantError(t, err, "2 files could not be imported")
				wantLines(t, said,
					path+": the file changed during the import; import it again",
					filepath.Join(dir, "taken.png")+": the file changed during the import; import it again")
				wantEnd(t, said, "1 stored, 0 already there, 2 failed.")
				if got := names(p.stored(t)); len(got) != 2 {
					t.Errorf("got %q", got)
				}
				said, err = doImport(t.Context(), p, dir)
				must(t, said, err, "2 stored, 1 already there.")
			})
		})
	}
}

// TestImportUnreadable checks that import stores the other files if it cannot read a
// file, or if the name of a file is not UTF-8.
func TestImportUnreadable(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a file that root cannot read and allows any bytes in names")
	}
	everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
		dir := t.TempDir()
		latin := filepath.Join(dir, "caf\xe9.png")
		write(t, latin, picture(t, 1, 0), longAgo)
		write(t, filepath.Join(dir, "cat.png"), picture(t, 2, 0), longAgo)
		removed := filepath.Join(dir, "removed.png")
		write(t, removed, picture(t, 3, 0), longAgo)
		const memory = "/proc/self/mem" // reading its first byte is an I/O error
		var once sync.Once
		said, err := doImport(t.Context(), hooked{Images: p, stat: func(string) {
			once.Do(func() { os.Remove(removed) })
		}}, memory, filepath.Join(dir, "cat.png"), dir)
		if err == nil || !strings.Contains(err.Error(), "could not be imported") {
			t.Errorf("got %v", err)
		}
		for _, line := range []string{
			memory + ": input/output error\n",
			fmt.Sprintf("%q: the file name is not valid UTF-8; rename the file\n", latin),
		} {
			if !strings.Contains(said, line) {
				t.Errorf("the output is\n%swant %q in it", said, line)
			}
		}
		p.read(t, "cat.png")
	})
}

// TestImportInterrupted stops an import before its end. The stored images stay, and the
// next run stores the others.
func TestImportInterrupted(t *testing.T) {
	t.Parallel()
	everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
		const n = 100
		dir := t.TempDir()
		for i := range n {
			write(t, filepath.Join(dir, fmt.Sprintf("%d.png", i)), picture(t, uint64(i), 1000), longAgo)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var puts atomic.Int64
		said, err := doImport(ctx, hooked{Images: p, put: func(string) error {
			if puts.Add(1) == 40 {
				cancel()
			}
			return nil
		}}, dir)
		wantError(t, err, "interrupted; stopped after ", " files of 100; run the command again to continue")
		kept := len(p.stored(t))
		if kept < 20 || kept > 60 {
			t.Errorf("%d images were stored, want about 40, the number before the interruption", kept)
		}
		if strings.Contains(said, "failed") {
			t.Errorf("the output is\n%s", said)
		}
		said, err = doImport(t.Context(), p, dir)
		// A server may still store images that it received before the interruption.
		var rest, there int
		if _, scanErr := fmt.Sscanf(said, "%d stored, %d already there.", &rest, &there); err != nil || scanErr != nil || rest+there != n || there < kept {
			t.Errorf("got %v; the output is\n%s", err, said)
		}
		if got := len(p.stored(t)); got != n {
			t.Errorf("the store has %d images, want %d", got, n)
		}
	})
}

// TestImportFatal checks that an error that concerns all files ends the import at once.
func TestImportFatal(t *testing.T) {
	t.Parallel()
	everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
		dir := t.TempDir()
		for i := range 100 {
			write(t, filepath.Join(dir, fmt.Sprintf("%d.png", i)), picture(t, uint64(i), 1000), longAgo)
		}
		for _, cause := range []error{db.ErrFull, db.ErrReadOnly, errTest} {
			var puts atomic.Int64
			_, err := doImport(t.Context(), hooked{Images: p, put: func(string) error {
				if puts.Add(1) > 10 {
					return cause
				}
				return nil
			}}, dir)
			wantError(t, err, cause.Error(), "stopped after")
			if n := puts.Load(); n > 40 {
				t.Errorf("after %v it tried %d more files", cause, n-10)
			}
		}
	})
}

// TestImportDamaged checks that a damaged record of one name does not stop the import
// of other files.
func TestImportDamaged(t *testing.T) {
	t.Parallel()
	everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
		dir := t.TempDir()
		for i := range 20 {
			write(t, filepath.Join(dir, fmt.Sprintf("%d.png", i)), picture(t, uint64(i), 1000), longAgo)
		}
		said, err := doImport(t.Context(), hooked{Images: p, put: func(name string) error {
			if name == "7.png" {
				return fmt.Errorf("%w: %q", db.ErrDamaged, name)
			}
			return nil
		}}, dir)
		wantError(t, err, "1 file could not be imported")
		wantEnd(t, said, "19 stored, 0 already there, 1 failed.")
	})
}
