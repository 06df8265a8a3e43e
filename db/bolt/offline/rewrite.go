package offline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/datafile"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/bolt/internal/page"
)

const (
	// compactSuffix is at the end of the name of the new file until the file is
	// complete.
	compactSuffix = ".compact"

	// commitBytes is about how many bytes one commit writes to the new file.
	commitBytes = 16 << 20
)

// unfinishedKey is a key in the meta bucket. It marks a new file that is not complete.
var unfinishedKey = []byte("unfinished copy")

// rewrite is a new data file that is made from the pages of another data file.
type rewrite struct {
	path   string
	from   *page.File
	like   os.FileInfo // the new file gets the owner and the permissions of this file
	db     *bbolt.DB
	tx     *bbolt.Tx
	size   int64 // about how many bytes tx has written
	sum    fingerprint
	placed bool // whether the new file has replaced the other file
}

// newRewrite begins a new file at path. If an earlier run was interrupted and left a
// file at path, newRewrite removes that file. It removes no other file.
func newRewrite(path string, from *page.File, like os.FileInfo) (*rewrite, error) {
	if err := removeLeftOver(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", path, datafile.Plain(err))
	}
	c := &rewrite{path: path, from: from, like: like}
	if err := f.Close(); err != nil {
		c.discard()
		return nil, datafile.Plain(err)
	}
	c.db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: datafile.LockTimeout, FreelistType: bbolt.FreelistMapType, PageSize: int(from.Meta.PageSize),
		InitialMmapSize: mapSizeFor(from.Size), // so that bbolt need not map the file again
	})
	if err == nil {
		err = c.db.Update(func(tx *bbolt.Tx) error {
			meta, err := tx.CreateBucket(layout.MetaBucket)
			if err != nil {
				return err
			}
			return meta.Put(unfinishedKey, nil)
		})
	}
	if err != nil {
		c.discard()
		return nil, c.explain(err)
	}
	return c, nil
}

// mapSizeFor returns the size of the memory map for a file with `size` bytes.
func mapSizeFor(size int64) int {
	if runtime.GOOS == "windows" { // on Windows, the file becomes as long as its memory map
		return 0
	}
	return int(size)
}

// removeLeftOver removes the incomplete file that an interrupted run left at path.
func removeLeftOver(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, datafile.Plain(err))
	}
	defer f.Close()
	if ok, err := isLeftOver(f); err != nil || !ok {
		return fmt.Errorf("%s is in the way, and was not left by an earlier run of this command; move it away", path)
	}
	f.Close() // Windows does not remove an open file
	return datafile.Plain(os.Remove(path))
}

// isLeftOver reports whether f has the mark of an incomplete file, or is empty. If f is
// empty, the run was interrupted before it set the mark.
func isLeftOver(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false, err
	}
	if blank, err := isBlank(f, info.Size()); blank || err != nil {
		return blank, err
	}
	pages, err := page.Read(f)
	if err != nil {
		return false, err
	}
	empty, marked := true, false
	w := page.NewWalker(pages, func(err error) { empty = false }, func(int64) {})
	w.Bucket(pages.Meta.Root, func(k, _ []byte, nested *page.Bucket) {
		empty = false
		if nested != nil && bytes.Equal(k, layout.MetaBucket) {
			w.Bucket(*nested, func(k, _ []byte, _ *page.Bucket) { marked = marked || bytes.Equal(k, unfinishedKey) })
		}
	})
	return empty || marked, nil
}

// isBlank reports whether a file contains only zeros and has at most 1 MiB. A file is
// like this if the power failed before the first write.
func isBlank(f *os.File, size int64) (bool, error) {
	if size > 1<<20 {
		return false, nil
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil {
		return false, err
	}
	return len(bytes.Trim(b, "\x00")) == 0, nil
}

// discard closes the new file. If the new file has not replaced the other file, discard
// removes it.
func (c *rewrite) discard() {
	if c.tx != nil {
		_ = c.tx.Rollback()
	}
	if c.db != nil {
		_ = c.db.Close()
	}
	if !c.placed {
		_ = os.Remove(c.path)
	}
}

// copyEntries copies the entries for which `take` returns true, in the order of their
// keys and in commits of limited size. It does not read the entries for which `skip`
// returns true.
func (c *rewrite) copyEntries(ctx context.Context, watch Watch, damage func(error), skip func(path [][]byte, k []byte) bool, take func(path [][]byte, k []byte, nested *page.Bucket) bool) (err error) {
	meter := watch.begin("Copying", c.from.InUse())
	defer meter.Close()
	if c.tx, err = c.db.Begin(true); err != nil {
		return err
	}
	w := page.NewWalker(c.from, damage, meter.Add)
	w.Stop = func() bool { return err != nil || ctx.Err() != nil }
	w.Skip = skip
	w.All(c.from.Meta.Root, nil, func(path [][]byte, k, v []byte, nested *page.Bucket) {
		if !w.Stop() && take(path, k, nested) {
			err = c.put(path, k, v, nested)
		}
	})
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = c.commit()
	}
	return c.explain(err)
}

// isMark reports whether the entry is the mark of an incomplete file. If a run was
// interrupted after the renaming, the complete file still has the mark.
func isMark(path [][]byte, k []byte) bool {
	return len(path) == 1 && bytes.Equal(path[0], layout.MetaBucket) && bytes.Equal(k, unfinishedKey)
}

// put copies an entry.
func (c *rewrite) put(path [][]byte, k, v []byte, nested *page.Bucket) error {
	c.sum.add(path, k, v, nested)
	b, err := c.bucket(path)
	if err != nil {
		return err
	}
	switch {
	case nested != nil && b == nil: // a bucket at the top
		made, err := c.tx.CreateBucketIfNotExists(k)
		if err != nil {
			return err
		}
		return made.SetSequence(nested.Sequence)
	case nested != nil:
		made, err := b.CreateBucketIfNotExists(k)
		if err != nil || nested.Sequence == 0 {
			return err
		}
		return made.SetSequence(nested.Sequence)
	case b == nil:
		return fmt.Errorf("a value %q outside of all buckets", k)
	}
	c.size += int64(len(k) + len(v))
	if err := b.Put(k, bytes.Clone(v)); err != nil { // bbolt uses the value until the commit
		return err
	}
	if c.size < commitBytes {
		return nil
	}
	if err := c.commit(); err != nil {
		return err
	}
	c.size = 0
	c.tx, err = c.db.Begin(true)
	return err
}

func (c *rewrite) commit() error {
	tx := c.tx
	c.tx = nil
	return tx.Commit()
}

// bucket returns the bucket at `path` in the new file, or nil for the root. It creates
// missing buckets inside other buckets, but not buckets at the top.
func (c *rewrite) bucket(path [][]byte) (b *bbolt.Bucket, err error) {
	if len(path) == 0 {
		return nil, nil
	}
	b = c.tx.Bucket(path[0])
	b.FillPercent = layout.FillPercent(path[0])
	for _, name := range path[1:] {
		if b, err = b.CreateBucketIfNotExists(name); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (c *rewrite) close() error {
	bdb := c.db
	c.db = nil
	return bdb.Close()
}

// replace renames the new file to path, where the old file is. The caller has locked
// the old file through `old`. replace returns the size of the new file.
func (c *rewrite) replace(path string, old *os.File) (size int64, err error) {
	if err := c.finish(); err != nil {
		return 0, c.explain(err)
	}
	if runtime.GOOS == "windows" {
		// Windows does not replace an open file. So the renaming fails if a server has
		// opened the file meanwhile.
		old.Close()
	}
	if err := os.Rename(c.path, path); err != nil {
		return 0, fmt.Errorf("put the new file in its place: %w", datafile.Plain(err))
	}
	c.placed = true
	if err := datafile.SyncDir(filepath.Dir(path)); err != nil {
		return 0, err
	}
	c.unmark(path)
	info, err := os.Stat(path)
	if err != nil {
		return 0, datafile.Plain(err)
	}
	return info.Size(), nil
}

// finish sets the owner and the permissions of the new file. It removes the space that
// bbolt reserved at the end of the file, and syncs the file.
func (c *rewrite) finish() error {
	f, err := os.OpenFile(c.path, os.O_RDWR, 0)
	if err != nil {
		return datafile.Plain(err)
	}
	defer f.Close()
	pages, err := page.Read(f)
	if err != nil {
		return err
	}
	if err := f.Truncate(int64(pages.Meta.High) * pages.Meta.PageSize); err != nil {
		return datafile.Plain(err)
	}
	if err := datafile.KeepOwner(f, c.like); err != nil {
		return fmt.Errorf("give the new file its owner and permissions: %w", err)
	}
	return f.Sync()
}

// unmark removes the mark of an incomplete file. If unmark fails, for example because a
// server has opened the file meanwhile, the mark does no harm.
func (c *rewrite) unmark(path string) {
	bdb, _, err := datafile.OpenExisting(path, false)
	if err != nil {
		return
	}
	defer bdb.Close()
	bdb.NoFreelistSync = false
	bdb.AllocSize = 0 // the file may become longer by a few pages, but not by 16 MiB
	_ = bdb.Update(func(tx *bbolt.Tx) error { return tx.Bucket(layout.MetaBucket).Delete(unfinishedKey) })
}

// explain adds what to do to an error of the file system.
func (c *rewrite) explain(err error) error {
	if datafile.IsFull(err) {
		return fmt.Errorf("%w: the new file needs as much space as the images take; the data file is unchanged. Free some disk space and run the command again", db.ErrFull)
	}
	return err
}
