package bolt

import (
	"bytes"
	"context"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// evict deletes the oldest variants until all together have at most n bytes.
func (tx *txn) evict(n int64) error {
	for tx.usage.VariantBytes > n {
		if some, err := tx.dropOldest(); !some || err != nil {
			return err
		}
	}
	return nil
}

// trimStep is how many variants one commit of TrimVariants deletes at most, so that no
// upload waits long for it.
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

// dropOldest deletes the oldest variant, and reports whether there was one.
func (tx *txn) dropOldest() (some bool, err error) {
	made := tx.Bucket(layout.MadeBucket)
	id, k := made.Cursor().First()
	if id == nil {
		tx.usage.Variants, tx.usage.VariantBytes = 0, 0 // damage may have changed them
		return false, nil
	}
	if err := tx.canFind(layout.MadeBucket, id); err != nil {
		return false, err
	}
	id, k = bytes.Clone(id), bytes.Clone(k) // deleting changes the pages that they are in
	if err := tx.dropVariant(k); err != nil {
		return true, err
	}
	return true, made.Delete(id) // a variant that lost its record is still listed: evict would never end
}

// makeSpace deletes the oldest variants, or the oldest images in the trash if there are no
// variants, to make space for n bytes of an image. It reports whether it deleted
// anything. Only the committer calls it.
func (s *Store) makeSpace(n int64) (some bool) {
	// The space of small images is scattered, so twice the bytes are often needed.
	// Freeing them at once needs fewer commits.
	need := 2 * (n + spaceSlack)
	return s.dropSome(need, layout.MadeBucket, (*txn).dropOldest) ||
		s.dropSome(need, layout.DeletedBucket, func(tx *txn) (bool, error) {
			r, err := tx.purgeOldest()
			return r != nil, err
		})
}

// dropSome calls drop, which deletes one blob that the bucket lists, until need bytes are
// free or this is enough for one commit. It reports whether it deleted anything.
func (s *Store) dropSome(need int64, bucket []byte, drop func(*txn) (bool, error)) (some bool) {
	err := s.commitTight([]*change{{
		check: func(tx *txn) (todo bool, err error) {
			some = !isEmpty(tx.Tx, bucket)
			return some, nil
		},
		apply: func(tx *txn) error {
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

// storedBytes returns the bytes of all blobs.
func storedBytes(u db.Usage) int64 { return u.Stored + u.VariantBytes }
