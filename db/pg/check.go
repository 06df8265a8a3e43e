package pg

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"imageserver/db"
)

const (
	checkRows    = 500 // rows of one query of a check
	checkWorkers = 8   // objects that are read at the same time
)

// checker is one run of Check.
type checker struct {
	s *Store
	o db.CheckOptions

	mu       sync.Mutex
	problems int64
}

// Check checks the store; see db.Checker. Other servers may use the store meanwhile.
func (s *Store) Check(ctx context.Context, o db.CheckOptions) (problems int64, err error) {
	c := &checker{s: s, o: o}
	u, err := s.Usage(ctx)
	if err != nil {
		return 0, err
	}
	if o.Begin != nil {
		o.Begin(u.Stored + u.VariantBytes)
	}
	for _, step := range []func(context.Context) error{c.counters, c.variants, c.contents, c.variantObjects, c.unknown} {
		if err := step(ctx); err != nil {
			return c.problems, err
		}
	}
	return c.problems, nil
}

func (c *checker) found(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems++
	if c.o.Found != nil {
		c.o.Found(fmt.Sprintf(format, args...))
	}
}

// counters compares the counters with the tables. One statement reads both, so it sees one
// state of the store.
func (c *checker) counters(ctx context.Context) error {
	return c.long(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, c.s.sql(`with
			i as (select count(*) filter (where deleted = 0) n, coalesce(sum(size) filter (where deleted = 0), 0) b,
				count(*) filter (where deleted <> 0) tn, coalesce(sum(size) filter (where deleted <> 0), 0) tb from @images),
			c as (select count(*) n, coalesce(sum(size), 0) b from @contents),
			v as (select count(*) n, coalesce(sum(size), 0) b from @variants),
			u as (select sum(images) images, sum(image_bytes) image_bytes, sum(blobs) blobs, sum(stored) stored, sum(trash) trash,
				sum(trash_bytes) trash_bytes, sum(variants) variants, sum(variant_bytes) variant_bytes from @usage)
			select what, counted::bigint, kept::bigint from i, c, v, u, lateral (values
				('images', i.n, u.images), ('bytes of images', i.b, u.image_bytes),
				('images in the trash', i.tn, u.trash), ('bytes in the trash', i.tb, u.trash_bytes),
				('contents', c.n, u.blobs), ('bytes of contents', c.b, u.stored),
				('resized copies', v.n, u.variants), ('bytes of resized copies', v.b, u.variant_bytes)) x (what, counted, kept)
			where counted <> kept`))
		if err != nil {
			return err
		}
		var what string
		var counted, stored int64
		_, err = pgx.ForEachRow(rows, []any{&what, &counted, &stored}, func() error {
			c.found("the counter of %s is %d, but there are %d", what, stored, counted)
			return nil
		})
		return err
	})
}

// variants looks for variants of contents that no image outside the trash has.
func (c *checker) variants(ctx context.Context) error {
	return c.long(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		var n int64
		err := conn.QueryRow(ctx, c.s.sql(`select count(*) from @variants v where not exists (select from @images i where i.sha256 = v.source and deleted = 0)`)).Scan(&n)
		if n > 0 {
			c.found("%d resized copies belong to no image", n)
		}
		return err
	})
}

// checked is an object to check.
type checked struct {
	sha256, sums []byte
	size         int64
	object       string
	after        any // the key of its row
}

func (c *checker) contents(ctx context.Context) error {
	return c.objects(ctx, []byte{}, `select sha256, size, object, sums, sha256 from @contents where sha256 > $1 order by sha256 limit $2`, func(o checked) any { return o.sha256 }, c.imageTitle)
}

func (c *checker) variantObjects(ctx context.Context) error {
	return c.objects(ctx, int64(-1), `select sha256, size, object, sums, made from @variants where made > $1 order by made limit $2`, func(o checked) any { return o.after },
		func(context.Context, checked) string { return "a resized copy" })
}

// objects checks the objects that a query lists, page after page.
func (c *checker) objects(ctx context.Context, after any, query string, key func(o checked) any, title func(context.Context, checked) string) error {
	for {
		var page []checked
		err := c.s.read(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
			rows, err := conn.Query(ctx, c.s.sql(query), after, checkRows)
			if err != nil {
				return err
			}
			page, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (o checked, err error) {
				return o, r.Scan(&o.sha256, &o.size, &o.object, &o.sums, &o.after)
			})
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		group, working := errgroup.WithContext(ctx)
		group.SetLimit(checkWorkers)
		for _, o := range page {
			group.Go(func() error { return c.object(working, o, title) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		after = key(page[len(page)-1])
	}
}

// object checks one object.
func (c *checker) object(ctx context.Context, o checked, title func(context.Context, checked) string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := c.verify(ctx, o)
	switch {
	case errors.Is(err, db.ErrDamaged):
		if c.known(ctx, o.object) { // it was not deleted meanwhile
			c.found("%s: %v", title(ctx, o), err)
		}
	case err != nil:
		return err
	}
	if c.o.Read != nil {
		c.o.Read(o.size)
	}
	return nil
}

// verify returns db.ErrDamaged if the bytes of an object are not those of its row.
func (c *checker) verify(ctx context.Context, o checked) error {
	if o.size == 0 {
		return nil
	}
	if c.o.Quick {
		size, err := c.s.objects.stat(ctx, o.object)
		switch {
		case errors.Is(err, errNoObject):
			return fmt.Errorf("%w: the object %s is missing", db.ErrDamaged, o.object)
		case err == nil && size != o.size:
			return fmt.Errorf("%w: the object %s has %d bytes instead of %d", db.ErrDamaged, o.object, size, o.size)
		}
		return err
	}
	b := &blob{s: c.s, name: o.object, object: o.object, sums: o.sums}
	body := b.open(o.size)
	defer body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, body); err != nil {
		return err
	}
	if db.Digest(h.Sum(nil)) != db.Digest(o.sha256) {
		return fmt.Errorf("%w: the object %s has another SHA-256", db.ErrDamaged, o.object)
	}
	return nil
}

// known reports whether a row still has the object.
func (c *checker) known(ctx context.Context, object string) (known bool) {
	err := c.s.read(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		return conn.QueryRow(ctx, c.s.sql(`select exists (select from @contents where object = $1) or exists (select from @variants where object = $1)`), object).Scan(&known)
	})
	return known || err != nil
}

// imageTitle returns the name of an image with this content.
func (c *checker) imageTitle(ctx context.Context, o checked) string {
	title := fmt.Sprintf("the content %x", o.sha256)
	_ = c.s.read(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		var name string
		var deleted int64
		err := conn.QueryRow(ctx, c.s.sql(`select name, deleted from @images where sha256 = $1 order by deleted limit 1`), o.sha256).Scan(&name, &deleted)
		if err == nil {
			title = fmt.Sprintf("image %q", name)
			if deleted != 0 {
				title += " in the trash"
			}
		}
		return err
	})
	return title
}

// unknown looks for objects that no row knows. It reads the rows before and after the
// list, because an object may be made or given to a content meanwhile.
func (c *checker) unknown(ctx context.Context) error {
	if !c.o.Unknown {
		return nil
	}
	known := map[string]bool{}
	if err := c.knownObjects(ctx, known); err != nil {
		return err
	}
	candidates := map[string]int64{}
	err := c.s.objects.list(ctx, func(key string, size int64) error {
		if !known[key] {
			candidates[key] = size
		}
		return nil
	})
	if err == nil && len(candidates) > 0 {
		err = c.knownObjects(ctx, known)
	}
	for key, size := range candidates {
		if !known[key] && err == nil {
			c.found("the object %s with %d bytes belongs to nothing; it can be deleted by hand", key, size)
		}
	}
	return err
}

func (c *checker) knownObjects(ctx context.Context, known map[string]bool) error {
	return c.long(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, c.s.sql(`select object from @contents union all select object from @variants union all select object from @garbage`))
		if err != nil {
			return err
		}
		var key string
		_, err = pgx.ForEachRow(rows, []any{&key}, func() error {
			known[key] = true
			return nil
		})
		return err
	})
}

// long calls `do` with a connection for a query of a whole table, which has no time limit.
func (c *checker) long(ctx context.Context, do func(ctx context.Context, conn *pgxpool.Conn) error) error {
	conn, err := c.s.acquire(ctx)
	if err == nil {
		defer conn.Release()
		err = do(ctx, conn)
	}
	return c.s.storeError(ctx, err)
}
