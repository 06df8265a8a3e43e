package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCompactDiskFull compacts on disks that have less and less room. Where that
// is too little the command says so, the data file is as it was, and the copy
// is gone.
func TestCompactDiskFull(t *testing.T) {
	parallel(t)
	dir := mountTmpfs(t, "64m")
	path := filepath.Join(dir, "images.db")
	s := start(t, path, "--trash", "0")
	images := map[string]picture{}
	for i := range 120 {
		name := fmt.Sprintf("%d.png", i)
		images[name] = newPicture(100e3)
		mustPut(t, s, name, images[name])
	}
	for i := range 60 {
		name := fmt.Sprintf("%d.png", i)
		if err := s.remove(name); err != nil {
			t.Fatal(err)
		}
		delete(images, name)
	}
	s.stop(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	others := filepath.Join(dir, "others")
	occupy(t, others)
	room := int64(0)
	for step := pick[int64](1<<20, 64<<10); ; room += step {
		info, err := os.Stat(others)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(others, max(0, info.Size()-step)); err != nil {
			t.Fatal(err)
		}
		code, output := execute(t, "compact", "--db", path)
		if code == 0 {
			break
		}
		if code != 1 || !strings.Contains(output, "no space left") || !strings.Contains(output, "the data file is unchanged") {
			t.Fatalf("with %d bytes free: exit code %d\n%s", room, code, output)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
			t.Fatalf("with %d bytes free the data file was changed, %v", room, err)
		}
		if files, _ := os.ReadDir(dir); len(files) != 2 {
			t.Fatalf("with %d bytes free the disk holds %v", room, files)
		}
		if info.Size() == 0 {
			t.Fatal("there was never room enough")
		}
	}
	if room < 1<<20 {
		t.Errorf("it went through with %d bytes free", room)
	}
	t.Logf("it went through with %.1f MB free, for %.1f MB of images", float64(room)/1e6, float64(60*100e3)/1e6)
	isSound(t, path)
	s = start(t, path)
	for name, p := range images {
		checkWhole(t, s, name, p)
	}
}
