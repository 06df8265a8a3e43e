package pg

import (
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"imageserver/db"
)

// load begins the transaction, takes the locks, and reads what the change needs. It does all
// this in one round trip.
func (tx *txn) load(n needs) error {
	tx.rows, tx.found, tx.last, tx.contents = map[string]*row{}, map[string]*row{}, map[string]time.Time{}, map[db.Digest]*content{}
	b := &pgx.Batch{}
	tx.queueBegin(b)
	if n.object != "" {
		tx.queueObject(b, n.object)
	}
	if len(n.names) > 0 {
		tx.queueNames(b, n.names)
	}
	tx.queueNow(b)
	if n.trashed != nil {
		tx.queueTrashed(b, *n.trashed)
	}
	switch {
	case n.variant != nil:
		tx.queueVariants(b, n.variant)
	case n.work.sql != "":
		b.Queue(tx.s.sql(n.work.sql), n.work.args...).Query(func(rows pgx.Rows) error {
			return tx.eachRow(rows, func(r *row) { tx.work = append(tx.work, r) })
		})
	default:
		tx.queueContents(b, n.digests, n.names)
	}
	return tx.conn.SendBatch(tx.ctx, b).Close()
}

func (tx *txn) queueBegin(b *pgx.Batch) {
	b.Queue(`begin isolation level read committed read write`)
	b.Queue(`select set_config('lock_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true)`,
		fmt.Sprint(tx.s.o.times.lock.Milliseconds()), fmt.Sprint((2 * tx.s.o.times.change).Milliseconds()))
}

func (tx *txn) queueNow(b *pgx.Batch) {
	b.Queue(`select ` + now).QueryRow(func(r pgx.Row) error {
		var n int64
		err := r.Scan(&n)
		tx.now = fromNano(n)
		return err
	})
}

// errForgotten means that the object of an upload is not in the table garbage: PostgreSQL
// forgot the row in a crash, or the upload took so long that a sweep deleted the object.
// Nothing was published.
var errForgotten = fmt.Errorf("%w: the upload must be repeated", db.ErrUnavailable)

// queueObject locks the row of an object in the table garbage, so that no sweep deletes
// the object.
func (tx *txn) queueObject(b *pgx.Batch, object string) {
	b.Queue(tx.s.sql(`select from @garbage where object = $1 for update`), object).Query(func(rows pgx.Rows) error {
		known := rows.Next()
		rows.Close()
		if err := rows.Err(); err != nil {
			return err
		}
		if !known {
			return fmt.Errorf("%w: %s: it has no record of the object %s any more", errForgotten, tx.s.database(), object)
		}
		return nil
	})
}

// queueNames locks names and the images that have them. It also reads when the last image with
// each of these names was deleted.
func (tx *txn) queueNames(b *pgx.Batch, names []string) {
	var keys []int64
	for _, name := range names {
		tx.rows[name] = nil
		keys = append(keys, tx.s.lockKey("name", name))
	}
	slices.Sort(keys)
	b.Queue(`select pg_advisory_xact_lock(k) from unnest($1::bigint[]) k`, slices.Compact(keys))
	b.Queue(tx.s.sql(`select `+imageColumns+` from @images i where name = any($1) and deleted = 0 order by name for update`), names).
		Query(func(rows pgx.Rows) error { return tx.eachRow(rows, func(r *row) { tx.rows[r.Name] = r }) })
	b.Queue(tx.s.sql(`select n, (select deleted from @images i where i.name = n and deleted <> 0 order by deleted desc limit 1) from unnest($1::text[]) n`), names).
		Query(func(rows pgx.Rows) error {
			var name string
			var deleted *int64
			_, err := pgx.ForEachRow(rows, []any{&name, &deleted}, func() error {
				tx.last[name] = fromNull(deleted)
				return nil
			})
			return err
		})
}

// queueTrashed locks and reads the image in the trash that id identifies. It ignores images
// that have expired.
func (tx *txn) queueTrashed(b *pgx.Batch, id trashID) {
	which, args := `deleted <> 0 and kept > `+now, []any{id.name}
	if !id.deleted.IsZero() {
		which, args = which+` and deleted = $2`, append(args, db.Stamp(id.deleted).UnixNano())
	}
	b.Queue(tx.s.sql(`select `+imageColumns+` from @images i where name = $1 and `+which+` order by deleted desc limit 1 for update`), args...).
		Query(func(rows pgx.Rows) error { return tx.eachRow(rows, func(r *row) { tx.trashed = r }) })
}

// queueContents locks and reads the contents with these digests, and the contents of the images
// with these names.
func (tx *txn) queueContents(b *pgx.Batch, digests []db.Digest, names []string) {
	// With this form of the condition, PostgreSQL always uses the index. It does not depend on
	// statistics.
	const which = ` = any (array(select unnest($1::bytea[]) union all select sha256 from @images where name = any($2) and deleted = 0))`
	keys := make([][]byte, len(digests))
	for i := range digests {
		keys[i] = digests[i][:]
	}
	if names == nil {
		names = []string{}
	}
	b.Queue(tx.s.sql(`select sha256, size, object, damaged, coalesce(placeholder, '') from @contents where sha256`+which+` order by sha256 for update`), keys, names).
		Query(func(rows pgx.Rows) error {
			var d, placeholder []byte
			var c content
			_, err := pgx.ForEachRow(rows, []any{&d, &c.size, &c.object, &c.damaged, &placeholder}, func() error {
				locked := c
				locked.placeholder = string(placeholder)
				tx.contents[db.Digest(d)] = &locked
				return nil
			})
			return err
		})
	// The statement above can wait for the locks of other transactions. This must be another
	// statement, so that it sees what those transactions have committed.
	b.Queue(tx.s.sql(`select sha256,
		(select count(*) from (select from @images i where i.sha256 = c.sha256 and deleted = 0 limit $3) x),
		(select count(*) from (select from @images i where i.sha256 = c.sha256 limit $3) x),
		exists (select from @variants v where v.source = c.sha256)
		from @contents c where sha256`+which), keys, names, manyRefs).
		Query(func(rows pgx.Rows) error {
			var d []byte
			var live, all int
			var variants bool
			_, err := pgx.ForEachRow(rows, []any{&d, &live, &all, &variants}, func() error {
				if c := tx.contents[db.Digest(d)]; c != nil {
					c.live, c.all, c.variants = live, all, variants
				}
				return nil
			})
			return err
		})
}

// loadContents locks and reads more contents, in another round trip.
func (tx *txn) loadContents(digests []db.Digest) error {
	digests = slices.DeleteFunc(slices.Clone(digests), func(d db.Digest) bool { return tx.contents[d] != nil })
	if len(digests) == 0 {
		return nil
	}
	b := &pgx.Batch{}
	tx.queueContents(b, digests, nil)
	return queryError(tx.conn.SendBatch(tx.ctx, b).Close())
}

func (tx *txn) eachRow(rows pgx.Rows, do func(r *row)) error {
	defer rows.Close()
	for rows.Next() {
		r, err := scanImage(rows)
		if err != nil {
			return err
		}
		do(r)
	}
	return rows.Err()
}
