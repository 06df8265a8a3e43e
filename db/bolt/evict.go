package bolt

import (
	"bytes"
	"context"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// evict deletes the oldest variants until all variants together have at most n bytes.
func (tx *txn) evict(n int64) error {
	for tx.usage.VariantBytes > n {
		if some, err := tx.dropOldest(); !some || err != nil {
			return err
		}
	}
	return nil
}

// trimStep is how many variants one commit of TrimVariants deletes at most. The limit
// keeps uploads from waiting long for this commit.
const trimStep = 500

// TrimVariants deletes the oldest variants; see db.Variants.
func (s *Store) TrimVariants(ctx context.Context, n int64) error {
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.submit(&change{
			check: func(tx *txn) (todo bool, err error) {
				more = tx.usage.VariantBytes > n
				return more, nil
			},
			apply: func(tx *txn) (err error) {
				for step := 0; more && step < trimStep && tx.usage.VariantBytes > n; step++ {
					if more, err = tx.dropOldest(); err != nil {
						return err
					}
				}
				return nil
			},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// dropOldest deletes the oldest variant. It reports whether there was a variant.
func (tx *txn) dropOldest() (some bool, err error) {
	made := tx.Bucket(layout.MadeBucket)
	id, k := made.Cursor().First()
	if id == nil {
		tx.usage.Variants, tx.usage.VariantBytes = 0, 0 // the counts may be wrong because of damage
		return false, nil
	}
	if err := tx.canFind(layout.MadeBucket, id); err != nil {
		return false, err
	}
	id, k = bytes.Clone(id), bytes.Clone(k) // deleting changes the pages in which id and k are
	if err := tx.dropVariant(k); err != nil {
		return true, err
	}
	// If a variant has no record, dropVariant does not delete its entry. Without this
	// Delete, evict would never end.
	return true, made.Delete(id)
}

// makeSpace makes space for n bytes of an image. It deletes orphans. If there are none,
// it deletes the oldest variants, and if there are no variants, the oldest images in
// the trash. It reports whether it deleted anything. Only the committer calls it.
func (s *Store) makeSpace(n int64) (some bool) {
	// The free space between small images is scattered, so a commit often needs twice
	// as many free bytes. If all of them are freed at once, fewer commits are needed.
	need := 2 * (n + spaceSlack)
	return s.reclaim(need) ||
		s.dropSome(need, layout.MadeBucket, (*txn).dropOldest) ||
		s.dropSome(need, layout.DeletedBucket, func(tx *txn) (bool, error) {
			r, err := tx.purgeOldest()
			return r != nil, err
		})
}

// dropSome calls `drop` until `need` bytes are free, or until the commit is large
// enough. Each call of `drop` deletes one blob that the bucket lists. dropSome reports
// whether it deleted anything.
func (s *Store) dropSome(need int64, bucket []byte, drop func(*txn) (bool, error)) (some bool) {
	err := s.commitTight([]*change{{
		check: func(tx *txn) (todo bool, err error) {
			some = !isEmpty(tx.Tx, bucket)
			return some, nil
		},
		apply: func(tx *txn) error {
			tx.room = max(tx.room, need)
			enough := storedBytes(tx.usage) - need
			for i := 0; i < dropChunks && tx.deleted < dropChunks && storedBytes(tx.usage) > enough; i++ {
				if more, err := drop(tx); !more || err != nil {
					return err
				}
			}
			return nil
		},
	}})
	return some && err == nil
}

// storedBytes returns the sum of the sizes of all blobs.
func storedBytes(u db.Usage) int64 { return u.Stored + u.VariantBytes }
