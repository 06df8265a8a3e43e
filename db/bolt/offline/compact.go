package offline

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"

	"imageserver/db/bolt/internal/datafile"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/bolt/internal/page"
)

// Compact replaces the data file at path by a new file with the same content and no
// free pages. It returns the sizes of both files in bytes. Before Compact renames the
// new file, it syncs the new file, reads it again, and compares it. So even after an
// interruption, one of the two complete files is at path.
//
// Compact copies every key and value unchanged, except the orphans: blobs that no image
// uses any more. It does not verify the checksums of
// images. So it also copies damaged bytes. If the file has damaged pages, Compact
// returns an error, because perhaps their content can be recovered only from the
// original file.
//
// Compact locks the file. If a server has the file open, it returns an error. On a full
// disk it returns an error that wraps db.ErrFull.
func Compact(ctx context.Context, path string, watch Watch) (before, after int64, err error) {
	before, after, err = compact(ctx, path, watch)
	if err != nil {
		err = fmt.Errorf("data file %s: %w", path, err)
	}
	return before, after, err
}

func compact(ctx context.Context, path string, watch Watch) (before, after int64, err error) {
	path, err = filepath.EvalSymlinks(path) // Compact must replace the file, not the link
	if err != nil {
		return 0, 0, datafile.Plain(err)
	}
	f, err := datafile.OpenLocked(path, false)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, 0, datafile.Plain(err)
	}
	pages, err := page.Read(f)
	if err != nil {
		return 0, 0, datafile.Plain(err)
	}
	if err := pages.Inspect(); err != nil {
		return 0, 0, datafile.Damaged(err)
	}
	if err := ours(pages); err != nil {
		return 0, 0, err
	}
	c, err := newRewrite(path+compactSuffix, pages, info)
	if err != nil {
		return 0, 0, err
	}
	defer c.discard()
	if err := c.copyAll(ctx, watch); err != nil {
		return 0, 0, err
	}
	if err := c.compare(ctx, watch); err != nil {
		return 0, 0, err
	}
	if after, err = c.replace(path, f); err != nil {
		return 0, 0, err
	}
	return info.Size(), after, nil
}

// ours returns an error if the file belongs to another program or to a newer version.
func ours(f *page.File) error {
	var format []byte
	var damage error
	w := page.NewWalker(f, func(err error) { damage = err }, func(int64) {})
	w.Bucket(f.Meta.Root, func(k, _ []byte, nested *page.Bucket) {
		if nested == nil || !bytes.Equal(k, layout.MetaBucket) {
			return
		}
		w.Bucket(*nested, func(k, v []byte, _ *page.Bucket) {
			if bytes.Equal(k, layout.FormatKey) {
				format = bytes.Clone(v)
			}
		})
	})
	if damage != nil {
		return datafile.Damaged(damage)
	}
	_, err := layout.ParseFormat(format)
	return err
}

// copyAll copies everything. If a page is damaged, it stops there and returns an error.
func (c *rewrite) copyAll(ctx context.Context, watch Watch) error {
	spare, err := findSpare(c.from)
	if err != nil {
		return err
	}
	var damage error
	err = c.copyEntries(ctx, watch, func(err error) { damage = cmp.Or(damage, err) }, spare.has, func(path [][]byte, k []byte, _ *page.Bucket) bool {
		return damage == nil && !isMark(path, k)
	})
	if damage != nil {
		return datafile.Damaged(damage)
	}
	return err
}

// compare reads the new file from the disk, and compares it with the entries that were
// copied.
func (c *rewrite) compare(ctx context.Context, watch Watch) error {
	if err := c.close(); err != nil {
		return c.explain(err)
	}
	f, err := os.Open(c.path)
	if err != nil {
		return datafile.Plain(err)
	}
	defer f.Close()
	pages, err := page.Read(f)
	if err != nil {
		return fmt.Errorf("the new file: %w", err)
	}
	if err := pages.Inspect(); err != nil {
		return fmt.Errorf("the new file: %w", err)
	}
	meter := watch.begin("Comparing", pages.InUse())
	defer meter.Close()
	var sum fingerprint
	w := page.NewWalker(pages, func(damage error) { err = cmp.Or(err, damage) }, meter.Add)
	w.Stop = func() bool { return ctx.Err() != nil }
	w.All(pages.Meta.Root, nil, func(path [][]byte, k, v []byte, nested *page.Bucket) {
		if !isMark(path, k) {
			sum.add(path, k, v, nested)
		}
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("the new file: %w", err)
	case sum != c.sum:
		return errors.New("the new file differs from the data file, which stays as it was; check the disk and the memory of this machine")
	}
	return nil
}

// fingerprint is a hash of entries. It depends on their order.
type fingerprint uint64

var fingerprintSeed = maphash.MakeSeed()

func (f *fingerprint) add(path [][]byte, k, v []byte, nested *page.Bucket) {
	var h maphash.Hash
	h.SetSeed(fingerprintSeed)
	number := func(n uint64) { maphash.WriteComparable(&h, n) }
	number(uint64(*f))
	number(uint64(len(path)))
	number(uint64(len(k)))
	h.Write(k)
	if nested != nil {
		number(nested.Sequence)
	} else {
		h.Write(v)
	}
	*f = fingerprint(h.Sum64())
}
