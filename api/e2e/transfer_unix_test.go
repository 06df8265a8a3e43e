//go:build unix

package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestTransferStopped interrupts and kills an import and an export: what is there
// is whole, and the next run does the rest.
func TestTransferStopped(t *testing.T) {
	parallel(t)
	n := pick(2000, 10_000)
	dir, pictures := newFolder(t, n, 20e3)
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGKILL} {
		path, out := filepath.Join(t.TempDir(), "images.db"), t.TempDir()

		far := func() bool { // it grows by 16 MiB at a time
			info, err := os.Stat(path)
			return err == nil && info.Size() > 17<<20
		}
		cut(t, signal, far, "import", "--db", path, dir)
		s := start(t, path)
		kept := checkSome(t, s, pictures)
		s.stop(t)
		if kept == 0 || kept == n {
			t.Errorf("%v: %d of %d images are there", signal, kept, n)
		}
		transfer(t, "import", "--db", path, dir).want(t, n-kept, kept)

		far = func() bool {
			files, err := os.ReadDir(out)
			return err == nil && len(files) > 50
		}
		cut(t, signal, far, "export", "--db", path, out)
		written, hidden := checkFiles(t, out, pictures)
		if written == 0 || written == n || hidden > 0 && signal == os.Interrupt {
			t.Errorf("%v: there are %d of %d files, and %d hidden", signal, written, n, hidden)
		}
		transfer(t, "export", "--db", path, out).want(t, n-written, written)
		checkFiles(t, out, pictures)
		t.Logf("%v: %d of %d images had been imported, %d exported", signal, kept, n, written)
	}
}

// cut sends a signal to an import or export once it has come far.
func cut(t *testing.T, signal os.Signal, far func() bool, args ...string) {
	t.Helper()
	var errs output
	cmd := command(t, args...)
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !eventually(far) {
		t.Errorf("%q does nothing", args)
	}
	if err := cmd.Process.Signal(signal); err != nil {
		t.Errorf("%q ended too soon for %v: %v", args, signal, err)
	}
	err := cmd.Wait()
	if signal == os.Interrupt && (exitCode(err) != 1 || !strings.Contains(errs.String(), "interrupted; stopped after ")) {
		t.Errorf("%q interrupted: got %v and %q, want exit code 1 and how far it came", args, err, errs.String())
	}
}
