package offline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db/bolt/internal/datafile"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/bolt/internal/page"
)

// salvage puts what can be read of the file at path, whose lock f holds and in
// which c found damaged pages, in a new file, mends that, and puts it in the
// place of the damaged one, which is kept.
func rebuildFile(ctx context.Context, path string, f *os.File, c *checker, o RepairOptions) (*Repaired, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, datafile.Plain(err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, datafile.Plain(err)
	}
	to, err := newRewrite(path+compactSuffix, c.File, info)
	if err != nil {
		return nil, err
	}
	defer to.discard()
	if err := to.copyReadable(ctx, o.Watch); err != nil {
		return nil, err
	}
	found, err := to.repair(ctx, o)
	if err != nil {
		return nil, err
	}
	if found.Images+found.Trash == 0 {
		return nil, errors.New("is damaged, and none of its images can be read; restore your backup")
	}
	kept, err := keepDamaged(path)
	if err != nil {
		return nil, err
	}
	if _, err := to.replace(path, f); err != nil {
		return nil, err
	}
	return &Repaired{Before: &c.Report, After: found, Kept: kept}, nil
}

// salvage copies whatever can be read into the buckets of this layout.
func (c *rewrite) copyReadable(ctx context.Context, watch Watch) error {
	// What upgrades make of an empty file are the buckets and the counts.
	err := c.db.Update(func(tx *bbolt.Tx) error {
		if err := tx.DeleteBucket(layout.MetaBucket); err != nil {
			return err
		}
		if err := layout.Create(tx); err != nil {
			return err
		}
		return tx.Bucket(layout.MetaBucket).Put(unfinishedKey, nil)
	})
	if err != nil {
		return c.explain(err)
	}
	return c.copyEntries(ctx, watch, func(error) {}, isEntry)
}

// belongs reports whether the layout has a place for such an entry. What
// damaged pages hold may be anything.
func isEntry(path [][]byte, k []byte, nested *page.Bucket) bool {
	if len(k) == 0 || len(k) > bbolt.MaxKeySize {
		return false
	}
	isChunk := len(path) > 0 && bytes.Equal(path[0], layout.ChunksBucket)
	switch len(path) {
	case 0:
		return nested != nil && layout.IsBucket(k)
	case 1:
		// The bucket of a chunk is made when there is something to put in it.
		return nested == nil && !isChunk && layout.IsBucket(path[0]) && !bytes.Equal(path[0], layout.MetaBucket)
	}
	return len(path) == 2 && isChunk && len(path[1]) == len(layout.ChunkKey(0, 0)) && nested == nil && bytes.Equal(k, layout.ChunkValueKey)
}

// mend checks and mends the copy, and checks it again.
func (c *rewrite) repair(ctx context.Context, o RepairOptions) (*Report, error) {
	if err := c.close(); err != nil {
		return nil, c.explain(err)
	}
	f, err := datafile.OpenLocked(c.path, false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	found, err := check(ctx, f, Watch{Begin: o.Begin})
	if err != nil {
		return nil, err
	}
	if found.Structural {
		return nil, errors.New("the copy is damaged: the disk or the memory of this machine is not sound")
	}
	if err := found.mend(ctx, c.path, f, o); err != nil {
		return nil, c.explain(err)
	}
	return recheck(ctx, c.path, o.Watch)
}

// keepDamaged gives the file at path a second name, and returns it.
func keepDamaged(path string) (string, error) {
	for n := 1; ; n++ {
		kept := path + ".damaged"
		if n > 1 {
			kept = fmt.Sprintf("%s.damaged-%d", path, n)
		}
		err := os.Link(path, kept)
		if errors.Is(err, fs.ErrExist) {
			if isSame(path, kept) { // one that was interrupted here gave it that name
				return kept, nil
			}
			continue
		}
		if err != nil {
			return "", fmt.Errorf("keep the damaged file as %s: %w", kept, datafile.Plain(err))
		}
		return kept, nil
	}
}

// isSame reports whether both names are of one file.
func isSame(a, b string) bool {
	ours, err := os.Lstat(a)
	if err != nil {
		return false
	}
	there, err := os.Lstat(b)
	return err == nil && os.SameFile(ours, there)
}
