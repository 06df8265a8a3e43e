package offline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/bolt/internal/page"
)

// dump returns everything in a data file, as text.
func dump(t testing.TB, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pages, err := page.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	w := page.NewWalker(pages, func(err error) { t.Error(err) }, func(int64) {})
	w.All(pages.Meta.Root, nil, func(path [][]byte, k, v []byte, nested *page.Bucket) {
		line := string(bytes.Join(append(path, k), []byte("\x00|\x00")))
		if nested != nil {
			line += "\x00#" + string(layout.IDKey(nested.Sequence))
		} else {
			line += "\x00=" + string(v)
		}
		all = append(all, line)
	})
	return all
}

func wantStored(t testing.TB, path string, images map[string][]byte) {
	t.Helper()
	s := openStore(t, path, bolt.Options{})
	defer s.Close()
	for name, want := range images {
		if got := mustRead(t, s, name); !bytes.Equal(got, want) {
			t.Errorf("%s changed", name)
		}
	}
}

// TestCompactOrphans compacts a file with many deleted images, whose bytes must not be
// in the new file. A blob that an image uses must be there, even if a damaged file also
// lists it as an orphan.
func TestCompactOrphans(t *testing.T) {
	t.Parallel()
	path, images := fillStore(t)
	plain, _, err := Compact(ctx, path, Watch{})
	must(t, err)
	s := openStore(t, path, bolt.Options{NoSync: true})
	const n, size = 40, 1_000_000
	for i := range n {
		mustPut(t, s, fmt.Sprint("more ", i), append([]byte{byte(i), 1}, make([]byte, size)...))
	}
	for i := range n {
		must(t, s.Delete(ctx, fmt.Sprint("more ", i), db.DeleteOptions{}))
	}
	must(t, s.Close())
	edit(t, path, func(tx *bbolt.Tx) error {
		return tx.Bucket(layout.OrphansBucket).Put(layout.IDKey(blobOf(t, tx, "6.png")), nil)
	})
	before, after, err := Compact(ctx, path, Watch{})
	must(t, err)
	if before < n*size/2 || after > plain {
		t.Errorf("from %d to %d bytes, want at most %d", before, after, plain)
	}
	edit(t, path, func(tx *bbolt.Tx) error {
		orphans := tx.Bucket(layout.OrphansBucket)
		if got := orphans.Stats().KeyN; got != 1 {
			t.Errorf("%d orphans are in the new file, want the one of an image", got)
		}
		return orphans.Delete(layout.IDKey(blobOf(t, tx, "6.png")))
	})
	if r, found := checkFile(t, path); r.Problems != 0 {
		t.Errorf("check found %s", found)
	}
	wantStored(t, path, images)
}

func TestCompact(t *testing.T) {
	t.Parallel()
	path, images := fillStore(t)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	before := dump(t, path)
	from, to, err := Compact(context.Background(), path, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if to >= from || to != info.Size() || info.Mode() != 0o640 {
		t.Errorf("from %d to %d bytes, file has %d and %v", from, to, info.Size(), info.Mode())
	}
	if after := dump(t, path); !slices.Equal(before, after) {
		t.Errorf("%d entries before, %d after, or others", len(before), len(after))
	}
	if r, found := checkFile(t, path); r.Problems != 0 {
		t.Error(found)
	}
	if _, err := os.Stat(path + compactSuffix); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the new file was left: %v", err)
	}
	wantStored(t, path, images)
	if bdb, err := bbolt.Open(path, 0, nil); err != nil {
		t.Error(err)
	} else {
		bdb.View(func(tx *bbolt.Tx) error {
			for err := range tx.Check() {
				t.Error(err)
			}
			return nil
		})
		bdb.Close()
	}
}

// meterFunc is a Meter that calls a function for each page.
type meterFunc func()

func (f meterFunc) Add(int64) { f() }
func (f meterFunc) Close()    {}

// atEach returns a Watch that calls fn with the number of each page that is read.
func atEach(fn func(n int)) Watch {
	n := 0
	return Watch{Begin: func(string, int64) Meter {
		return meterFunc(func() { fn(n); n++ })
	}}
}

// TestCompactInterrupted interrupts Compact at many moments. The file must stay as it
// was, and no other file must be left.
func TestCompactInterrupted(t *testing.T) {
	t.Parallel()
	path, _ := fillStore(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at, ended := 0, false; !ended; at += 23 {
		ctx, cancel := context.WithCancel(ctx)
		_, _, err := Compact(ctx, path, atEach(func(n int) {
			if n == at {
				cancel()
			}
		}))
		cancel()
		switch {
		case err == nil:
			ended = true
		case !errors.Is(err, context.Canceled):
			t.Fatalf("ended at page %d: %v", at, err)
		default:
			wantAlone(t, path, before)
		}
	}
}

// wantAlone fails unless the data file is as it was, with no file beside it.
func wantAlone(t testing.TB, path string, before []byte) {
	t.Helper()
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Fatalf("the file has changed, %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Fatalf("the folder holds %v, %v, want the data file alone", entries, err)
	}
}

// TestCompactLeftOver leaves what a crash at many moments could leave of the new file.
// The next run must remove it.
func TestCompactLeftOver(t *testing.T) {
	t.Parallel()
	path, images := fillStore(t)
	tmp := path + compactSuffix
	seen := map[string]bool{"": true, string(make([]byte, 4*os.Getpagesize())): true}
	_, _, err := Compact(ctx, path, atEach(func(n int) {
		if n%23 == 0 {
			b, err := os.ReadFile(tmp)
			if err != nil {
				t.Fatal(err)
			}
			seen[string(b)] = true
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 4 {
		t.Fatalf("saw %d states of the new file, want at least 4", len(seen))
	}
	for left := range seen {
		if err := os.WriteFile(tmp, []byte(left), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Compact(ctx, path, Watch{}); err != nil {
			t.Errorf("with %d bytes of a copy left: %v", len(left), err)
		}
	}
	wantStored(t, path, images)
}

// TestCompactKeepsOthers has another file where the new file is made. It must stay.
func TestCompactKeepsOthers(t *testing.T) {
	t.Parallel()
	path, _ := fillStore(t)
	store, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"a text":        []byte("my notes"),
		"another store": store,
		"half a store":  store[:len(store)/2],
	} {
		if err := os.WriteFile(path+compactSuffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Compact(ctx, path, Watch{}); err == nil || !strings.Contains(err.Error(), compactSuffix+" is in the way") {
			t.Errorf("%s: error %v", name, err)
		}
		if after, err := os.ReadFile(path + compactSuffix); err != nil || !bytes.Equal(after, content) {
			t.Errorf("%s: it was changed, %v", name, err)
		}
	}
}

// TestCompactDamaged compacts damaged files. Damaged bytes of images are copied
// unchanged. A file with damaged pages must be refused and stay as it was.
func TestCompactDamaged(t *testing.T) {
	t.Parallel()
	path, _ := fillStore(t)
	edit(t, path, func(tx *bbolt.Tx) error { return changeChunk(tx, blobOf(t, tx, "6.png"), 2, flipLast) })
	before := dump(t, path)
	if _, _, err := Compact(ctx, path, Watch{}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(dump(t, path), before) {
		t.Error("the compacted file has other entries")
	}
	if r, found := checkFile(t, path); r.Problems != 1 || !strings.HasPrefix(found, "6.png: the checksum of chunk 2") {
		t.Error(found)
	}
	p := pagesOf(t, path)
	overwrite(t, path, int64(p.Meta.Root.Root)*p.Meta.PageSize+8, []byte{0x77})
	damaged, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Compact(ctx, path, Watch{}); err == nil || !strings.Contains(err.Error(), "imageserver check") {
		t.Errorf("a damaged page: error %v, want one that says what to do", err)
	}
	wantAlone(t, path, damaged)
}

// TestCompactLink compacts a data file by a symbolic link. The link must stay.
func TestCompactLink(t *testing.T) {
	t.Parallel()
	path, images := fillStore(t)
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	if _, _, err := Compact(ctx, link, Watch{}); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != path {
		t.Errorf("the link is %q, %v", to, err)
	}
	wantStored(t, path, images)
}

// TestCompactGrowsOn stores images in a compacted file.
func TestCompactGrowsOn(t *testing.T) {
	t.Parallel()
	path, images := fillStore(t)
	if _, _, err := Compact(ctx, path, Watch{}); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, path, bolt.Options{})
	for i := range 40 {
		name := fmt.Sprintf("%d new.png", i)
		images[name] = content(byte(i), 100000+i)
		mustPut(t, s, name, images[name])
	}
	s.Close()
	wantStored(t, path, images)
	if r, found := checkFile(t, path); r.Problems > 0 {
		t.Error(found)
	}
}

// TestCompactFills checks that Compact fills the pages of a bucket in which nothing will be
// inserted between the keys.
func TestCompactFills(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "images.db")
	s := openStore(t, path, bolt.Options{NoSync: true})
	for i := range 300 {
		mustPut(t, s, fmt.Sprintf("%d.png", i), content(byte(i), 100+i))
	}
	must(t, s.Close())
	_, _, err := Compact(ctx, path, Watch{})
	must(t, err)
	edit(t, path, func(tx *bbolt.Tx) error {
		stats := tx.Bucket(layout.ChunksBucket).Stats()
		if used := float64(stats.LeafInuse) / float64(stats.LeafAlloc); used < 0.8 {
			t.Errorf("the pages of the chunks are %.0f %% full, want at least 80 %%", 100*used)
		}
		return nil
	})
}
