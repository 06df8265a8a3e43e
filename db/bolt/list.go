package bolt

import (
	"bytes"
	"context"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/order"
)

// List returns a page of images; see db.Images. Every order is the order of the keys in
// a bucket, or the reverse order. A cursor has the last key of the
// previous page.
func (s *Store) List(ctx context.Context, o db.ListOptions) (images []db.Image, next string, err error) {
	if o.Trash {
		o.Sort, o.Reverse = db.ByUploaded, false
	}
	after, err := order.ParseCursor(o)
	if err != nil {
		return nil, "", err
	}
	o.Limit = max(o.Limit, 1)
	o.Match = order.Fold(o.Match)
	images, last, err := s.listOrdered(ctx, orderOf(o), o, after)
	switch {
	case err != nil:
		return nil, "", err
	case last == nil:
		return images, "", nil
	}
	return images, order.Cursor(o, last), nil
}

// ordered is a bucket whose keys have the order of a list.
type ordered struct {
	bucket []byte
	name   func(k []byte) []byte // returns the name of the image to which the key belongs
	record func(tx *bbolt.Tx, k, v []byte) (*layout.Record, error)
}

func orderOf(o db.ListOptions) ordered {
	switch {
	case o.Trash:
		return ordered{layout.DeletedBucket, order.KeyName, func(tx *bbolt.Tx, k, _ []byte) (*layout.Record, error) {
			return layout.MustRecord(tx, layout.TrashKeyOf(k))
		}}
	case o.Sort == db.ByName:
		return ordered{layout.ImagesBucket, func(k []byte) []byte { return k }, func(_ *bbolt.Tx, k, v []byte) (*layout.Record, error) {
			return layout.ParseRecord(layout.ImagesBucket, k, v)
		}}
	}
	bucket := layout.RecentBucket
	if o.Sort == db.BySize {
		bucket = layout.SizesBucket
	}
	return ordered{bucket, order.KeyName, func(tx *bbolt.Tx, k, _ []byte) (*layout.Record, error) {
		return layout.MustRecord(tx, order.KeyName(k))
	}}
}

// listOrdered returns the images whose keys come after the key `after`. It also returns
// the last key that it read, or nil if there are no more keys.
func (s *Store) listOrdered(ctx context.Context, in ordered, o db.ListOptions, after []byte) (images []db.Image, last []byte, err error) {
	last, err = s.scan(ctx, in.bucket, after, o.Reverse, func(tx *bbolt.Tx, k, v []byte) (enough bool) {
		if name := in.name(k); order.Match(name, o.Match) {
			if r, err := in.record(tx, k, v); s.listed(name, r, err) {
				images = append(images, r.Image)
			}
		}
		return len(images) == o.Limit
	})
	return images, last, err
}

// listed reports whether the image with this record is in the list. If the record
// cannot be read, the image is not in the list, so that the other images can be listed.
func (s *Store) listed(name []byte, r *layout.Record, err error) bool {
	if err != nil {
		s.log.Error("an image is missing from a list, because its record cannot be read", "image", string(name), "err", err)
		return false
	}
	return !s.expired(r)
}

// scanStep is how many keys one transaction of a list reads at most.
const scanStep = 4096

// scan calls `visit` with the keys of a bucket that come after the key `after`, in
// their order or in the reverse order. It stops when `visit` returns true. It returns
// the last key with which it called `visit`, or nil if there are no more keys. It uses
// several short transactions.
func (s *Store) scan(ctx context.Context, bucket, after []byte, reverse bool, visit func(tx *bbolt.Tx, k, v []byte) (enough bool)) (last []byte, err error) {
	last = after
	more, enough := true, false
	for more && !enough {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := s.view(func(tx *bbolt.Tx) error {
			w := walk{tx.Bucket(bucket).Cursor(), reverse}
			k, v := w.behind(last)
			for n := 0; k != nil && n < scanStep && !enough; n++ {
				last = append(last[:0], k...)
				enough = visit(tx, k, v)
				k, v = w.next()
			}
			more = k != nil
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if !more {
		return nil, nil
	}
	return last, nil
}

// walk reads the keys of a bucket, in their order or in the reverse order.
type walk struct {
	c       *bbolt.Cursor
	reverse bool
}

func (w walk) next() (k, v []byte) {
	if w.reverse {
		return w.c.Prev()
	}
	return w.c.Next()
}

// behind goes to the first key after the key `after`. The key `after` need not exist.
// If `after` is empty, behind goes to the first key of all.
func (w walk) behind(after []byte) (k, v []byte) {
	if len(after) == 0 && w.reverse {
		return w.c.Last()
	}
	k, v = w.c.Seek(after) // if `after` is empty, this is the first key
	switch {
	case w.reverse && k == nil:
		return w.c.Last() // no key comes after `after` in the order of the bucket
	case w.reverse, bytes.Equal(k, after):
		return w.next()
	}
	return k, v
}
