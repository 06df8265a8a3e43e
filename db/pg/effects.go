package pg

import (
	"fmt"
	"time"

	"imageserver/db"
	"imageserver/db/order"
	"imageserver/db/resolve"
)

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

// insert adds an image. Its name must be free, and its content must be loaded or new. The
// image gets the placeholder of its content. If the content has none, it gets that of the
// image.
func (tx *txn) insert(img *db.Image) error {
	switch c := tx.contents[img.SHA256]; {
	case c.placeholder != "":
		img.Placeholder = c.placeholder
	case img.Placeholder != "":
		tx.addPlaceholder(img.SHA256, img.Placeholder)
	}
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

// addPlaceholder gives a placeholder to a content that has none.
func (tx *txn) addPlaceholder(content db.Digest, placeholder string) {
	tx.do(`update @contents set placeholder = $2 where sha256 = $1 and placeholder is null`, content[:], []byte(placeholder))
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
