package bolt

import (
	"encoding/binary"
	"errors"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db/bolt/internal/layout"
)

// dropChunks is how many chunks one commit deletes at most: 128 MiB. The sweeper
// deletes the other chunks. So no upload waits long for a delete.
const dropChunks = 1024

// newBlob returns an id that no blob has had before.
func (s *Store) newBlob() uint64 { return s.lastBlob.Add(1) }

// unpin removes a pin of a blob; see pins. If the blob is an orphan (see OrphansBucket)
// and has no other pins, unpin wakes the sweeper, which deletes the blob.
func (s *Store) unpin(id uint64) {
	if s.pins.unpin(id) {
		s.sweep.wake()
	}
}

// drop deletes the blob. If the blob is pinned, or has more chunks than this commit may
// delete, it becomes an orphan instead. The sweeper deletes orphans later.
func (tx *txn) drop(id uint64) error {
	if tx.pins.doom(id) {
		tx.doom = append(tx.doom, id)
		if done, err := tx.deleteChunks(id); done || err != nil {
			return err
		}
	}
	tx.left = append(tx.left, id)
	return tx.Bucket(layout.OrphansBucket).Put(layout.IDKey(id), nil)
}

// deleteChunks deletes as many chunks of a blob as this commit may still delete. It
// reports whether all chunks of the blob are deleted.
func (tx *txn) deleteChunks(id uint64) (done bool, err error) {
	n, done, err := layout.DeleteChunks(tx.Tx, id, dropChunks-tx.deleted)
	tx.deleted += n
	return done, err
}

// sweepOrphans deletes every orphan that is not pinned. If it cannot delete an orphan,
// it continues with the others.
func (s *Store) sweepOrphans() error {
	ids, err := s.orphans()
	for _, id := range ids {
		err = errors.Join(err, s.sweepOne(id))
	}
	return err
}

// sweepOne deletes an orphan unless it is pinned. A large orphan needs several commits.
func (s *Store) sweepOne(id uint64) error {
	for gone := false; !gone; {
		err := s.submit(&change{
			check: func(tx *txn) (todo bool, err error) {
				gone = true // apply sets this to false if one commit cannot delete all chunks
				return tx.Bucket(layout.OrphansBucket).Get(layout.IDKey(id)) != nil, nil
			},
			apply: func(tx *txn) (err error) {
				if !tx.pins.doom(id) {
					return nil
				}
				tx.doom = append(tx.doom, id)
				if gone, err = tx.deleteChunks(id); err != nil || !gone {
					return err
				}
				return tx.Bucket(layout.OrphansBucket).Delete(layout.IDKey(id))
			},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// orphans lists the ids of all orphans that are not pinned.
func (s *Store) orphans() (ids []uint64, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(layout.OrphansBucket).ForEach(func(k, _ []byte) error {
			if id := binary.BigEndian.Uint64(k); !s.pins.pinned(id) {
				ids = append(ids, id)
			}
			return nil
		})
	})
	return ids, err
}
