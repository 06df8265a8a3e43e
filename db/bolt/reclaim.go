package bolt

import (
	"encoding/binary"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db/bolt/internal/layout"
)

// Each commit of bbolt writes the list of all free pages: 8 bytes for each page, which
// is 2 MiB for each free GiB. So the pages of a deleted blob become free only when
// uploads need them. Until then, the blob is an orphan. An orphan costs nothing in a
// commit, because it is listed in a bucket and not in the list of free pages.
//
// bbolt can also leave the list out of the file; see space.tight. The store does this
// only on a full disk. The reason: after a crash, bbolt then visits the trees of the
// whole file to make the list, and each chunk has its own tree.

const (
	// freeKept is how many bytes of free pages the store keeps in addition to what
	// uploads need.
	freeKept = 4 << 20
	// grownRoom is how many bytes of orphans are deleted after the file has grown. The
	// file grows if the free pages are too scattered for the chunks of an upload.
	grownRoom = 32 << 20
	// reclaimOrphans is how many orphans one commit deletes at most.
	reclaimOrphans = 1024
)

// supply knows how many free pages uploads need, and when orphans must be deleted to
// get them. Only the committer uses it.
type supply struct {
	busy    int64           // about how many bytes of images the recent commits had
	high    int64           // size of the file after the last commit
	grown   bool            // whether the file has grown since orphans were last deleted
	orphans bool            // whether there may be orphans that can be deleted
	damaged map[uint64]bool // orphans that could not be deleted
}

// low returns how many bytes of free pages there must be before a commit of uploads. If
// there are fewer, orphans are deleted.
func (p *supply) low() int64 { return freeKept + 2*p.busy }

// enough returns how many bytes of free pages there are after orphans were deleted.
// Deletes also free pages until there are enough.
func (p *supply) enough() int64 { return p.low() + p.busy + freeKept }

// missing returns how many bytes of orphans must be deleted now. As long as a
// transaction is open, for example for a backup, pages that are freed cannot be used.
// Then more free pages would not keep the file from growing.
func (p *supply) missing(bdb *bbolt.DB) int64 {
	free, pending := freeBytes(bdb)
	switch {
	case p.grown && pending < p.low():
		return max(grownRoom, p.enough()-free)
	case free < p.low():
		return p.enough() - free
	}
	return 0
}

// freeBytes returns how many bytes of free pages there are, and how many of them cannot
// be used as long as a transaction is open.
func freeBytes(bdb *bbolt.DB) (free, pending int64) {
	stats, size := bdb.Stats(), int64(bdb.Info().PageSize)
	return int64(stats.FreePageN+stats.PendingPageN) * size, int64(stats.PendingPageN) * size
}

// begin sets tx.room, and notes whether the last commit has made the file grow.
func (p *supply) begin(tx *txn) {
	p.grown = p.orphans && (p.grown || tx.Size() > p.high)
	p.high = tx.Size()
	free, _ := freeBytes(tx.DB())
	tx.room = p.enough() - free
}

// committed notes what a commit has done with the list of orphans.
func (p *supply) committed(tx *txn) { p.orphans = p.orphans || tx.orphaned }

// refill makes sure that there are enough free pages for the changes and for the next
// commit. If necessary, it adds a change that deletes orphans. The pages are free after
// the commit. If even these changes do not have enough free pages, refill first deletes
// orphans in a separate commit.
func (s *Store) refill(group []*change) []*change {
	p, n := &s.supply, int64(0)
	for _, c := range group {
		n += c.bytes
	}
	p.busy = max(n, p.busy-(p.busy+7)/8)
	if n == 0 || !p.orphans {
		return group
	}
	need := p.missing(s.db)
	if need <= 0 {
		return group
	}
	if free, _ := freeBytes(s.db); free < n+n/2 {
		s.reclaim(need)
		return group
	}
	return append(group, s.reclaiming(need, new(bool)))
}

// reclaim deletes orphans of `need` bytes, in one commit. It reports whether it deleted
// anything. Only the committer calls it.
func (s *Store) reclaim(need int64) (some bool) {
	err := s.commitTight([]*change{s.reclaiming(need, &some)})
	return some && err == nil
}

// reclaiming returns a change that deletes orphans of `need` bytes. It sets *some to
// whether there are such orphans.
func (s *Store) reclaiming(need int64, some *bool) *change {
	var ids []uint64
	return &change{
		check: func(tx *txn) (todo bool, err error) {
			ids = s.deletable(tx)
			*some = len(ids) > 0
			return *some, nil
		},
		apply: func(tx *txn) error {
			tx.room = max(tx.room, need)
			return s.reclaimSome(tx, ids)
		},
	}
}

// deletable returns the ids of the oldest orphans that are not pinned. Blobs that were
// stored one after the other are often neighbours in the file. So together they leave
// long runs of free pages.
func (s *Store) deletable(tx *txn) (ids []uint64) {
	c := tx.Bucket(layout.OrphansBucket).Cursor()
	for k, _ := c.First(); k != nil && len(ids) < reclaimOrphans; k, _ = c.Next() {
		if len(k) != 8 {
			continue // --repair deletes this entry
		}
		id := binary.BigEndian.Uint64(k)
		if !s.supply.damaged[id] && !s.pins.leave(id) {
			ids = append(ids, id)
		}
	}
	s.supply.grown, s.supply.orphans = false, len(ids) > 0
	return ids
}

// reclaimSome deletes orphans until tx.room is used up. If an orphan cannot be deleted,
// the commit fails. Later commits leave out this orphan.
func (s *Store) reclaimSome(tx *txn, ids []uint64) error {
	for _, id := range ids {
		if tx.mayDelete() == 0 {
			break
		}
		if err := s.reclaimOne(tx, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) reclaimOne(tx *txn, id uint64) (err error) {
	done := false
	defer func() {
		if !done { // there is an error, or bbolt panics
			s.supply.damaged[id] = true
			s.log.Error("the bytes of a deleted image stay in the data file, because they are damaged", "blob", id)
		}
	}()
	err = tx.dropNow(id, orphanSize(tx.Tx, id))
	done = err == nil
	return err
}
