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
	"imageserver/db/resolve"
)

// Put stores an image; see db.Images. A new content needs three round trips to the
// database and one request to the bucket: record the object as garbage, write the object,
// lock and read, publish. If the bytes are stored already, the object is not written.
func (s *Store) Put(ctx context.Context, name string, body io.Reader, o db.PutOptions) (db.Image, db.Outcome, error) {
	name, err := db.CheckName(name)
	if err != nil {
		return db.Image{}, 0, err
	}
	u := &upload{}
	defer u.release()
	if err := s.receive(ctx, u, body, receive.Options{Sender: o.Sender}); err != nil {
		return db.Image{}, 0, err
	}
	img := db.Image{Name: name, Size: u.Size(), SHA256: u.Digest(), Expires: o.Expires}
	if o.Inspect != nil {
		if err := o.Inspect(u, &img); err != nil {
			return db.Image{}, 0, err
		}
	}
	img.Expires, img.DeleteKeyHash = db.Stamp(img.Expires), o.DeleteKeyHash
	if err := s.gate.enter(); err != nil {
		return db.Image{}, 0, err
	}
	defer s.gate.leave()
	var out db.Image
	var outcome db.Outcome
	err = s.store(ctx, u, img, func(bad string) (err error) {
		out, outcome, err = s.publish(u, img, o, bad)
		return err
	})
	return out, outcome, err
}

// errNotStored means that the bytes were deleted after the upload found them stored.
var errNotStored = errors.New("the bytes are not stored any more")

// store makes the bytes an object unless they are stored already, and calls `publish`.
// `bad` is what ensureStored returns.
func (s *Store) store(ctx context.Context, u *upload, img db.Image, publish func(bad string) error) error {
	if s.o.ReadOnly {
		return errOnlyRead // before any object is written
	}
	for {
		bad, err := s.ensureStored(ctx, u, img)
		if err != nil {
			return s.storeError(ctx, err)
		}
		err = publish(bad)
		switch {
		case errors.Is(err, errNotStored):
		case errors.Is(err, errForgotten):
			s.giveUp(ctx, u.key)
			return err
		case errors.Is(err, db.ErrFull) && s.makeSpace(ctx, u.Size()):
		default:
			return err
		}
	}
}

// ensureStored writes the bytes to a new object, unless a content has them. `bad` is the
// object of the content whose bytes are damaged or missing, or empty.
func (s *Store) ensureStored(ctx context.Context, u *upload, img db.Image) (bad string, err error) {
	if u.key != "" {
		return "", nil
	}
	key := newKey()
	known, damaged, err := s.intend(ctx, key, img.SHA256)
	if err != nil {
		return "", err
	}
	if known != "" && img.Size == 0 {
		return "", nil
	}
	if known != "" && !damaged {
		size, err := s.objects.stat(ctx, known)
		switch {
		case err == nil && size == img.Size:
			return "", nil
		case err != nil && !errors.Is(err, errNoObject):
			return "", err
		}
		s.log.Warn("the bytes of an image are missing and are stored again", "object", known, "sha256", img.SHA256.String())
	}
	if known != "" {
		if err := s.record(ctx, key); err != nil {
			return "", err
		}
	}
	return known, s.write(ctx, u, key, img)
}

// intend finds the object of a content. If there is none, it records that the object
// `key` will be written. If PostgreSQL forgets the record in a crash, publish fails, so the
// record does not wait for the disk.
func (s *Store) intend(ctx context.Context, key string, digest db.Digest) (known string, damaged bool, err error) {
	err = s.asyncQuery(ctx, `with known as (select object, damaged from @contents where sha256 = $1),
		intent as (insert into @garbage (object, since) select $2::text, `+now+` where not exists (select from known) on conflict (object) do nothing)
		select object, damaged from known`, []any{digest[:], key}, func(rows pgx.Rows) error {
		for rows.Next() {
			if err := rows.Scan(&known, &damaged); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	return known, damaged, err
}

// record adds an object to the garbage before its bytes are written, or after a write
// that failed.
func (s *Store) record(ctx context.Context, key string) error {
	return s.asyncQuery(ctx, `insert into @garbage (object, since) values ($1, `+now+`)
		on conflict (object) do update set since = excluded.since`, []any{key}, func(rows pgx.Rows) error { return nil })
}

// asyncQuery runs a statement whose commit does not wait for the disk.
func (s *Store) asyncQuery(ctx context.Context, sql string, args []any, scan func(rows pgx.Rows) error) error {
	return s.again(ctx, func() error { // these statements may run twice
		c, err := s.acquire(ctx)
		if err != nil {
			return err
		}
		defer c.Release()
		ctx, cancel := context.WithTimeout(ctx, s.o.times.query)
		defer cancel()
		b := &pgx.Batch{}
		b.Queue(`select set_config('synchronous_commit', 'off', true)`)
		b.Queue(s.sql(sql), args...).Query(func(rows pgx.Rows) error {
			defer rows.Close()
			if err := scan(rows); err != nil {
				return err
			}
			rows.Close()
			return rows.Err()
		})
		return c.SendBatch(ctx, b).Close()
	})
}

// write writes the bytes of an upload to the object `key`, which must be in the garbage.
// If that fails, the bytes may still arrive later. So write records the object again:
// a sweep may have deleted the first record meanwhile.
func (s *Store) write(ctx context.Context, u *upload, key string, img db.Image) error {
	if u.Size() == 0 { // no bytes need no object, and some S3 servers refuse an empty PUT
		u.key = key
		return nil
	}
	err := s.objects.put(ctx, object{
		key:    key,
		name:   img.Name,
		digest: img.SHA256,
		kind:   img.ContentType,
		size:   u.Size(),
		bytes:  u,
	})
	if err != nil {
		s.giveUp(ctx, key)
		return err
	}
	u.key = key
	return nil
}

// giveUp records an object again that was not published. The first record may be lost
// although the object exists, or will exist.
func (s *Store) giveUp(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.times.query)
	defer cancel()
	if err := s.record(ctx, key); err != nil {
		s.log.Warn("could not record an object that was not published", "object", key, "err", oneLine(err))
	}
}

// publish makes the uploaded content an image, in one transaction.
func (s *Store) publish(u *upload, img db.Image, o db.PutOptions, bad string) (out db.Image, outcome db.Outcome, err error) {
	n := needs{names: []string{img.Name}, digests: []db.Digest{img.SHA256}, object: u.key}
	err = s.changeInside(n, func(tx *txn) error {
		to, err := resolve.Put(tx, img.Name, img.SHA256, o.Conflict, o.Allow)
		if err != nil {
			return err
		}
		if err := tx.adopt(u, img, bad); err != nil {
			return err
		}
		if outcome = to.Outcome; outcome == db.Unchanged {
			if out, err = tx.extend(*to.Current, img.Expires); err == nil {
				tx.expectExpiry(out.Expires)
			}
			return err
		}
		out = img
		out.Name, out.Uploaded = to.Name, resolve.Uploaded(o.Uploaded, tx.now)
		if err := tx.vacate(to.Name, o.TrashTTL); err != nil {
			return err
		}
		tx.expectExpiry(out.Expires)
		if err := tx.insert(&out); err != nil {
			return err
		}
		return s.fits(tx)
	})
	if err != nil {
		return db.Image{}, 0, err
	}
	return out, outcome, nil
}

// adopt makes sure that a content has the bytes. If there is no content, it makes one
// from the object of the upload. If the object of the content is `bad`, it puts the
// object of the upload in its place.
func (tx *txn) adopt(u *upload, img db.Image, bad string) error {
	c := tx.contents[img.SHA256]
	switch {
	case c != nil && (bad == "" || c.object != bad):
		return nil // if there is an object of this upload, it stays garbage
	case u.key == "":
		return errNotStored
	}
	tx.before = append(tx.before, statement{`delete from @garbage where object = $1`, []any{u.key}})
	if c != nil {
		tx.discard(c.object)
		c.object = u.key
		tx.before = append(tx.before, statement{`update @contents set object = $2, sums = $3, damaged = false where sha256 = $1`,
			[]any{img.SHA256[:], u.key, u.allSums()}})
		return nil
	}
	tx.contents[img.SHA256] = &content{size: img.Size, object: u.key, isNew: true}
	tx.usage.Blobs++
	tx.usage.Stored += img.Size
	tx.before = append(tx.before, statement{`insert into @contents (sha256, size, object, sums) values ($1, $2, $3, $4)`,
		[]any{img.SHA256[:], img.Size, u.key, u.allSums()}})
	return nil
}

// newKey returns the key of a new object. The first characters divide the objects of a
// bucket evenly.
func newKey() string {
	id := randomID()
	return id[:2] + "/" + id[2:]
}

// markDamaged notes that the bytes of a content are damaged, so that the next upload of
// these bytes replaces them.
func (s *Store) markDamaged(object string) {
	if s.o.ReadOnly {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.o.times.query)
	defer cancel()
	err := s.read(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		_, err := c.Exec(ctx, s.sql(`update @contents set damaged = true where object = $1`), object)
		return err
	})
	if err != nil {
		s.log.Warn("could not note that the bytes of an image are damaged", "object", object, "err", fmt.Sprint(err))
	}
}
