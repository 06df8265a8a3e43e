package page

import (
	"bytes"
	"errors"
)

// Walker visits the trees of a file. It visits no page twice. So it always ends,
// whatever the pages say.
type Walker struct {
	*File
	used   bitmap
	damage func(err error) // called for each damaged page; then the Walker continues
	Read   func(n int64)   // called with how many bytes were read
	Stop   func() bool     // if it returns true, the Walker ends early

	// If Skip returns true, All does not visit the entry k, nor the bucket that this
	// entry may contain. `path` has the names of the buckets around the entry.
	Skip func(path [][]byte, k []byte) bool

	bufs  [][]byte // one buffer for each page on the path, beginning with the root
	depth int
}

// NewWalker returns a Walker of the file. The Walker calls damage with each damage that it
// finds, and read with the number of bytes that it has read.
func NewWalker(f *File, damage func(error), read func(int64)) *Walker {
	w := &Walker{File: f, damage: damage, Read: read, Stop: func() bool { return false }}
	w.Skip = func([][]byte, []byte) bool { return false }
	w.used = newBitmap(min(f.Meta.High, uint64(f.Size/f.Meta.PageSize)+1))
	w.used.set(0)
	w.used.set(1)
	return w
}

// Bucket visits the entries of a bucket in the order of their keys. The arguments of
// `visit` are valid until `visit` returns. `visit` may call Bucket for a nested bucket.
func (w *Walker) Bucket(b Bucket, visit func(key, value []byte, nested *Bucket)) {
	if b.Root != 0 {
		w.tree(b.Root, nil, nil, visit)
		return
	}
	p := &page{flags: ByteOrder.Uint16(b.Inline[8:]), count: int(ByteOrder.Uint16(b.Inline[10:])), data: b.Inline}
	if p.flags != pageLeaf {
		w.damage(errors.New("a bucket inside a page is not a leaf"))
		return
	}
	w.leaf(p, nil, nil, visit)
}

// All visits the entries of a bucket and of all buckets inside it. It visits the entry
// of a nested bucket, and directly after that the entries inside this bucket. `path`
// has the names of the buckets around an entry.
func (w *Walker) All(b Bucket, path [][]byte, visit func(path [][]byte, k, v []byte, nested *Bucket)) {
	w.Bucket(b, func(k, v []byte, nested *Bucket) {
		if w.Skip(path, k) {
			return
		}
		visit(path, k, v, nested)
		if nested != nil {
			w.All(*nested, append(path[:len(path):len(path)], k), visit)
		}
	})
}

// tree visits the tree below a page. The keys must not be lower than `low`, and must be
// lower than `high`. If `low` or `high` is nil, there is no such limit.
func (w *Walker) tree(id uint64, low, high []byte, visit func(key, value []byte, nested *Bucket)) {
	if w.Stop() {
		return
	}
	if w.depth == len(w.bufs) {
		w.bufs = append(w.bufs, nil)
	}
	p, err := w.readPage(id, w.bufs[w.depth])
	if err == nil {
		w.bufs[w.depth] = p.data
		w.trim(p)
		err = w.take(p)
	}
	if err != nil {
		w.damage(err)
		return
	}
	w.Read(int64(len(p.data)))
	w.depth++
	defer func() { w.depth-- }()
	switch p.flags {
	case pageLeaf:
		w.leaf(p, low, high, visit)
	case pageBranch:
		w.branch(p, low, high, visit)
	default:
		w.damage(p.errorf("neither leaf nor branch (flags %#x)", p.flags))
	}
}

// trim shortens a page that says that it is longer than its elements. Otherwise, other
// pages in the rest would not be visited.
func (w *Walker) trim(p *page) {
	end := uint64(HeaderSize)
	for i := range p.count {
		if e, err := p.element(i); err == nil {
			end = max(end, e.end)
		}
	}
	size := uint64(w.Meta.PageSize)
	if need := (end + size - 1) / size * size; need < uint64(len(p.data)) {
		w.damage(p.errorf("says that it is %d bytes long, but uses only %d", len(p.data), end))
		p.data = p.data[:need]
	}
}

// take marks a page as used. If the page is already marked, it returns an error.
func (w *Walker) take(p *page) error {
	for i := range uint64(len(p.data)) / uint64(w.Meta.PageSize) {
		if w.used.has(p.id + i) {
			return (&page{id: p.id + i}).errorf("%w", errTwice)
		}
	}
	for i := range uint64(len(p.data)) / uint64(w.Meta.PageSize) {
		w.used.set(p.id + i)
	}
	return nil
}

func (w *Walker) leaf(p *page, low, high []byte, visit func(key, value []byte, nested *Bucket)) {
	w.elements(p, low, high, func(e, _ element) {
		var nested *Bucket
		if e.nested {
			b, ok := parseBucket(e.value)
			if !ok {
				w.damage(p.errorf("a bucket of %d bytes", len(e.value)))
				return
			}
			nested = &b
		}
		visit(e.key, e.value, nested)
	})
}

func (w *Walker) branch(p *page, low, high []byte, visit func(key, value []byte, nested *Bucket)) {
	if p.count == 0 {
		w.damage(p.errorf("an empty branch"))
	}
	w.elements(p, low, high, func(e, next element) {
		end := high
		if next.key != nil {
			end = next.key
		}
		w.tree(e.child, e.key, end, visit)
	})
}

// elements calls fn with each valid element of a page and the element after it.
func (w *Walker) elements(p *page, low, high []byte, fn func(e, next element)) {
	var all []element
	var first error
	var last []byte
	for i := range p.count {
		e, err := p.element(i)
		switch {
		case err != nil:
		case i == 0 && low != nil && !bytes.Equal(e.key, low):
			// When bbolt moves a page, it finds the page by its first key.
			err = p.errorf("it does not begin with the key that leads to it")
		case i > 0 && last != nil && bytes.Compare(last, e.key) >= 0:
			err = p.errorf("the key of element %d is out of order", i)
		case high != nil && bytes.Compare(e.key, high) >= 0:
			err = p.errorf("the key of element %d belongs elsewhere", i)
		}
		if first == nil {
			first = err
		}
		if err == nil {
			all = append(all, e)
			last = e.key
		}
	}
	if first != nil {
		w.damage(first)
	}
	for i, e := range all {
		var next element
		if i+1 < len(all) {
			next = all[i+1]
		}
		fn(e, next)
	}
}

// bitmap is a set of pages.
type bitmap []uint64

func newBitmap(n uint64) bitmap { return make(bitmap, n/64+1) }

func (b bitmap) has(i uint64) bool { return b[i/64]&(1<<(i%64)) != 0 }
func (b bitmap) set(i uint64)      { b[i/64] |= 1 << (i % 64) }
