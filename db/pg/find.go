package pg

import (
	"errors"
	"iter"

	"github.com/jackc/pgx/v5"

	"imageserver/db"
)

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
