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
	// spaceKept is disk space that uploads leave alone. bbolt never writes in
	// place, so a delete on a full disk needs some pages before it frees any.
	spaceKept = 2 << 20
	// spaceSlack covers the pages of the trees and of the free list that one
	// commit of uploads writes anew.
	spaceSlack = 256 << 10
	spaceStep  = 4 << 20
)

// space sees to it that the disk has room for a commit before it is begun,
// and that deletes find some when uploads no longer do. It is the committer's.
type space struct {
	limit int64 // of the file, or 0; see Options.MaxSize
	end   int64 // the file has disk space up to here

	// tight: commits leave out the list of free pages. bbolt writes it anew in
	// each one, 8 bytes a page in one run, and on a full disk there may be no
	// gap between two images that is as long. A file that is closed or lost
	// without its list is walked to find the free pages when it is opened.
	tight bool
}

// reserve makes sure that n more bytes of images can be written in tx, or
// returns db.ErrFull.
func (p *space) reserve(f *os.File, tx *bbolt.Tx, n int64) error {
	high := tx.Size() // bbolt takes free pages first, and then those from here on
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
	// There is no more, but there are pages that deletes have freed. They may
	// be too scattered: then some of what is kept is used, but not all.
	free := int64(freePages(tx)) * int64(tx.DB().Info().PageSize)
	if free+p.end-high >= n+spaceKept/2 {
		return nil
	}
	return err
}

// measure finds how far the file has disk space when it has just been opened.
// Behind what bbolt has used it may be sparse.
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
		return nil // up to high, then
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
		p.end = p.most() // the system cannot tell: leave it to the write
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
		// bbolt asks for so much more than it needs. Where the file system has
		// no allocate, this makes one more sync for each commit that grows the
		// file.
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

// bound is the MaxSize of bbolt's for one commit, which ends a commit of
// uploads that finds too few pages in one run. Others stay below the limit,
// too, while there is a list of free pages to leave out. What deletes take
// after that is a few pages, and they must go through.
func (p *space) bound(uploads bool) int {
	switch {
	case p.limit == 0 || !uploads && p.tight:
		return 0
	case uploads:
		return int(max(1, p.limit-spaceKept/2))
	}
	return int(p.limit)
}

// fullOr returns db.ErrFull for an error that says there is no space and
// that cannot come from a sync: those carry no path.
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
