package pg

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"imageserver/db"
	"imageserver/db/receive"
	"imageserver/db/resolve"
)

// GetTrashed returns an image in the trash and its bytes; see db.TrashCopier.
func (s *Store) GetTrashed(ctx context.Context, name string, deleted time.Time) (img db.Image, body db.Body, err error) {
	if name, err = db.CheckName(name); err != nil {
		return db.Image{}, nil, err
	}
	b := &blob{s: s, name: name}
	err = s.read(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		r, err := scanImage(c.QueryRow(ctx, s.sql(`select `+imageColumns+`, c.object, c.sums from @images i join @contents c using (sha256)
			where name = $1 and deleted = $2 and deleted <> 0 and kept > `+now), name, deleted.UnixNano()), &b.object, &b.sums)
		if err != nil {
			return notFound(err, fmt.Sprintf("%q in the trash", name))
		}
		img = r.Image
		return nil
	})
	if err != nil {
		return db.Image{}, nil, err
	}
	return img, b.open(img.Size), nil
}

// PutTrashed stores an image in the trash; see db.TrashCopier.
func (s *Store) PutTrashed(ctx context.Context, img db.Image, body io.Reader) (outcome db.Outcome, err error) {
	if img.Name, err = db.CheckName(img.Name); err != nil {
		return 0, err
	}
	u := &upload{}
	defer u.release()
	if err := s.receive(ctx, u, body, receive.Options{}); err != nil {
		return 0, err
	}
	img.Size, img.SHA256 = u.Size(), u.Digest()
	for _, t := range []*time.Time{&img.Uploaded, &img.Expires, &img.Deleted, &img.TrashExpires} {
		*t = db.Stamp(*t)
	}
	if err := s.gate.enter(); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	err = s.store(ctx, u, img, func(bad string) error {
		n := needs{names: []string{img.Name}, digests: []db.Digest{img.SHA256}, object: u.key}
		return s.changeInside(n, func(tx *txn) error {
			r, err := tx.query(`select `+imageColumns+` from @images i where name = $1 and deleted = $2`, img.Name, img.Deleted.UnixNano())
			if err != nil {
				return err
			}
			var current *db.Image
			if r != nil {
				current = &r.Image
			}
			if outcome, err = resolve.PutTrashed(current, img.Name, img.SHA256); err != nil || outcome == db.Unchanged {
				return err
			}
			if err := tx.adopt(u, img, bad); err != nil {
				return err
			}
			tx.expectExpiry(img.TrashExpires)
			return tx.insert(&img)
		})
	})
	if err != nil {
		return 0, err
	}
	return outcome, nil
}
