package pg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"imageserver/db"
)

// txn is a transaction of a change. load takes the locks and reads what the change
// needs. The methods below collect statements. commit sends them together with the
// commit.
type txn struct {
	s    *Store
	ctx  context.Context
	conn *pgxpool.Conn

	now      time.Time
	rows     map[string]*row        // locked images outside the trash, by name; an image may have expired. nil: no image has the name
	found    map[string]*row        // images that Find read without a lock
	trashed  *row                   // locked; see needs.trashed
	work     []*row                 // locked; see needs.work
	variants *variantChange         // nil if the change needs no variants
	last     map[string]time.Time   // the latest deletion of an image with this name in the trash
	contents map[db.Digest]*content // locked
	before   []statement            // statements that run before todo, such as inserts of contents
	todo     []statement
	usage    db.Usage  // what the change adds to the counters, without variants
	slot     int16     // the row of the table usage to which these counters are added
	due      time.Time // when the first of the changed images expires, or zero
	ending   bool      // whether the commit was sent to the database
}

// content is a locked row of the table contents, and what the transaction changes.
type content struct {
	size        int64
	object      string
	damaged     bool
	placeholder string
	live        int  // images outside the trash with this content; at most manyRefs are counted
	all         int  // all images with this content; at most manyRefs are counted
	variants    bool // whether it has variants
	isNew       bool // the row is not inserted yet

	addLive, addAll int // what the change adds
}

// needs is what a change locks and reads first.
type needs struct {
	names   []string
	digests []db.Digest
	object  string     // an object of this upload, which must be in the table garbage
	trashed *trashID   // an image in the trash, or nil
	variant *variantID // a variant that is stored, or nil; if it is empty, the change needs only the counters of the variants
	work    statement  // a query for images to lock without their names, or empty
}

// trashID identifies an image in the trash.
type trashID struct {
	name    string
	deleted time.Time // zero means the image with this name that was deleted last
}

// manyRefs is the largest number up to which a transaction counts images with the same content.
// It must be larger than the number of images that one transaction removes.
const manyRefs = sweepRecords + 3

// tries is how often change runs a transaction again if it loses races with others.
const tries = 50

// change runs a transaction: it loads what the change needs, calls `do`, and commits. If
// the transaction loses a race, change runs it again, so `do` may be called several times. If
// ctx ends before the transaction begins, change returns the error of ctx. After that, it
// ignores ctx: otherwise the caller would not know what is stored.
func (s *Store) change(ctx context.Context, n needs, do func(tx *txn) error) error {
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.changeInside(n, do)
}

var errOnlyRead = fmt.Errorf("%w: this process opened it only to read it", db.ErrReadOnly)

// changeInside does the same as change, for a caller that has already entered the gate.
func (s *Store) changeInside(n needs, do func(tx *txn) error) error {
	if s.o.ReadOnly {
		return errOnlyRead
	}
	begun := time.Now()
	ctx, cancel := context.WithTimeout(s.ctx, s.o.times.change)
	defer cancel()
	lost := false
	for i := 1; ; i++ {
		tx := &txn{s: s, slot: anySlot()}
		err := tx.run(ctx, n, do)
		switch {
		case err == nil:
			s.o.Committed(time.Since(begun), 1)
			if !tx.due.IsZero() {
				s.sweep.expect(tx.due.Sub(tx.now))
			}
			return nil
		case lostRace(err) && i < tries && ctx.Err() == nil:
			time.Sleep(time.Duration(rand.IntN(i+1)) * time.Millisecond)
		case lostConnection(err) && !tx.ending && !lost && ctx.Err() == nil:
			lost = true // the connection may be from before a restart of the database
			s.pool.Reset()
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %s: no answer within %v", db.ErrDatabase, s.database(), s.o.times.change)
		default:
			return tx.callerError(err)
		}
	}
}

// callersError marks an error that change returns to its caller unchanged, such as
// db.ErrExists.
type callersError struct{ error }

// fromDatabase marks an error of a query that `do` runs.
type fromDatabase struct{ error }

func (e fromDatabase) Unwrap() error { return e.error }

func queryError(err error) error {
	if err == nil {
		return nil
	}
	return fromDatabase{err}
}

// callerError returns the error that the caller of change gets.
func (tx *txn) callerError(err error) error {
	var own callersError
	if errors.As(err, &own) {
		return own.error
	}
	return tx.s.storeError(context.Background(), err)
}

// run runs the transaction once.
func (tx *txn) run(ctx context.Context, n needs, do func(tx *txn) error) (err error) {
	tx.ctx = ctx
	if tx.conn, err = tx.s.acquire(ctx); err != nil {
		return err
	}
	defer tx.conn.Release() // closes the connection if the transaction is still open
	if err = tx.load(n); err == nil {
		var database fromDatabase
		if err = do(tx); err != nil && !errors.As(err, &database) && !errors.Is(err, errAgain) {
			err = callersError{err}
		}
	}
	if err == nil {
		err = tx.commit()
	}
	if err != nil && tx.conn.Conn().PgConn().TxStatus() != 'I' && !tx.conn.Conn().IsClosed() {
		_, _ = tx.conn.Exec(ctx, "rollback")
	}
	return err
}

// commit sends all statements and the commit, in one round trip.
func (tx *txn) commit() error {
	tx.dropUnused()
	all := append(tx.before, tx.todo...)
	if v := tx.variants; v != nil && (v.add != 0 || v.addBytes != 0) {
		all = append(all, statement{`update @usage set variants = variants + $1, variant_bytes = variant_bytes + $2 where slot = 0`, []any{v.add, v.addBytes}})
	}
	if tx.usage != (db.Usage{}) {
		u := tx.usage
		all = append(all, statement{`update @usage set images = images + $2, image_bytes = image_bytes + $3, blobs = blobs + $4, stored = stored + $5,
			trash = trash + $6, trash_bytes = trash_bytes + $7 where slot = $1`,
			[]any{tx.slot, u.Images, u.Bytes, u.Blobs, u.Stored, u.Trash, u.TrashBytes}})
	}
	all = append(all, statement{sql: `commit`})
	tx.ending = true
	return tx.s.send(tx.ctx, tx.conn, all)
}

// dropUnused deletes contents that belong to no image after the change. It also deletes the
// variants of contents that belong to no image outside the trash.
func (tx *txn) dropUnused() {
	for _, d := range tx.changedContents() {
		c := tx.contents[d]
		if c.all+c.addAll <= 0 && !c.isNew {
			tx.usage.Blobs--
			tx.usage.Stored -= c.size
			tx.do(`delete from @contents where sha256 = $1`, d[:])
			tx.discard(c.object)
		}
	}
	without := tx.withoutVariants()
	if len(without) > 0 {
		tx.do(`select from @usage where slot = 0 for update`)
	}
	for _, d := range without {
		tx.do(`with gone as (delete from @variants where source = $1 returning size, object),
			garbage as (insert into @garbage (object, since) select object, `+now+` from gone)
			update @usage set variants = variants - (select count(*) from gone),
				variant_bytes = variant_bytes - (select coalesce(sum(size), 0) from gone)::bigint where slot = 0`, d[:])
	}
}

// withoutVariants returns the contents that lose their variants: those that belong to no image
// outside the trash after the change.
func (tx *txn) withoutVariants() (digests []db.Digest) {
	for _, d := range tx.changedContents() {
		if c := tx.contents[d]; c.variants && c.live+c.addLive <= 0 {
			digests = append(digests, d)
		}
	}
	return digests
}

// changedContents returns the digests of the contents that get or lose images, in ascending
// order.
func (tx *txn) changedContents() (digests []db.Digest) {
	for d, c := range tx.contents {
		if c.addLive != 0 || c.addAll != 0 {
			digests = append(digests, d)
		}
	}
	slices.SortFunc(digests, func(a, b db.Digest) int { return bytes.Compare(a[:], b[:]) })
	return digests
}

// discard records an object in the table garbage, so that a sweep deletes it later.
func (tx *txn) discard(object string) {
	tx.do(`insert into @garbage (object, since) values ($1, `+now+`) on conflict (object) do update set since = excluded.since`, object)
}

// readUsage returns the sums of the counters.
func (s *Store) readUsage(ctx context.Context, q interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}) (u db.Usage, err error) {
	err = q.QueryRow(ctx, s.sql(`select sum(images)::bigint, sum(image_bytes)::bigint, sum(blobs)::bigint, sum(stored)::bigint,
		sum(trash)::bigint, sum(trash_bytes)::bigint, sum(variants)::bigint, sum(variant_bytes)::bigint from @usage`)).
		Scan(&u.Images, &u.Bytes, &u.Blobs, &u.Stored, &u.Trash, &u.TrashBytes, &u.Variants, &u.VariantBytes)
	return u, err
}
