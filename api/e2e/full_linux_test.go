package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestDiskFull fills small disks. An upload that finds no room is refused and
// leaves nothing behind; reads, deletes and restarts go on; and the room that
// deletes make is used again.
func TestDiskFull(t *testing.T) {
	for _, c := range []struct {
		disk   string
		size   int64 // of an image
		others bool  // the rest of the disk is someone else's
	}{
		{"24m", 300e3, false},
		{"24m", 3e6, false},
		{"48m", 20e3, true},
		{"12m", 300e3, true},
		{"24m", 20e3, false},
		{"48m", 3e6, true},
		{"100m", 300e3, false},
		{"100m", 3e6, false},
	}[:pick(4, 8)] {
		t.Run(fmt.Sprintf("%d kB on %s, others %t", c.size/1e3, c.disk, c.others), func(t *testing.T) {
			parallel(t)
			dir := mountTmpfs(t, c.disk)
			path := filepath.Join(dir, "images.db")
			s := start(t, path)
			m := newModel()
			if c.others {
				if err := m.upload(s, "first.png", newPicture(c.size)); err != nil {
					t.Fatal(err)
				}
				occupy(t, filepath.Join(dir, "others"))
			}
			found := []int{fill(t, s, m, "a", c.size)}
			s.stop(t)
			s = start(t, path)
			s.check(t)
			m.matches(t, s)
			for _, round := range []string{"b", "c", "d"} {
				deleted := removeHalf(t, s, m)
				m.matches(t, s)
				n := fill(t, s, m, round, c.size)
				if n < deleted*3/4 {
					t.Errorf("after %d deletes on a full disk there was room for %d images", deleted, n)
				}
				found = append(found, n)
				m.matches(t, s)
			}
			churn(t, s, m, c.size)
			m.matches(t, s)
			s.kill()
			s = start(t, path)
			s.check(t)
			m.matches(t, s)
			s.stop(t)
			isSound(t, path)
			t.Logf("images until the disk was full, and again after half of them was deleted: %d", found)
		})
	}
}

// TestScatteredDeletes fills a disk and deletes every second image. The list of
// free pages, which every commit writes, grows longer than any gap between two
// images, and still each delete must go through.
func TestScatteredDeletes(t *testing.T) {
	parallel(t)
	const size = 100e3
	path := filepath.Join(mountTmpfs(t, pick("96m", "2g")), "images.db")
	s := start(t, path)
	upload := func(name string) error {
		p := newPicture(size)
		_, err := s.put(name, p.open(), p.size)
		return err
	}
	name := func(i int) string { return fmt.Sprintf("%06d.png", i) }
	stored := 0
	err := upload(name(0))
	for ; err == nil; err = upload(name(stored)) {
		stored++
	}
	checkFull(t, err)
	for i := 0; i < stored; i += 2 {
		if err := s.remove(name(i)); err != nil {
			t.Fatalf("DELETE of image %d of %d: %v", i, stored, err)
		}
	}
	s.kill() // before any upload had the list of free pages written again
	s = start(t, path)
	for i := range stored / 4 {
		if err := upload(fmt.Sprintf("again-%d.png", i)); err != nil {
			t.Fatalf("after %d deletes upload %d: %v", (stored+1)/2, i, err)
		}
	}
	t.Logf("%d images, and %d again after half of them was deleted", stored, stored/4)
}

// TestNoRoomToStart starts the server for the first time on a disk that has no
// room for its file: it says so and leaves nothing there.
func TestNoRoomToStart(t *testing.T) {
	parallel(t)
	dir := mountTmpfs(t, "1m")
	path, others := filepath.Join(dir, "images.db"), filepath.Join(dir, "others")
	occupy(t, others)
	refuses(t, path, "no space left")
	if files, err := os.ReadDir(dir); err != nil || len(files) > 1 {
		t.Errorf("the disk has %v, %v, want nothing left behind", files, err)
	}
	if err := os.Remove(others); err != nil {
		t.Fatal(err)
	}
	start(t, path).check(t)
}

// removeHalf deletes half of the images, of which there must be some.
func removeHalf(t *testing.T, s *server, m *model) (deleted int) {
	t.Helper()
	names := m.stored()
	if len(names) == 0 {
		t.Fatal("there was no room for a single image")
	}
	names = names[:(len(names)+1)/2]
	for _, name := range names {
		if err := m.remove(s, name); err != nil {
			t.Fatalf("DELETE on a full disk: %v", err)
		}
	}
	return len(names)
}

// churn deletes single images on a full disk and uploads others of all sizes,
// which scatters what free room there is.
func churn(t *testing.T, s *server, m *model, most int64) {
	t.Helper()
	for i := range pick(30, 300) {
		if names := m.stored(); len(names) > 0 {
			if err := m.remove(s, names[rand.IntN(len(names))]); err != nil {
				t.Fatalf("DELETE on a full disk: %v", err)
			}
		}
		var err error
		for n := 0; err == nil; n++ {
			err = m.upload(s, fmt.Sprintf("churn-%d-%d.png", i, n), pictureBetween(1e3, float64(most)))
		}
		checkFull(t, err)
	}
}

// checkFull fails the test if err does not say that the disk is full.
func checkFull(t *testing.T, err error) {
	t.Helper()
	if refusal(err) != http.StatusInsufficientStorage || !strings.Contains(err.Error(), "space") {
		t.Errorf("on a full disk: %v, want 507 that speaks of space", err)
	}
}

// fill uploads until there is no room, and returns how many images found some.
// After four clients at once, whose uploads under way take each other's room,
// one tries alone.
func fill(t *testing.T, s *server, m *model, prefix string, size int64) int {
	t.Helper()
	var stored atomic.Int64
	client := func(c int) {
		for i := 0; ; i++ {
			err := m.upload(s, fmt.Sprintf("%s-%d-%d.png", prefix, c, i), newPicture(size))
			if err != nil {
				checkFull(t, err)
				return
			}
			stored.Add(1)
		}
	}
	each(4, []int{1, 2, 3, 4}, client)
	client(0)
	return int(stored.Load())
}

// occupy writes a file until its disk is full.
func occupy(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
}

// TestBackupFull asks for backups on disks with ever less room: each is whole or
// refused with 507, nothing is left behind, and uploads go on.
func TestBackupFull(t *testing.T) {
	parallel(t)
	for _, size := range []string{"12m", "60m", "100m", "200m"}[:pick(3, 4)] {
		t.Run(size, func(t *testing.T) {
			dir := mountTmpfs(t, size)
			path := filepath.Join(dir, "images.db")
			s := start(t, path)
			m := newModel()
			made, refusedOnes := 0, 0
			for i := 0; ; i++ {
				err := m.upload(s, fmt.Sprintf("%d.png", i), newPicture(1e6))
				if err != nil {
					checkFull(t, err)
					break
				}
				copied, err := backup(t, s)
				if err == nil {
					made++
				} else if refusedOnes++; refusal(err) != http.StatusInsufficientStorage || !strings.Contains(err.Error(), "space for a backup") {
					t.Fatalf("backup: %v, want 507 that speaks of it", err)
				}
				if err == nil && i%5 == 0 {
					c := start(t, copied)
					m.matches(t, c)
					c.kill()
				}
			}
			if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
				t.Errorf("the disk has %v, %v, want the data file alone", files, err)
			}
			s.check(t)
			m.matches(t, s)
			t.Logf("%d backups made, %d refused", made, refusedOnes)
			if refusedOnes == 0 {
				t.Error("no backup met a full disk")
			}
		})
	}
}
