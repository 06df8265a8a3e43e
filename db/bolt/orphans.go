package bolt

import (
	"encoding/binary"
	"errors"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// dropChunks is how many chunks one commit deletes at most: 128 MiB. The other chunks
// are deleted later. So no upload waits long for a delete.
const dropChunks = 1024

// newBlob returns an id that no blob has had before.
func (s *Store) newBlob() uint64 { return s.lastBlob.Add(1) }

// unpin removes a pin of a blob; see pins. If the blob is an orphan (see OrphansBucket)
// and has no other pins, unpin wakes the sweeper.
func (s *Store) unpin(id uint64) {
	if s.pins.unpin(id) {
		s.sweep.wake()
	}
}

// drop deletes a blob of `size` bytes; see dropNow. If a chunk is so damaged that it cannot
// be deleted, the blob becomes an orphan, because the image must still be replaced or deleted.
func (tx *txn) drop(id uint64, size int64) error {
	err := tx.dropNow(id, size)
	if errors.Is(err, db.ErrDamaged) {
		return tx.setOrphan(id, binary.BigEndian.AppendUint64(nil, uint64(size)))
	}
	return err
}

// dropNow deletes only as many chunks as tx.room allows, and nothing of a pinned blob. If
// some chunks remain, the blob becomes an orphan. dropNow can also continue to delete an
// orphan. If a chunk cannot be deleted, the error wraps db.ErrDamaged.
func (tx *txn) dropNow(id uint64, size int64) error {
	n := tx.mayDelete()
	if n > 0 && !tx.pins.doom(id) {
		tx.left = append(tx.left, id)
		n = 0
	}
	if n > 0 {
		tx.doom = append(tx.doom, id)
		n, done, err := layout.DeleteChunks(tx.Tx, id, n)
		if err != nil {
			return err
		}
		freed := min(size, int64(n)*layout.ChunkSize)
		tx.deleted += n
		tx.room -= max(freed, int64(tx.DB().Info().PageSize))
		if done {
			return tx.setOrphan(id, nil)
		}
		size -= freed
	}
	return tx.setOrphan(id, binary.BigEndian.AppendUint64(nil, uint64(size)))
}

// mayDelete returns how many chunks this commit may still delete.
func (tx *txn) mayDelete() int {
	if tx.room <= 0 {
		return 0
	}
	return int(min(1+tx.room/layout.ChunkSize, int64(dropChunks-tx.deleted)))
}

// setOrphan puts a blob into the list of orphans, or changes its value there. If the
// value is nil, setOrphan removes the blob from the list. The sequence of the bucket is
// the sum of the sizes in the list.
func (tx *txn) setOrphan(id uint64, value []byte) error {
	orphans, k := tx.Bucket(layout.OrphansBucket), layout.IDKey(id)
	before := orphans.Get(k)
	if before == nil && value == nil {
		return nil
	}
	sum := layout.OrphanBytes(orphans) + layout.OrphanSize(value) - layout.OrphanSize(before)
	tx.orphaned, tx.orphanBytes = true, max(0, sum)
	if err := orphans.SetSequence(uint64(tx.orphanBytes)); err != nil {
		return err
	}
	if value == nil {
		return orphans.Delete(k)
	}
	return orphans.Put(k, value)
}

// sweepOrphans deletes or shortens the orphans that were pinned before, or records
// their sizes. If it cannot delete an orphan, it continues with the others.
func (s *Store) sweepOrphans() (err error) {
	for _, id := range s.pins.ready() {
		err = errors.Join(err, s.sweepOne(id))
	}
	return err
}

// sweepOne drops an orphan; see drop.
func (s *Store) sweepOne(id uint64) error {
	err := s.submit(&change{
		check: func(tx *txn) (todo bool, err error) {
			return tx.Bucket(layout.OrphansBucket).Get(layout.IDKey(id)) != nil, nil
		},
		apply: func(tx *txn) error { return tx.drop(id, orphanSize(tx.Tx, id)) },
	})
	if err != nil {
		s.pins.setLeft(id) // the sweeper tries again
	}
	return err
}

// orphanSize returns about how many bytes an orphan has. If the list of orphans does
// not have its size, the blob is an unfinished upload. All chunks of such a blob have
// the full size.
func orphanSize(tx *bbolt.Tx, id uint64) int64 {
	if v := tx.Bucket(layout.OrphansBucket).Get(layout.IDKey(id)); len(v) > 0 {
		return layout.OrphanSize(v)
	}
	return int64(layout.CountChunks(tx, id)) * layout.ChunkSize
}
