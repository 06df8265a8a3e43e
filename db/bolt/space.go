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
	// spaceKept is how many bytes of disk space uploads leave free. bbolt never
	// overwrites a page that is in use. So on a full disk, a delete needs some free
	// pages before it frees other pages.
	spaceKept = 2 << 20
	// spaceSlack is how many bytes one commit of uploads may need in addition to the
	// images. These bytes are for the pages of trees and for the list of free pages,
	// which the commit rewrites.
	spaceSlack = 256 << 10
	spaceStep  = 4 << 20
)

// space makes sure that the disk has enough space for a commit before the commit
// begins. If there is no space for uploads, it makes sure that deletes still have
// space. Only the committer uses it.
type space struct {
	limit int64 // the largest size of the file, or 0; see Options.MaxSize
	end   int64 // the file has reserved disk space up to this offset

	// tight means that commits do not write the list of free pages. bbolt rewrites this
	// list in each commit. The list needs 8 bytes for each free page, in consecutive
	// pages. On a full disk, there may be no such consecutive pages. If the list is
	// missing when bbolt opens the file, bbolt visits all pages to find the free pages.
	tight bool

	unlisted bool // whether the last commit did not write the list
}

// reserve makes sure that tx can write n more bytes of images. If there is no space for
// them, it returns db.ErrFull.
func (p *space) reserve(f *os.File, tx *bbolt.Tx, n int64) error {
	high := tx.Size() // bbolt first uses free pages, and then new pages from this offset on
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
	// There is no more disk space, but deletes have freed pages. If these pages are too
	// scattered, the commit also uses a part of spaceKept, but not more than half of
	// it.
	free := int64(freePages(tx)) * int64(tx.DB().Info().PageSize)
	if free+p.end-high >= n+spaceKept/2 {
		return nil
	}
	return err
}

// measure finds up to which offset the file has disk space, after the file was opened.
// The file may have no disk space after the pages in use: then it is sparse there.
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
		return nil // the file has disk space only up to `high`
	}
	return err
}

// grow reserves disk space for the file from offset `off` to offset `end`.
func (p *space) grow(f *os.File, off, end int64) error {
	if end > p.most() {
		return &db.LimitError{Limit: p.limit}
	}
	off = max(off, p.end)
	ok, err := datafile.Allocate(f, off, end-off)
	switch {
	case !ok:
		p.end = p.most() // the system cannot reserve disk space, so a write may fail later
	case datafile.IsFull(err):
		return fmt.Errorf("%w: %w", db.ErrFull, err)
	case err != nil:
		return fmt.Errorf("reserve disk space: %w", err)
	default:
		p.end, p.tight = end, false
	}
	return nil
}

// freePages returns how many pages can be written before the file grows.
func freePages(tx *bbolt.Tx) int {
	stats := tx.DB().Stats()
	return stats.FreePageN + stats.PendingPageN
}

// limitSize limits the size of the file to n bytes. If n is 0, there is no limit.
func (s *Store) limitSize(n int64) {
	s.space.limit = n
	if n > 0 {
		// Usually bbolt makes the file longer than necessary. With a limit, the file
		// grows only as far as necessary. Some file systems cannot reserve space.
		// There, each commit that makes the file longer then needs one more sync.
		s.db.AllocSize = 0
	}
}

// most returns the largest size that the file may have.
func (p *space) most() int64 {
	if p.limit > 0 {
		return p.limit
	}
	return math.MaxInt64
}

// maxSize returns the MaxSize of bbolt for one commit; 0 means that there is no limit.
// For uploads, it is the limit minus half of spaceKept. Other commits may use the whole
// limit. If such a commit fails, later commits do not write the list of free pages.
// They may then exceed the limit by a few pages, because deletes must succeed.
func (p *space) maxSize(uploads bool) int {
	switch {
	case p.limit == 0 || !uploads && p.tight:
		return 0
	case uploads:
		return int(max(1, p.limit-spaceKept/2))
	}
	return int(p.limit)
}

// fullOr returns db.ErrFull if err says that there was no space for a write. Otherwise
// it returns err. The error of a sync has no path, so fullOr returns it unchanged. A
// failed sync is not a db.ErrFull, because the content of the file is then unknown.
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
