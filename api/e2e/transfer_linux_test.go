package e2e_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestImportDiskFull imports more than there is room for: it says so, what was
// stored is whole, and with more room the next import does the rest.
func TestImportDiskFull(t *testing.T) {
	for _, c := range []struct {
		disk string
		size int64 // of an image
	}{
		{"24m", 300e3},
		{"12m", 3e6},
		{"8m", 20e3},
		{"9m", 20e3},
		{"10m", 300e3},
		{"11m", 300e3},
		{"13m", 3e6},
		{"16m", 3e6},
		{"31m", 300e3},
	}[:pick(3, 9)] {
		t.Run(fmt.Sprintf("%d kB on %s", c.size/1e3, c.disk), func(t *testing.T) {
			parallel(t)
			n := int(40e6 / c.size)
			dir, pictures := newFolder(t, n, c.size)
			disk := mountTmpfs(t, c.disk)
			path := filepath.Join(disk, "images.db")
			full := transfer(t, "import", "--db", path, dir)
			wantFull(t, full)
			s := start(t, path)
			s.check(t)
			kept := checkSome(t, s, pictures)
			s.stop(t)
			if stored, _ := full.counts(t); stored > kept {
				t.Errorf("%d images were said to be stored, and %d are there", stored, kept)
			}
			enlarge(t, disk)
			transfer(t, "import", "--db", path, dir).want(t, n-kept, kept)
			t.Logf("%d of %d images had room", kept, n)
		})
	}
}

// TestExportDiskFull exports more than there is room for: it says so, leaves only
// whole files, and with more room the next export does the rest.
func TestExportDiskFull(t *testing.T) {
	parallel(t)
	for _, size := range []int64{20e3, 3e6} {
		n := int(40e6 / size)
		dir, pictures := newFolder(t, n, size)
		path := filepath.Join(t.TempDir(), "images.db")
		transfer(t, "import", "--db", path, dir).want(t, n, 0)
		disk := mountTmpfs(t, "24m")
		full := transfer(t, "export", "--db", path, disk)
		wantFull(t, full)
		written, hidden := checkFiles(t, disk, pictures)
		if done, _ := full.counts(t); done != written || hidden > 0 {
			t.Errorf("%d files were said to be written; there are %d, and %d hidden", done, written, hidden)
		}
		enlarge(t, disk)
		transfer(t, "export", "--db", path, disk).want(t, n-written, written)
		checkFiles(t, disk, pictures)
	}
}

// wantFull checks that a transfer stopped because there is no space.
func wantFull(t *testing.T, r transferred) {
	t.Helper()
	if r.code != 1 || !strings.Contains(r.stderr, "no space left") || !strings.Contains(r.stderr, "run the command again to continue") {
		t.Errorf("got exit code %d and %q, want 1 and that no space is left", r.code, r.stderr)
	}
}

// enlarge makes room on a disk of mountTmpfs.
func enlarge(t *testing.T, disk string) {
	t.Helper()
	if out, err := exec.Command("mount", "-o", "remount,size=200m", disk).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v %s", err, out)
	}
}
