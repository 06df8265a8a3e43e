package pg

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"imageserver/db"
	"imageserver/db/receive"
)

// evictStep is how many variants one transaction of TrimVariants deletes at most, and how
// many a PutVariant reads at a time.
const evictStep = 500

// PutVariant stores a variant; see db.Variants. A variant always gets its own object.
func (s *Store) PutVariant(ctx context.Context, source db.Digest, key string, body io.Reader, o db.VariantOptions) (db.Image, error) {
	if err := db.CheckKey(key); err != nil {
		return db.Image{}, err
	}
	u := &upload{}
	defer u.release()
	if err := s.receive(ctx, u, body, receive.Options{NoWait: true}); err != nil {
		return db.Image{}, err
	}
	if u.Size() > o.Budget {
		return db.Image{}, fmt.Errorf("%w: %d bytes of at most %d", db.ErrBudget, u.Size(), o.Budget)
	}
	if err := s.gate.enter(); err != nil {
		return db.Image{}, err
	}
	defer s.gate.leave()
	img := db.Image{Size: u.Size(), SHA256: u.Digest(), ContentType: o.ContentType, Width: o.Width, Height: o.Height}
	object := newKey()
	if err := s.record(ctx, object); err != nil {
		return db.Image{}, s.storeError(ctx, err)
	}
	if err := s.write(ctx, u, object, img); err != nil {
		return db.Image{}, s.storeError(ctx, err)
	}
	return s.publishVariant(u, source, key, img, o)
}

// variantRow is a stored variant, for deleting.
type variantRow struct {
	made, size int64
	object     string
}

// publishVariant makes the uploaded content a variant, in one transaction.
func (s *Store) publishVariant(u *upload, source db.Digest, key string, img db.Image, o db.VariantOptions) (db.Image, error) {
	var room int64 // what the variants may have without this variant
	err := s.changeInside(needs{object: u.key, variant: &variantID{source, key, o.Placeholder != ""}}, func(tx *txn) error {
		v := tx.variants
		if !v.sourceLives {
			return fmt.Errorf("%w: none has the digest %s", db.ErrNotFound, source)
		}
		img.Uploaded = tx.now
		if v.old != nil {
			tx.dropVariant(*v.old)
		}
		room = o.Budget - img.Size
		if err := tx.evict(room); err != nil {
			return err
		}
		if err := s.variantFits(tx, v.addBytes+img.Size); err != nil {
			return err
		}
		tx.do(`delete from @garbage where object = $1`, u.key)
		tx.do(`insert into @variants (source, key, sha256, size, type, width, height, uploaded, object, sums) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			source[:], []byte(key), img.SHA256[:], img.Size, img.ContentType, int64(img.Width), int64(img.Height), img.Uploaded.UnixNano(), u.key, u.allSums())
		v.add, v.addBytes = v.add+1, v.addBytes+img.Size
		if o.Placeholder != "" {
			tx.addPlaceholder(source, o.Placeholder)
		}
		return nil
	})
	if errors.Is(err, errForgotten) {
		s.giveUp(context.Background(), u.key)
	}
	if err != nil {
		return db.Image{}, err
	}
	return img, nil
}

type variantID struct {
	source db.Digest
	key    string

	placeholder bool // the change gives the source a placeholder
}

// variantChange is what a transaction knows of the variants while it has the lock of
// slot 0, and what it changes.
type variantChange struct {
	sourceLives   bool        // whether an image outside the trash has the source
	old           *variantRow // the variant that is replaced, or nil
	bytes         int64       // of all variants before the change
	dropped       map[int64]bool
	add, addBytes int64
}

// queueVariants locks the content of a source, and then the counters of the variants.
func (tx *txn) queueVariants(b *pgx.Batch, id *variantID) {
	v := &variantChange{dropped: map[int64]bool{}}
	tx.variants = v
	if id.key != "" {
		lock := `select from @contents where sha256 = $1 for share`
		if id.placeholder {
			// Two changes with a share lock would wait for each other.
			lock = `select from @contents where sha256 = $1 for no key update`
		}
		b.Queue(tx.s.sql(lock), id.source[:])
		b.Queue(tx.s.sql(`select exists (select from @images where sha256 = $1 and deleted = 0 and `+alive+`)`), id.source[:]).
			QueryRow(func(r pgx.Row) error { return r.Scan(&v.sourceLives) })
	}
	b.Queue(tx.s.sql(`select variant_bytes from @usage where slot = 0 for update`)).
		QueryRow(func(r pgx.Row) error { return r.Scan(&v.bytes) })
	if id.key != "" {
		b.Queue(tx.s.sql(`select made, size, object from @variants where source = $1 and key = $2`), id.source[:], []byte(id.key)).
			Query(func(rows pgx.Rows) error {
				some, err := collectVariants(rows)
				if len(some) > 0 {
					v.old = &some[0]
				}
				return err
			})
	}
}

func collectVariants(rows pgx.Rows) (all []variantRow, err error) {
	var v variantRow
	_, err = pgx.ForEachRow(rows, []any{&v.made, &v.size, &v.object}, func() error {
		all = append(all, v)
		return nil
	})
	return all, err
}

// dropVariant deletes a variant.
func (tx *txn) dropVariant(r variantRow) {
	v := tx.variants
	v.dropped[r.made] = true
	v.add--
	v.addBytes -= r.size
	tx.do(`delete from @variants where made = $1`, r.made)
	tx.discard(r.object)
}

// evict deletes the oldest variants until all variants together have at most n bytes. It
// reports through tx.variants what it deleted.
func (tx *txn) evict(n int64) error {
	v := tx.variants
	last := int64(-1)
	for v.bytes+v.addBytes > n {
		rows, err := tx.conn.Query(tx.ctx, tx.s.sql(`select made, size, object from @variants where made > $1 order by made limit $2`), last, evictStep)
		if err != nil {
			return queryError(err)
		}
		some, err := collectVariants(rows)
		if err != nil || len(some) == 0 {
			return queryError(err)
		}
		for _, r := range some {
			if last = r.made; v.bytes+v.addBytes > n && !v.dropped[r.made] {
				tx.dropVariant(r)
			}
		}
		if len(v.dropped) >= evictStep {
			return nil
		}
	}
	return nil
}

// TrimVariants deletes the oldest variants; see db.Variants.
func (s *Store) TrimVariants(ctx context.Context, n int64) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		more := false
		err := s.change(ctx, needs{variant: &variantID{}}, func(tx *txn) error {
			err := tx.evict(n)
			more = len(tx.variants.dropped) >= evictStep
			return err
		})
		if err != nil || !more {
			return err
		}
	}
}

// GetVariant returns a variant and its bytes; see db.Variants.
func (s *Store) GetVariant(ctx context.Context, source db.Digest, key string) (db.Image, db.Body, error) {
	if err := db.CheckKey(key); err != nil {
		return db.Image{}, nil, err
	}
	b := &blob{s: s, name: fmt.Sprintf("%s %q", source, key)}
	var img db.Image
	err := s.read(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		var digest []byte
		var width, height, uploaded int64
		err := c.QueryRow(ctx, s.sql(`select sha256, size, type, width, height, uploaded, object, sums from @variants where source = $1 and key = $2`), source[:], []byte(key)).
			Scan(&digest, &img.Size, &img.ContentType, &width, &height, &uploaded, &b.object, &b.sums)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%w: variant %q of %s", db.ErrNotFound, key, source)
		}
		copy(img.SHA256[:], digest)
		img.Width, img.Height, img.Uploaded = int(width), int(height), fromNano(uploaded)
		return err
	})
	if err != nil {
		return db.Image{}, nil, err
	}
	return img, b.open(img.Size), nil
}
