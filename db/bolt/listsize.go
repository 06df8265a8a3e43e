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

// listBySize does what listOrdered does, for the order BySize. There is no index by
// size, because each upload would have to write to the index, and few people use this
// order. So listBySize reads every record. It collects the first o.Limit images after
// the key `after`. So every page costs the same.
func (s *Store) listBySize(ctx context.Context, o db.ListOptions, after []byte) (images []db.Image, last []byte, err error) {
	best := &bestSizes{limit: o.Limit, reverse: o.Reverse, after: after}
	_, err = s.scan(ctx, layout.ImagesBucket, nil, false, func(_ *bbolt.Tx, name, v []byte) (enough bool) {
		if !order.Match(name, o.Match) {
			return false
		}
		// For most images, the size alone shows that the image is not on this page.
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

// bestSizes collects the first images after a key, in the order of order.AppendSizeKey
// or in the reverse order. It is a heap.Interface: the last of the collected images is
// at the top of the heap.
type bestSizes struct {
	limit   int
	reverse bool
	after   []byte // the key before the page; empty for the first page
	more    bool   // whether more images follow after the page

	found []sized
	key   [order.NumberSize + db.MaxNameBytes]byte // a buffer for the key of one image
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

// wants reports whether an image with this key belongs to the page. Only the images
// that were added before are known.
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

// add adds an image for which wants returned true. If there are now too many images, it
// removes the last image.
func (b *bestSizes) add(img db.Image) {
	heap.Push(b, sized{order.AppendSizeKey(nil, img.Size, []byte(img.Name)), img})
	if len(b.found) > b.limit {
		heap.Pop(b)
		b.more = true
	}
}

// page returns the images in the order of the list. It also returns the key of the last
// image, or nil if no more images follow.
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
