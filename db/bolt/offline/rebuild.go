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

// rebuildFile replaces the damaged file at path. It writes everything that can be read
// to a new file, and repairs the new file. The damaged file gets another name, and the
// new file gets the name of the damaged file. The caller has locked the damaged file
// through f, and c has found the damaged pages.
func rebuildFile(ctx context.Context, path string, f *os.File, c *checker, o RepairOptions) (*Repaired, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, datafile.Plain(err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, datafile.Plain(err)
	}
	to, err := newRewrite(path+compactSuffix, c.file, info)
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
	return &Repaired{Before: &c.report, After: found, Kept: kept}, nil
}

// copyReadable copies everything that can be read to the new file, which has the newest
// format.
func (c *rewrite) copyReadable(ctx context.Context, watch Watch) error {
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
	return c.copyEntries(ctx, watch, func(error) {}, spareBlobs{}.has, isEntry)
}

// isEntry reports whether the layout can have such an entry. Damaged pages may contain
// anything.
func isEntry(path [][]byte, k []byte, nested *page.Bucket) bool {
	if len(k) == 0 || len(k) > bbolt.MaxKeySize {
		return false
	}
	isChunk := len(path) > 0 && bytes.Equal(path[0], layout.ChunksBucket)
	switch len(path) {
	case 0:
		return nested != nil && layout.IsBucket(k)
	case 1:
		// The bucket of a chunk is created with the value of the chunk. The counts are
		// computed again.
		return nested == nil && !isChunk && layout.IsBucket(path[0]) && !bytes.Equal(path[0], layout.MetaBucket)
	}
	return len(path) == 2 && isChunk && len(path[1]) == len(layout.ChunkKey(0, 0)) && nested == nil && bytes.Equal(k, layout.ChunkValueKey)
}

// repair checks the new file, repairs it, and checks it again.
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
	if found.report.Structural {
		return nil, errors.New("the new file is damaged; check the disk and the memory of this machine")
	}
	if err := found.repairInPlace(c.path, f, o); err != nil {
		return nil, c.explain(err)
	}
	return checkPath(ctx, c.path, o.Watch, false)
}

// keepDamaged gives the file at path a second name, and returns the second name.
func keepDamaged(path string) (string, error) {
	for n := 1; ; n++ {
		kept := path + ".damaged"
		if n > 1 {
			kept = fmt.Sprintf("%s.damaged-%d", path, n)
		}
		err := os.Link(path, kept)
		if errors.Is(err, fs.ErrExist) {
			if isSame(path, kept) { // an earlier run was interrupted after this step
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

// isSame reports whether both names belong to one file.
func isSame(a, b string) bool {
	ours, err := os.Lstat(a)
	if err != nil {
		return false
	}
	there, err := os.Lstat(b)
	return err == nil && os.SameFile(ours, there)
}
