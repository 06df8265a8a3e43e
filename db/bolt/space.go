package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"

	bbolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"imageserver/db"
	"imageserver/db/bolt/internal/datafile"
)

const (
	// spaceKept is disk space that uploads do not use. bbolt never writes in place,
	// so on a full disk a delete needs some pages before it frees others.
	spaceKept = 2 << 20
	// spaceSlack is for the pages of trees and of the list of free pages that one
	// commit of uploads rewrites.
	spaceSlack = 256 << 10
	spaceStep  = 4 << 20
)

// space makes sure that the disk has room for a commit before it begins, and that
// deletes have room when uploads have none. Only the committer uses it.
type space struct {
	limit int64 // of the file, or 0; see Options.MaxSize
	end   int64 // the file has disk space up to here

	// tight means that commits do not write the list of free pages. bbolt rewrites
	// it in each commit, 8 bytes a page in consecutive pages, and on a full disk no
	// gap may be long enough. If the list is missing when the file is opened, bbolt
	// visits all pages to find the free ones.
	tight bool
}

// reserve makes sure that n more bytes of images can be written in tx, or
// returns db.ErrFull.
func (p *space) reserve(f *os.File, tx *bbolt.Tx, n int64) error {
	high := tx.Size() // bbolt uses free pages first, and then those from here on
	n += spaceSlack
	if p.end == 0 {
		if err := p.measure(f, high); err != nil {
			return err
		}
	}
	want := high + n + spaceKept
	if want <= p.end {
		return nil
	}
	err := p.grow(f, high, max(want, min(want+max(spaceStep, high/16), p.most())))
	if errors.Is(err, db.ErrFull) {
		err = p.grow(f, high, want)
	}
	if !errors.Is(err, db.ErrFull) {
		return err
	}
	// There is no more disk space, but deletes have freed pages. If these are too
	// scattered, the commit uses some of spaceKept, but not all of it.
	free := int64(freePages(tx)) * int64(tx.DB().Info().PageSize)
	if free+p.end-high >= n+spaceKept/2 {
		return nil
	}
	return err
}

// measure finds how far the file has disk space after it was opened. It may be sparse
// behind the pages in use.
func (p *space) measure(f *os.File, high int64) error {
	p.end = high
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("reserve disk space: %w", err)
	}
	if info.Size() > high {
		err = p.grow(f, high, info.Size())
	}
	if errors.Is(err, db.ErrFull) {
		return nil // it has disk space up to high only
	}
	return err
}

// grow gives the file disk space from off up to end.
func (p *space) grow(f *os.File, off, end int64) error {
	if end > p.most() {
		return &db.LimitError{Limit: p.limit}
	}
	off = max(off, p.end)
	ok, err := datafile.Allocate(f, off, end-off)
	switch {
	case !ok:
		p.end = p.most() // the system cannot reserve disk space: the write may fail
	case datafile.IsFull(err):
		return fmt.Errorf("%w: %w", db.ErrFull, err)
	case err != nil:
		return fmt.Errorf("reserve disk space: %w", err)
	default:
		p.end, p.tight = end, false
	}
	return nil
}

// freePages is the number of pages that writes can use before the file grows.
func freePages(tx *bbolt.Tx) int {
	stats := tx.DB().Stats()
	return stats.FreePageN + stats.PendingPageN
}

// limitSize keeps the file at n bytes, if that is not 0.
func (s *Store) limitSize(n int64) {
	s.space.limit = n
	if n > 0 {
		// bbolt grows the file by more than it needs. Without that, each commit that
		// grows the file needs one more sync on file systems that cannot reserve
		// space.
		s.db.AllocSize = 0
	}
}

// most is how far the file may grow.
func (p *space) most() int64 {
	if p.limit > 0 {
		return p.limit
	}
	return math.MaxInt64
}

// bound returns the MaxSize of bbolt for one commit; 0 is no limit. Uploads stop at the
// limit minus half of spaceKept. Other commits may use the whole limit. If they fail,
// they no longer write the list of free pages, and may then exceed the limit by a few
// pages, because deletes must succeed.
func (p *space) bound(uploads bool) int {
	switch {
	case p.limit == 0 || !uploads && p.tight:
		return 0
	case uploads:
		return int(max(1, p.limit-spaceKept/2))
	}
	return int(p.limit)
}

// fullOr returns db.ErrFull if err says that there was no space for a write, and err
// otherwise. The error of a sync has no path: it is not a db.ErrFull, because it leaves
// the file in doubt.
func (p *space) fullOr(err error) error {
	var path *fs.PathError
	switch {
	case errors.Is(err, berrors.ErrMaxSizeReached):
		return &db.LimitError{Limit: p.limit}
	case datafile.IsFull(err) && errors.As(err, &path):
		return fmt.Errorf("%w: %w", db.ErrFull, err)
	}
	return err
}
