package page

import (
	"cmp"
)

// Inspect returns an error if bbolt must not open the file, because bbolt would never
// end or would overwrite images. Inspect is quick. It reads the list of free pages,
// which bbolt also reads when it opens the file. It also reads the pages of the trees
// above the leaves. On some damage, bbolt panics, and the panic can be recovered.
// Inspect does not report such damage, because the rest of the file can be served.
//
// If the list is missing, bbolt visits all pages to make a list. It does this in a
// goroutine, and a panic there ends the process. So Inspect then reads all pages first.
func (f *File) Inspect() error {
	if err := f.CheckSize(); err != nil {
		return err
	}
	if _, _, err := f.FreeList(); err != nil {
		return err
	}
	look := (*Walker).tops
	if f.Meta.Free == NoFreeList {
		look = (*Walker).everything
	}
	var first error
	w := NewWalker(f, func(err error) { first = cmp.Or(first, err) }, func(int64) {})
	look(w)
	return first
}

// everything visits all pages.
func (w *Walker) everything() {
	w.All(w.Meta.Root, nil, func([][]byte, []byte, []byte, *Bucket) {})
}

// tops visits the pages with the root of each bucket. Then it looks for circles in the
// trees below these pages.
func (w *Walker) tops() {
	var roots []uint64
	w.Bucket(w.Meta.Root, func(_, _ []byte, nested *Bucket) {
		switch {
		case nested == nil:
		case nested.Root != 0:
			roots = append(roots, nested.Root)
		default: // the whole bucket is in this page
			w.Bucket(*nested, func(_, _ []byte, _ *Bucket) {})
		}
	})
	for _, root := range roots {
		w.circles(root, w.height(root))
	}
}

// height returns how many branches are above a leaf of a tree. In a tree without
// damage, this number is the same for all leaves.
func (w *Walker) height(id uint64) (n int) {
	for ; n < 64; n++ {
		p, err := w.readPage(id, nil)
		if err != nil || p.flags != pageBranch {
			return n
		}
		e, err := p.element(0)
		if err != nil {
			return n
		}
		id = e.child
	}
	return n
}

// circles reports pages to which two pages lead. It reads the branches. It does not
// read the pages at the height of the leaves.
func (w *Walker) circles(id uint64, height int) {
	if id >= w.Meta.High {
		return // bbolt panics on such a page, but this panic can be recovered
	}
	if w.used.has(id) {
		w.damage((&page{id: id}).errorf("%w", errTwice))
		return
	}
	w.used.set(id)
	if height == 0 {
		return
	}
	p, err := w.readPage(id, nil)
	if err != nil || p.flags != pageBranch {
		return
	}
	for i := range p.count {
		if e, err := p.element(i); err == nil {
			w.circles(e.child, height-1)
		}
	}
}
