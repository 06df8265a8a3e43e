package bolt

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/bolt/internal/page"
	"imageserver/db/bolt/offline"
)

// fixture is a file of an earlier format; see testdata/README.md.
type fixture struct {
	format   int
	usage    db.Usage
	images   map[string][]byte
	variants map[string][]byte // by key, of the first image
	first    string
}

var long = bytes.Repeat([]byte("long "), 60_000)

var fixtures = []fixture{
	{
		format: 1,
		usage:  db.Usage{Images: 3, Bytes: 302_000, Blobs: 2, Stored: 301_000},
		images: map[string][]byte{"a.png": content(1, 1000), "b.png": content(1, 1000), "long.png": long},
		first:  "a.png",
	},
	{
		format:   2,
		usage:    db.Usage{Images: 3, Bytes: 302_000, Blobs: 2, Stored: 301_000, Variants: 2, VariantBytes: 400},
		images:   map[string][]byte{"a.png": content(1, 1000), "b.png": content(1, 1000), "long.png": long},
		variants: map[string][]byte{"w=1": content(4, 200), "w=2": content(4, 200)},
		first:    "a.png",
	},
	{
		format: 3,
		usage:  db.Usage{Images: 8, Bytes: 606_000, Blobs: 5, Stored: 304_000, Variants: 2, VariantBytes: 400, Trash: 2, TrashBytes: 2000},
		images: map[string][]byte{
			"old a.png": content(1, 1000), "old long.png": long, "old expires.png": content(2, 1000), "old hash.png": content(3, 1000),
			"new a.png": content(1, 1000), "new long.png": long, "new expires.png": content(2, 1000), "new hash.png": content(3, 1000),
		},
		variants: map[string][]byte{"old w=1": content(5, 200), "new w=1": content(5, 200)},
		first:    "old a.png",
	},
	{
		format: 4,
		usage:  db.Usage{Images: 5, Bytes: 303_010, Blobs: 6, Stored: 304_010, Variants: 1, VariantBytes: 200, Trash: 1, TrashBytes: 1000},
		images: map[string][]byte{
			"a.png": content(1, 1000), "long.png": long, "small.png": content(6, 10), "expires.png": content(2, 1000), "hash.png": content(3, 1000),
		},
		variants: map[string][]byte{"w=1": content(5, 200)},
		first:    "a.png",
	},
}

// TestUpgradeFixtures opens a file of each earlier format. Everything in it must
// be there, and can be changed. No format may be without a file.
func TestUpgradeFixtures(t *testing.T) {
	t.Parallel()
	if last := fixtures[len(fixtures)-1].format; last != layout.NewestFormat()-1 {
		t.Errorf("the last fixture has format %d, want one of format %d: see testdata/README.md", last, layout.NewestFormat()-1)
	}
	for _, f := range fixtures {
		t.Run(fmt.Sprint(f.format), func(t *testing.T) {
			t.Parallel()
			path := f.unpack(t)
			for range 2 { // the second time there is nothing left to upgrade
				s := openStore(t, path, Options{})
				f.check(t, s)
				mustTrash(t, s, f.first)
				if _, _, err := s.Restore(ctx, f.first, db.RestoreOptions{}); err != nil {
					t.Error(err)
				}
				mustPutVariant(t, s, sha256.Sum256(f.images[f.first]), "w=9", content(9, 100), ample)
				wantSound(t, s)
				must(t, s.TrimVariants(ctx, f.usage.VariantBytes))
				for k, b := range f.variants { // of which the oldest was deleted
					mustPutVariant(t, s, sha256.Sum256(f.images[f.first]), k, b, ample)
				}
				must(t, s.TrimVariants(ctx, f.usage.VariantBytes))
				s.Close()
			}
			again := f.unpack(t)
			must(t, openStore(t, again, Options{}).Close())
			if pagesOf(t, again).Meta.Free == page.NoFreeList {
				t.Error("Close after the upgrade did not write the list of free pages, so the next Open is slow")
			}
			if r, found := checkFile(t, path); r.Problems > 0 {
				t.Errorf("after the upgrade the check finds\n%s", found)
			}
			s := openStore(t, path, Options{})
			for name := range f.images {
				must(t, s.Delete(ctx, name, db.DeleteOptions{}))
			}
			if _, err := s.EmptyTrash(ctx); err != nil {
				t.Error(err)
			}
			wantUsage(t, s, db.Usage{})
			wantSound(t, s)
			wantChunks(t, s, 0)
		})
	}
}

// check finds everything in the store that the file held.
func (f *fixture) check(t *testing.T, s *Store) {
	t.Helper()
	wantUsage(t, s, f.usage)
	wantSound(t, s)
	for name, want := range f.images {
		if got := mustRead(t, s, name); !bytes.Equal(got, want) {
			t.Errorf("%s changed in the upgrade", name)
		}
		img, err := s.Stat(ctx, name)
		must(t, err)
		if !img.Expires.IsZero() != strings.Contains(name, "expires") || (img.DeleteKeyHash != db.Digest{}) != strings.Contains(name, "hash") {
			t.Errorf("%s expires at %v and has the delete key hash %v", name, img.Expires, img.DeleteKeyHash)
		}
	}
	for key, want := range f.variants {
		if got, err := readVariant(s, sha256.Sum256(f.images[f.first]), key); err != nil || !bytes.Equal(got, want) {
			t.Errorf("variant %s: %d bytes, error %v", key, len(got), err)
		}
	}
}

// TestCheckOlder checks and compacts files of earlier formats. Those with the
// same buckets are checked as they are: a damaged one can then be repaired. For
// the others the check says what to do.
func TestCheckOlder(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures {
		t.Run(fmt.Sprint(f.format), func(t *testing.T) {
			t.Parallel()
			path := f.unpack(t)
			if _, _, err := offline.Compact(ctx, path, offline.Watch{}); err != nil {
				t.Error(err)
			}
			r, err := offline.Check(ctx, path, offline.Watch{})
			if f.format < layout.OldestChecked {
				if err == nil || !strings.Contains(err.Error(), "start the server with this file once") {
					t.Errorf("error %v, want what to do", err)
				}
			} else if err != nil || r.Problems > 0 || r.Usage != f.usage {
				t.Errorf("found %+v, %v", r, err)
			}
			s := openStore(t, path, Options{})
			f.check(t, s)
		})
	}
}

// TestRepairOlder repairs a damaged file of an earlier format, in place and, with
// a damaged page, in a new file. It has the newest format afterwards.
func TestRepairOlder(t *testing.T) {
	t.Parallel()
	for _, damage := range []func(t *testing.T, path string){
		func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(layout.MetaBucket).Delete(layout.UsageKey) })
		},
		func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error {
				return errors.Join(tx.DeleteBucket(layout.RecentBucket), tx.Bucket(layout.MetaBucket).Put([]byte("x"), nil))
			})
		},
	} {
		for _, f := range fixtures[layout.OldestChecked-1:] {
			path := f.unpack(t)
			damage(t, path)
			done, err := offline.Repair(ctx, path, offline.RepairOptions{})
			must(t, err)
			if done.After.Problems > 0 {
				t.Errorf("after repairing there are %+v", done.After)
			}
			edit(t, path, func(tx *bbolt.Tx) error {
				if have, err := layout.ParseFormat(tx.Bucket(layout.MetaBucket).Get(layout.FormatKey)); err != nil || have != layout.NewestFormat() {
					t.Errorf("the repaired file has format %d, %v, want %d", have, err, layout.NewestFormat())
				}
				return nil
			})
			s := openStore(t, path, Options{})
			f.check(t, s)
		}
	}
}

// TestUpgradeDamaged does not take counts that are cut short for zeros.
func TestUpgradeDamaged(t *testing.T) {
	t.Parallel()
	path := fixtures[0].unpack(t)
	edit(t, path, func(tx *bbolt.Tx) error {
		v := tx.Bucket(layout.MetaBucket).Get(layout.UsageKey)
		return tx.Bucket(layout.MetaBucket).Put(layout.UsageKey, bytes.Clone(v[:len(v)-1]))
	})
	if _, err := Open(path, Options{}); !errors.Is(err, db.ErrDamaged) {
		t.Errorf("error %v, want ErrDamaged", err)
	}
}

// TestUpgradeUnreadable upgrades a file in which a record cannot be read. The
// other images must be there.
func TestUpgradeUnreadable(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures {
		path := f.unpack(t)
		edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(layout.ImagesBucket).Put([]byte(f.first), []byte("?")) })
		s := openStore(t, path, Options{})
		for name, want := range f.images {
			if name != f.first && !bytes.Equal(mustRead(t, s, name), want) {
				t.Errorf("format %d: %s changed", f.format, name)
			}
		}
	}
}

// unpack writes the file to a folder of the test, and returns its path.
func (f *fixture) unpack(t *testing.T) string {
	t.Helper()
	packed, err := os.Open(filepath.Join("testdata", fmt.Sprintf("version%d.db.gz", f.format)))
	must(t, err)
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	must(t, err)
	data, err := io.ReadAll(r)
	must(t, err)
	path := filepath.Join(t.TempDir(), "images.db")
	must(t, os.WriteFile(path, data, 0o600))
	return path
}
