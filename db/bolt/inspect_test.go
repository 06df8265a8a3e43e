package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db/bolt/internal/bolttest"
	"imageserver/db/bolt/internal/datafile"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/bolt/internal/page"
)

// TestOpenInspects opens files on which bbolt would loop, end the process, or overwrite
// images.
func TestOpenInspects(t *testing.T) {
	t.Parallel()
	number := func(n uint64) []byte { return page.ByteOrder.AppendUint64(nil, n) }
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, path string, p *page.File)
		want   string
	}{
		{"free list with a huge count", func(t *testing.T, path string, p *page.File) {
			off := int64(p.Meta.Free) * p.Meta.PageSize
			overwrite(t, path, off+10, []byte{0xff, 0xff})
			overwrite(t, path, off+page.HeaderSize, number(1<<40))
		}, "list of free pages"},
		{"free list with a count that overflows", func(t *testing.T, path string, p *page.File) {
			off := int64(p.Meta.Free) * p.Meta.PageSize
			overwrite(t, path, off+10, []byte{0xff, 0xff})
			overwrite(t, path, off+page.HeaderSize, number(1<<61+1))
		}, "do not fit"},
		{"free list with a meta page", func(t *testing.T, path string, p *page.File) {
			overwrite(t, path, int64(p.Meta.Free)*p.Meta.PageSize+page.HeaderSize, number(1))
		}, "is not in order"},
		{"free list with a page behind the end", func(t *testing.T, path string, p *page.File) {
			free, _, _ := p.FreeList()
			overwrite(t, path, int64(p.Meta.Free)*p.Meta.PageSize+page.HeaderSize+8*int64(len(free)-1), number(1<<50))
		}, "is not in order"},
		{"cut short", func(t *testing.T, path string, p *page.File) {
			if err := os.Truncate(path, int64(p.Meta.High)*p.Meta.PageSize-1); err != nil {
				t.Fatal(err)
			}
		}, "has been cut short"},
		{"no free list, and a page is damaged", func(t *testing.T, path string, p *page.File) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := p.DropFreeList(f); err != nil {
				t.Fatal(err)
			}
			overwrite(t, path, int64(p.Meta.Root.Root)*p.Meta.PageSize+8, []byte{0x77})
		}, "neither leaf nor branch"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path, _ := fillStore(t)
			test.damage(t, path, pagesOf(t, path))
			s, err := Open(path, Options{})
			if err == nil {
				s.Close()
				t.Fatal("it was opened")
			}
			if got := err.Error(); !strings.Contains(got, test.want) || !strings.Contains(got, "imageserver check") {
				t.Errorf("error %q, want %q and what to do", got, test.want)
			}
		})
	}
}

// TestOpenInspectsRest makes a circle in a tree of a file with many pages. The part that
// is inspected before the file is opened must not find the circle, and the rest must.
func TestOpenInspectsRest(t *testing.T) {
	t.Parallel()
	bolttest.OneCaller(t)
	path := filepath.Join(t.TempDir(), "images.db")
	s := openStore(t, path, Options{NoSync: true})
	eachOf(0, 12_000, func(i int) { mustPut(t, s, fmt.Sprintf("%d.png", i), unlike(i, 8)) })
	must(t, s.Close())
	branch := lastBranch(t, path, pagesOf(t, path))
	p := pagesOf(t, path)
	if err := errors.Join(p.InspectSome(12), p.Inspect(), p.InspectTrees(func() bool { return false })); err != nil {
		t.Fatal(err)
	}
	overwrite(t, path, int64(branch)*p.Meta.PageSize+page.HeaderSize+8, page.ByteOrder.AppendUint64(nil, branch))
	if err := p.InspectSome(12); err != nil {
		t.Errorf("the first 12 branches: %v, want the circle not to be found", err)
	}
	if err := p.InspectTrees(func() bool { return false }); err == nil {
		t.Error("the circle was not found")
	}
	if err := p.InspectTrees(func() bool { return true }); err != nil {
		t.Errorf("stopped at once: %v", err)
	}
}

// lastBranch returns the last page below the root of the images. It is a branch.
func lastBranch(t *testing.T, path string, p *page.File) uint64 {
	t.Helper()
	var root int64
	edit(t, path, func(tx *bbolt.Tx) error { root = int64(tx.Bucket(layout.ImagesBucket).Root()); return nil })
	file, err := os.ReadFile(path)
	must(t, err)
	at := func(id int64) []byte { return file[id*p.Meta.PageSize:][:p.Meta.PageSize] }
	count := int(page.ByteOrder.Uint16(at(root)[10:]))
	last := page.ByteOrder.Uint64(at(root)[page.HeaderSize+(count-1)*page.ElementSize+8:])
	if flags := at(int64(last))[8]; flags != 1 {
		t.Fatalf("page %d is not a branch, but %d", last, flags)
	}
	return last
}

// TestInspectorEnds lets the inspection of the rest fail, and lets it be interrupted.
func TestInspectorEnds(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "images.db")
	fatal := make(chan error, 1)
	s := openStore(t, path, Options{Fatal: func(err error) { fatal <- err }})
	broken := errors.New("broken")
	inspect := func(rest func(stop func() bool) error) {
		tx, err := s.db.Begin(false)
		must(t, err)
		s.inspect.done.Go(func() { s.inspectRest(tx, rest) })
	}
	inspect(func(func() bool) error { return broken })
	if err := <-fatal; err != broken {
		t.Errorf("error %v, want the one of the inspection", err)
	}
	inspect(func(stop func() bool) error {
		for !stop() {
			time.Sleep(time.Millisecond)
		}
		return nil
	})
	must(t, s.Close())
	select {
	case err := <-fatal:
		t.Errorf("error %v after an interruption", err)
	default:
	}
}

// TestOpenReplaced replaces the data file while a store waits for its lock, as Compact
// does. The store must open the new file: images in the old one would be lost.
func TestOpenReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "images.db")
	openStore(t, path, Options{}).Close()
	f, err := datafile.OpenLocked(path, false)
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan *Store)
	go func() {
		s, err := Open(path, Options{})
		if err != nil {
			t.Error(err)
		}
		opened <- s
	}()
	time.Sleep(datafile.LockTimeout / 4) // to have it wait for the lock; without that the test passes too
	other := filepath.Join(t.TempDir(), "other.db")
	s := openStore(t, other, Options{})
	want := content(1, 1000)
	mustPut(t, s, "a.png", want)
	s.Close()
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if s := <-opened; s != nil {
		defer s.Close()
		if got := mustRead(t, s, "a.png"); !bytes.Equal(got, want) {
			t.Error("the image is another")
		}
	}
}
