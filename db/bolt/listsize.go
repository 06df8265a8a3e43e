package bolt

import (
	"bytes"
	"container/heap"
	"context"
	"slices"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/order"
)

// listBySize is listOrdered by size. There is no index by size, because each upload
// would have to write to it, and few people use this order. It reads every record, and
// keeps the first o.Limit images after the key after, so every page costs the same.
func (s *Store) listBySize(ctx context.Context, o db.ListOptions, after []byte) (images []db.Image, last []byte, err error) {
	best := &bestSizes{limit: o.Limit, reverse: o.Reverse, after: after}
	_, err = s.scan(ctx, layout.ImagesBucket, nil, false, func(_ *bbolt.Tx, name, v []byte) (enough bool) {
		if !order.Match(name, o.Match) {
			return false
		}
		// The size is enough to leave out most images.
		if size, ok := layout.RecordSize(v); ok && !best.wants(order.AppendSizeKey(best.key[:0], size, name)) {
			return false
		}
		if r, err := layout.ParseRecord(layout.ImagesBucket, name, v); s.listed(name, r, err) {
			best.add(r.Image)
		}
		return false
	})
	if err != nil {
		return nil, nil, err
	}
	images, last = best.page()
	return images, last, nil
}

// bestSizes collects the first images after a key in the order of order.AppendSizeKey,
// or in reverse. It is a heap.Interface with the last of them on top.
type bestSizes struct {
	limit   int
	reverse bool
	after   []byte // empty for the beginning
	more    bool   // whether others follow

	found []sized
	key   [order.TimeSize + db.MaxNameBytes]byte // room for the key of one image
}

type sized struct {
	key []byte
	db.Image
}

// compare compares two keys in the order of the list.
func (b *bestSizes) compare(x, y []byte) int {
	if b.reverse {
		x, y = y, x
	}
	return bytes.Compare(x, y)
}

// wants reports whether an image with the key belongs to the page, as far as is known.
func (b *bestSizes) wants(key []byte) bool {
	switch {
	case len(b.after) > 0 && b.compare(key, b.after) <= 0:
		return false
	case len(b.found) < b.limit || b.compare(key, b.found[0].key) < 0:
		return true
	}
	b.more = true
	return false
}

// add adds an image that is wanted, and removes the last one if there are too many.
func (b *bestSizes) add(img db.Image) {
	heap.Push(b, sized{order.AppendSizeKey(nil, img.Size, []byte(img.Name)), img})
	if len(b.found) > b.limit {
		heap.Pop(b)
		b.more = true
	}
}

// page returns the images in the order of the list, and the key of the last one, or nil
// if no others follow.
func (b *bestSizes) page() (images []db.Image, last []byte) {
	slices.SortFunc(b.found, func(x, y sized) int { return b.compare(x.key, y.key) })
	for _, f := range b.found {
		images = append(images, f.Image)
	}
	if b.more {
		last = b.found[len(b.found)-1].key
	}
	return images, last
}

func (b *bestSizes) Len() int           { return len(b.found) }
func (b *bestSizes) Less(i, j int) bool { return b.compare(b.found[i].key, b.found[j].key) > 0 }
func (b *bestSizes) Swap(i, j int)      { b.found[i], b.found[j] = b.found[j], b.found[i] }
func (b *bestSizes) Push(x any)         { b.found = append(b.found, x.(sized)) }

func (b *bestSizes) Pop() any {
	last := b.found[len(b.found)-1]
	b.found = b.found[:len(b.found)-1]
	return last
}
