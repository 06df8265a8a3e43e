package pg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"imageserver/db"
	"imageserver/db/order"
	"imageserver/db/resolve"
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
	before   []statement            // run before those in todo: new contents
	todo     []statement
	usage    db.Usage  // what the change adds to the counters, without variants
	due      time.Time // when the first of the changed images expires, or zero
	ending   bool      // whether the commit was sent
}

// content is a locked row of the table contents, and what the transaction changes.
type content struct {
	size     int64
	object   string
	damaged  bool
	live     int  // images outside the trash with this content; at most manyRefs are counted
	all      int  // all images with this content; at most manyRefs are counted
	variants bool // whether it has variants
	isNew    bool // the row is not inserted yet

	addLive, addAll int // what the change adds
}

// needs is what a change locks and reads first.
type needs struct {
	names   []string
	digests []db.Digest
	object  string     // an object of this upload, which must be in the table garbage
	trashed string     // the name of an image in the trash
	variant *variantID // a variant that is stored; empty: only the counters of the variants
	work    statement  // if it has SQL: a query for rows of images to lock, which do not need the locks of their names
}

// manyRefs is how many images with the same content are counted. It must be more than
// one transaction removes.
const manyRefs = sweepRecords + 3

// tries is how often a transaction runs that loses races.
const tries = 50

// change runs a transaction: it loads what the change needs, calls `do`, and commits. If
// the transaction loses a race, change runs it again, so `do` may be called several
// times. Once begun, a change does not end with ctx: otherwise the caller would not know
// what is stored.
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

// changeInside is change for a caller that is inside the gate.
func (s *Store) changeInside(n needs, do func(tx *txn) error) error {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(s.ctx, s.o.times.change)
	defer cancel()
	lost := false
	for i := 1; ; i++ {
		tx := &txn{s: s}
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
			return fmt.Errorf("%w: %s: no answer within %v", db.ErrUnavailable, s.database(), s.o.times.change)
		default:
			return tx.callerError(err)
		}
	}
}

// callersError marks an error of a decision, such as db.ErrExists: it goes to the caller
// unchanged.
type callersError struct{ error }

// fromDatabase marks an error of a query inside a decision.
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

// load begins the transaction, takes the locks, and reads, in one round trip.
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
	if n.trashed != "" {
		b.Queue(tx.s.sql(`select `+imageColumns+` from @images i where name = $1 and deleted <> 0 and kept > `+now+` order by deleted desc limit 1 for update`), n.trashed).
			Query(func(rows pgx.Rows) error { return tx.eachRow(rows, func(r *row) { tx.trashed = r }) })
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

// queueNames locks names and the images that have them. It also reads when images with
// these names were deleted last.
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

// queueContents locks and reads contents: those with these digests, and those of the
// images with these names.
func (tx *txn) queueContents(b *pgx.Batch, digests []db.Digest, names []string) {
	// This form of the condition makes PostgreSQL use the index, whatever its statistics.
	const which = ` = any (array(select unnest($1::bytea[]) union all select sha256 from @images where name = any($2) and deleted = 0))`
	keys := make([][]byte, len(digests))
	for i := range digests {
		keys[i] = digests[i][:]
	}
	if names == nil {
		names = []string{}
	}
	b.Queue(tx.s.sql(`select sha256, size, object, damaged from @contents where sha256`+which+` order by sha256 for update`), keys, names).
		Query(func(rows pgx.Rows) error {
			var d []byte
			var c content
			_, err := pgx.ForEachRow(rows, []any{&d, &c.size, &c.object, &c.damaged}, func() error {
				locked := c
				tx.contents[db.Digest(d)] = &locked
				return nil
			})
			return err
		})
	// Another statement, because it must see what the transactions did that the statement
	// above has waited for.
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

// live returns the image if it has not expired, and otherwise nil.
func (tx *txn) live(r *row) *db.Image {
	if r == nil || r.Expired(tx.now) {
		return nil
	}
	img := r.Image
	return &img
}

// Find is a method of resolve.Names. It locks no image: a change that depends on an image
// which is not locked calls locked.
func (tx *txn) Find(name string) (*db.Image, error) {
	if r, ok := tx.rows[name]; ok {
		return tx.live(r), nil
	}
	if r, ok := tx.found[name]; ok {
		return tx.live(r), nil
	}
	r, err := tx.query(`select `+imageColumns+` from @images i where name = $1 and deleted = 0`, name)
	if err != nil {
		return nil, err
	}
	tx.found[name] = r
	return tx.live(r), nil
}

// query returns the image that a query finds, or nil.
func (tx *txn) query(sql string, args ...any) (*row, error) {
	r, err := scanImage(tx.conn.QueryRow(tx.ctx, tx.s.sql(sql), args...))
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return r, queryError(err)
}

// WithContent is a method of resolve.Names.
func (tx *txn) WithContent(digest db.Digest, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		rows, err := tx.conn.Query(tx.ctx, tx.s.sql(`select name from @images where sha256 = $1 and deleted = 0 and starts_with(name, $2)`), digest[:], prefix)
		if err != nil {
			yield("", queryError(err))
			return
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			yield("", queryError(err))
			return
		}
		for _, name := range names {
			if !yield(name, nil) {
				return
			}
		}
	}
}

// locked returns the locked row of the image that Find returned for this name. If the
// name has another image now, it returns errAgain.
func (tx *txn) locked(name string) (*row, error) {
	if r, ok := tx.rows[name]; ok {
		return r, nil
	}
	found := tx.found[name]
	if found == nil {
		return nil, nil // the insert fails if another transaction takes the name
	}
	r, err := tx.query(`select `+imageColumns+` from @images i where id = $1 and name = $2 and deleted = 0 for update`, found.id, name)
	switch {
	case err != nil:
		return nil, err
	case r == nil || tx.live(r) == nil != (tx.live(found) == nil):
		return nil, errAgain
	}
	tx.rows[name] = r
	return r, nil
}

func (tx *txn) do(sql string, args ...any) { tx.todo = append(tx.todo, statement{sql, args}) }

// refer adds to the numbers of images with a content.
func (tx *txn) refer(d db.Digest, live, all int) error {
	if tx.contents[d] == nil {
		if err := tx.loadContents([]db.Digest{d}); err != nil {
			return err
		}
	}
	c := tx.contents[d]
	if c == nil {
		return fmt.Errorf("%s: an image has the content %s, which is missing", tx.s.database(), d)
	}
	c.addLive += live
	c.addAll += all
	return nil
}

// count adds an image to the counters, or subtracts it.
func (tx *txn) count(img *db.Image, sign int64) {
	if img.Deleted.IsZero() {
		tx.usage.Images += sign
		tx.usage.Bytes += sign * img.Size
	} else {
		tx.usage.Trash += sign
		tx.usage.TrashBytes += sign * img.Size
	}
}

// insert adds an image. Its name must be free, and its content must be loaded or new.
func (tx *txn) insert(img *db.Image) error {
	tx.count(img, 1)
	live := 1
	if !img.Deleted.IsZero() {
		live = 0
	}
	var deleted int64
	if !img.Deleted.IsZero() {
		deleted = img.Deleted.UnixNano()
	}
	tx.do(`insert into @images (name, folded, sha256, size, type, width, height, orientation, uploaded, expires, delete_key, deleted, kept)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		img.Name, order.Fold(img.Name), img.SHA256[:], img.Size, img.ContentType, int64(img.Width), int64(img.Height), int16(img.Orientation),
		img.Uploaded.UnixNano(), toNull(img.Expires), hashOrNull(img.DeleteKeyHash), deleted, toNull(img.TrashExpires))
	return tx.refer(img.SHA256, live, 1)
}

// delete deletes an image, which may be in the trash.
func (tx *txn) delete(r *row) error {
	tx.count(&r.Image, -1)
	tx.do(`delete from @images where id = $1`, r.id)
	live := -1
	if !r.Deleted.IsZero() {
		live = 0
	}
	return tx.refer(r.SHA256, live, -1)
}

// remove moves an image to the trash for the duration `ttl`, or deletes the image.
func (tx *txn) remove(r *row, ttl time.Duration) error {
	if !resolve.GoesToTrash(&r.Image, tx.now, ttl) {
		return tx.delete(r)
	}
	trashed := resolve.Trashed(&r.Image, tx.now, tx.last[r.Name], ttl)
	tx.last[r.Name] = trashed.Deleted
	tx.count(&r.Image, -1)
	tx.count(&trashed, 1)
	tx.do(`update @images set deleted = $2, kept = $3 where id = $1`, r.id, trashed.Deleted.UnixNano(), toNull(trashed.TrashExpires))
	tx.expectExpiry(trashed.TrashExpires)
	return tx.refer(r.SHA256, -1, 0)
}

// vacate removes the image with this name, if there is one, so that the name is free.
func (tx *txn) vacate(name string, ttl time.Duration) error {
	r, err := tx.locked(name)
	if r == nil || err != nil {
		return err
	}
	return tx.remove(r, ttl)
}

// move gives an image another name. The image may be in the trash.
func (tx *txn) move(r *row, to db.Image) error {
	tx.count(&r.Image, -1)
	tx.count(&to, 1)
	tx.do(`update @images set name = $2, folded = $3, deleted = 0, kept = null where id = $1`, r.id, to.Name, order.Fold(to.Name))
	tx.expectExpiry(to.Expires)
	if r.Deleted.IsZero() {
		return nil
	}
	return tx.refer(r.SHA256, 1, 0)
}

// extend makes an image expire at `expires` if that is later than its Expires. It returns
// the image.
func (tx *txn) extend(img db.Image, expires time.Time) (db.Image, error) {
	if !resolve.Extends(expires, &img) {
		return img, nil
	}
	r, err := tx.locked(img.Name)
	switch {
	case err != nil:
		return img, err
	case r == nil || r.SHA256 != img.SHA256:
		return img, errAgain
	case !resolve.Extends(expires, &r.Image):
		return r.Image, nil
	}
	img = r.Image
	img.Expires = expires
	tx.do(`update @images set expires = $2 where id = $1`, r.id, toNull(expires))
	return img, nil
}

// expectExpiry wakes the sweeper in time, after the commit.
func (tx *txn) expectExpiry(expires time.Time) {
	if !expires.IsZero() && (tx.due.IsZero() || expires.Before(tx.due)) {
		tx.due = expires
	}
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
			[]any{int16(1 + rand.IntN(slots)), u.Images, u.Bytes, u.Blobs, u.Stored, u.Trash, u.TrashBytes}})
	}
	all = append(all, statement{sql: `commit`})
	tx.ending = true
	return tx.s.send(tx.ctx, tx.conn, all)
}

// dropUnused deletes the variants of contents that no image outside the trash has any
// more, and the contents that no image has any more.
func (tx *txn) dropUnused() {
	var digests []db.Digest
	for d, c := range tx.contents {
		if c.addLive != 0 || c.addAll != 0 {
			digests = append(digests, d)
		}
	}
	slices.SortFunc(digests, func(a, b db.Digest) int { return bytes.Compare(a[:], b[:]) })
	var without []db.Digest
	for _, d := range digests {
		c := tx.contents[d]
		if c.variants && c.live+c.addLive <= 0 {
			without = append(without, d)
		}
		if c.all+c.addAll <= 0 && !c.isNew {
			tx.usage.Blobs--
			tx.usage.Stored -= c.size
			tx.do(`delete from @contents where sha256 = $1`, d[:])
			tx.discard(c.object)
		}
	}
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

// discard adds an object to the garbage.
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
