package pg

import (
	"cmp"
	"context"
	"time"

	"imageserver/db"
	"imageserver/db/resolve"
)

// Delete deletes an image or moves it to the trash; see db.Images.
func (s *Store) Delete(ctx context.Context, name string, o db.DeleteOptions) error {
	name, err := db.CheckName(name)
	if err != nil {
		return err
	}
	return s.change(ctx, needs{names: []string{name}}, func(tx *txn) error {
		r := tx.rows[name]
		if err := resolve.Existing(tx.live(r), name, o.Allow); err != nil {
			return err
		}
		return tx.remove(r, o.TrashTTL)
	})
}

// Rename changes the name of an image from `from` to `to`; see db.Images.
func (s *Store) Rename(ctx context.Context, from, to string, o db.RenameOptions) (img db.Image, outcome db.Outcome, err error) {
	from, errFrom := db.CheckName(from)
	to, errTo := db.CheckName(to)
	if err := cmp.Or(errFrom, errTo); err != nil {
		return db.Image{}, 0, err
	}
	err = s.change(ctx, needs{names: []string{from, to}}, func(tx *txn) error {
		r := tx.rows[from]
		resolved, err := resolve.Rename(tx, tx.live(r), from, to, o)
		if err != nil {
			return err
		}
		if outcome = resolved.Outcome; resolved.Name == from {
			img = *resolved.Current
			return nil
		}
		img, err = tx.apply(r, resolved, o.TrashTTL)
		return err
	})
	if err != nil {
		return db.Image{}, 0, err
	}
	return img, outcome, nil
}

// Restore moves an image from the trash back to its name; see db.Trash.
func (s *Store) Restore(ctx context.Context, name string, o db.RestoreOptions) (img db.Image, outcome db.Outcome, err error) {
	name, err = db.CheckName(name)
	if err != nil {
		return db.Image{}, 0, err
	}
	err = s.change(ctx, needs{names: []string{name}, trashed: &trashID{name, o.Deleted}}, func(tx *txn) error {
		resolved, err := resolve.Restore(tx, tx.live(tx.trashed), name, o)
		if err != nil {
			return err
		}
		outcome = resolved.Outcome
		img, err = tx.apply(tx.trashed, resolved, 0)
		return err
	})
	if err != nil {
		return db.Image{}, 0, err
	}
	return img, outcome, nil
}

// apply gives an image the resolved name. The image may be in the trash. If another
// image with this name has the same bytes, apply only deletes the image.
func (tx *txn) apply(r *row, to resolve.Resolution, ttl time.Duration) (db.Image, error) {
	if to.Outcome == db.Unchanged {
		if r, err := tx.locked(to.Name); err != nil || r == nil {
			return db.Image{}, cmp.Or(err, errAgain)
		}
		img, err := tx.extend(*to.Current, r.Expires)
		if err != nil {
			return img, err
		}
		return img, tx.delete(r)
	}
	if err := tx.vacate(to.Name, ttl); err != nil {
		return db.Image{}, err
	}
	moved := to.Moved(r.Image)
	return moved, tx.move(r, moved)
}

// EmptyTrash deletes all images in the trash; see db.Trash.
func (s *Store) EmptyTrash(ctx context.Context) (n int, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		some, deleted, err := s.purge(ctx, sweepRecords)
		n += deleted
		if err != nil || some == 0 {
			return n, err
		}
	}
}

// purge deletes at most `most` images from the trash, in the order in which they were deleted.
// It returns how many images it deleted, and how many of these had not expired.
func (s *Store) purge(ctx context.Context, most int) (some, lasting int, err error) {
	work := statement{`select ` + imageColumns + ` from @images i where deleted <> 0 order by (~deleted) desc, name desc limit $1 for update`, []any{most}}
	err = s.change(ctx, needs{work: work}, func(tx *txn) error {
		some, lasting = len(tx.work), 0
		for _, r := range tx.work {
			if !r.Expired(tx.now) {
				lasting++
			}
		}
		return tx.deleteAll()
	})
	if err != nil {
		return 0, 0, err
	}
	return some, lasting, nil
}

// deleteAll deletes the images that the query needs.work found.
func (tx *txn) deleteAll() error {
	var digests []db.Digest
	for _, r := range tx.work {
		digests = append(digests, r.SHA256)
	}
	if err := tx.loadContents(digests); err != nil {
		return err
	}
	for _, r := range tx.work {
		if err := tx.delete(r); err != nil {
			return err
		}
	}
	return nil
}

// makeSpace deletes variants, and then images from the trash, so that n more bytes fit
// into Options.MaxSize. It reports whether it deleted anything.
func (s *Store) makeSpace(ctx context.Context, n int64) (some bool) {
	if s.o.MaxSize == 0 {
		return false
	}
	u, err := s.Usage(ctx)
	if err != nil || n > s.o.MaxSize {
		return false
	}
	if u.VariantBytes > 0 {
		over := u.Stored + u.VariantBytes + n - s.o.MaxSize
		return s.TrimVariants(ctx, max(0, u.VariantBytes-over)) == nil
	}
	deleted, _, err := s.purge(ctx, 16)
	return err == nil && deleted > 0
}
