package dbtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imageserver/db"
)

// RunBackup tests an engine that is a db.Backuper. `open` opens an empty store.
// `restore` opens a store with the bytes of a backup. RunBackup closes both stores.
func RunBackup(t *testing.T, open func(t *testing.T) db.Store, restore func(t *testing.T, copy io.Reader) db.Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s db.Store, again func(copy []byte) db.Store)
	}{
		{"Backup/Whole", testBackup},
		{"Backup/Load", testBackupUnderLoad},
		{"Backup/Cancelled", testBackupCancelled},
		{"Backup/Closed", testBackupClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			closeLater(t, s)
			c.test(t, s, func(copy []byte) db.Store {
				t.Helper()
				r := restore(t, bytes.NewReader(copy))
				closeLater(t, r)
				return r
			})
		})
	}
}

// backup returns the bytes of a backup. There must be as many bytes as Backup returned
// as size.
func backup(t *testing.T, s db.Store) []byte {
	t.Helper()
	copy, size, err := s.(db.Backuper).Backup(t.Context())
	if err != nil {
		t.Fatalf("Backup: %v", err)
	}
	defer copy.Close()
	data, err := io.ReadAll(copy)
	if err != nil || int64(len(data)) != size {
		t.Fatalf("Backup: read %d bytes, error %v, want %d", len(data), err, size)
	}
	return data
}

// testBackup: the backup has all images and the trash. It has nothing that was stored
// after the backup, and the store itself does not change.
func testBackup(t *testing.T, s db.Store, again func([]byte) db.Store) {
	contents := map[string][]byte{}
	for i, size := range []int{0, 1, 100_000, 128<<10 + 1, 3<<20 + 7} {
		name := fmt.Sprintf("%d.png", i)
		contents[name] = content(uint64(i), size)
		put(t, s, name, contents[name], db.PutOptions{Inspect: describe}, db.Created)
	}
	put(t, s, "deleted.png", content(9, 1000), db.PutOptions{}, db.Created)
	if err := s.Delete(t.Context(), "deleted.png", db.DeleteOptions{TrashTTL: 1e12}); err != nil {
		t.Fatal(err)
	}
	want := listAll(t, s, db.ListOptions{Limit: 100})
	usage, err := s.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	data := backup(t, s)
	put(t, s, "later.png", content(10, 2<<20), db.PutOptions{}, db.Created)
	remove(t, s, "1.png")

	for range 2 { // a backup of the restored store must also have everything
		r := again(data)
		wantImages(t, "List of the copy", listAll(t, r, db.ListOptions{Limit: 100}), want)
		for _, img := range want {
			wantStored(t, r, img, contents[img.Name])
		}
		wantUsage(t, r, usage)
		wantAbsent(t, r, "later.png")
		data = backup(t, r)
		put(t, r, "new.png", content(11, 2<<20), db.PutOptions{}, db.Created)
		if _, _, err := r.Restore(t.Context(), "deleted.png", db.RestoreOptions{}); err != nil {
			t.Errorf("Restore in the copy: %v", err)
		}
	}
	wantAbsent(t, s, "1.png")
	wantAbsent(t, s, "new.png")
}

// testBackupUnderLoad makes backups while other callers store, replace and delete
// images. Each backup has everything that was acknowledged before, and all its images
// are complete.
func testBackupUnderLoad(t *testing.T, s db.Store, again func([]byte) db.Store) {
	var stop atomic.Bool
	var allowed atomic.Int64 // how many images each client may store by now, so that checking them does not take ever longer
	var clients sync.WaitGroup
	acked := make([]atomic.Int64, 4)
	for c := range acked {
		clients.Go(func() {
			for i := 0; !stop.Load(); i++ {
				for int64(i) >= allowed.Load() && !stop.Load() {
					time.Sleep(time.Millisecond)
				}
				data := content(uint64(c*1000+i), []int{1000, 300_000, 2 << 20}[i%3])
				if _, _, err := tryPut(t.Context(), s, fmt.Sprintf("%d-%d", c, i), data, db.PutOptions{}); err != nil {
					t.Errorf("Put: %v", err)
					return
				}
				if i%4 == 3 { // the other images stay, and are checked later
					if err := s.Delete(t.Context(), fmt.Sprintf("%d-%d", c, i), db.DeleteOptions{}); err != nil {
						t.Errorf("Delete: %v", err)
					}
				}
				acked[c].Store(int64(i + 1))
			}
		})
	}
	defer clients.Wait()
	defer stop.Store(true)
	var before [4]int64
	for range 5 {
		allowed.Add(10)
		for c, last := range before {
			// Wait for two new images of each client, because one of them may be
			// deleted. A backup that is too old does not have the other one.
			for before[c] = acked[c].Load(); before[c] < last+2 && !t.Failed(); before[c] = acked[c].Load() {
				time.Sleep(time.Millisecond)
			}
		}
		r := again(backup(t, s))
		for c, n := range before {
			for i := range int(n) {
				if i%4 == 3 {
					continue
				}
				name := fmt.Sprintf("%d-%d", c, i)
				if _, err := r.Stat(t.Context(), name); err != nil {
					t.Errorf("%s was acknowledged before Backup was called: %v", name, err)
				}
			}
		}
		for _, img := range listAll(t, r, db.ListOptions{Limit: 1000}) {
			var c, i int
			fmt.Sscanf(img.Name, "%d-%d", &c, &i)
			wantStored(t, r, img, content(uint64(c*1000+i), []int{1000, 300_000, 2 << 20}[i%3]))
		}
	}
}

// testBackupCancelled: no backup is made after its context has ended.
func testBackupCancelled(t *testing.T, s db.Store, _ func([]byte) db.Store) {
	create(t, s, "a.png", content(1, 3<<20))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	copy, _, err := s.(db.Backuper).Backup(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Backup: got %v, want context.Canceled", err)
	}
	if copy != nil {
		copy.Close()
	}
	backup(t, s)
}

// testBackupClosed: a closed store makes no backup.
func testBackupClosed(t *testing.T, s db.Store, _ func([]byte) db.Store) {
	closeStore(t, s)
	if _, _, err := s.(db.Backuper).Backup(t.Context()); !errors.Is(err, db.ErrClosed) {
		t.Errorf("Backup: got %v, want ErrClosed", err)
	}
}
