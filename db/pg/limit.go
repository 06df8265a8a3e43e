package pg

import (
	"math/rand/v2"

	"github.com/jackc/pgx/v5"

	"imageserver/db"
)

// How Options.MaxSize holds for uploads at the same time: a transaction does not see what
// the others are about to add. So it must have the lock of a row of the table usage while
// it reads the counters, and until its commit. There are slots+1 rows, and so at most as
// many such transactions. While at least MaxSize/reserve bytes are free, each of them may
// add its part of this reserve: together they cannot exceed MaxSize. Near the limit, and
// for a larger upload, a transaction takes the locks of all rows. Then nobody else is about
// to add anything, and the counters are exact.
const reserve = 8

// fits returns db.ErrFull if the change makes the store larger than Options.MaxSize. It
// locks rows of the table usage, so it must be the last step of a change.
func (s *Store) fits(tx *txn) error {
	if s.o.MaxSize == 0 || tx.usage.Stored <= 0 {
		return nil
	}
	alone := s.nearLimit.Load() || !s.small(tx.usage.Stored)
	used, err := tx.lockUsage(alone)
	if err != nil {
		return err
	}
	s.nearLimit.Store(s.near(used))
	switch {
	case !alone && s.near(used):
		return errAgain // with all locks, which must be taken in order
	case used+tx.usage.Stored > s.o.MaxSize:
		return &db.LimitError{Limit: s.o.MaxSize}
	}
	return nil
}

// variantFits is fits for a change that adds n bytes of variants. The change has the lock
// of slot 0.
func (s *Store) variantFits(tx *txn, n int64) error {
	if s.o.MaxSize == 0 || n <= 0 {
		return nil
	}
	u, err := s.readUsage(tx.ctx, tx.conn)
	used := u.Stored + u.VariantBytes
	if err == nil && (s.near(used) || !s.small(n)) {
		used, err = tx.lockUsage(true)
	}
	switch {
	case err != nil:
		return queryError(err)
	case used+n > s.o.MaxSize:
		return &db.LimitError{Limit: s.o.MaxSize}
	}
	return nil
}

// near reports whether less than the reserve is free.
func (s *Store) near(used int64) bool { return used > s.o.MaxSize-s.o.MaxSize/reserve }

// small reports whether n bytes are at most the part of the reserve that one transaction
// may add.
func (s *Store) small(n int64) bool { return n <= s.o.MaxSize/reserve/(slots+1) }

// lockUsage locks all rows of the table usage, or the one that the transaction will add
// to. It then reads how many bytes are stored. All transactions lock rows in the same
// order, so it also locks slot 0 if the transaction deletes variants.
func (tx *txn) lockUsage(all bool) (used int64, err error) {
	locks := []int16{tx.slot}
	if len(tx.withoutVariants()) > 0 {
		locks = append(locks, 0)
	}
	b := &pgx.Batch{}
	b.Queue(tx.s.sql(`select from @usage where $1 or slot = any($2) order by slot for update`), all, locks)
	// Another statement, because it must see what the transactions did that the statement
	// above has waited for.
	b.Queue(tx.s.sql(`select sum(stored + variant_bytes)::bigint from @usage`)).QueryRow(func(r pgx.Row) error { return r.Scan(&used) })
	return used, queryError(tx.conn.SendBatch(tx.ctx, b).Close())
}

// anySlot returns a slot of the table usage for the counters of a transaction.
func anySlot() int16 { return int16(1 + rand.IntN(slots)) }
