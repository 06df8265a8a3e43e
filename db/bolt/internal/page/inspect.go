package page

import (
	"cmp"
	"math"
)

// Inspect returns an error if bbolt must not open the file, because bbolt would never
// end or would overwrite images. Inspect is quick. It reads the list of free pages,
// which bbolt also reads when it opens the file. It also reads the pages of the trees
// above the leaves. On some damage, bbolt panics, and the panic can be recovered.
// Inspect does not report such damage, because the rest of the file can be served.
//
// If the list is missing, bbolt visits all pages to make a list. It does this in a
// goroutine, and a panic there ends the process. So Inspect then reads all pages first.
func (f *File) Inspect() error { return f.InspectSome(math.MaxInt) }

// InspectSome does what Inspect does, but reads at most about n branches. It reads them
// from the root down, and each level of all trees before the next level.
func (f *File) InspectSome(n int) error {
	if err := f.CheckSize(); err != nil {
		return err
	}
	if _, _, err := f.FreeList(); err != nil {
		return err
	}
	if f.Meta.Free == NoFreeList {
		return f.inspect((*Walker).everything)
	}
	return f.inspect(func(w *Walker) { w.tops(n, func() bool { return false }) })
}

// InspectTrees reads the pages of the trees above the leaves, as Inspect does. It ends
// early if `stop` returns true. The pages of these trees must not change meanwhile.
func (f *File) InspectTrees(stop func() bool) error {
	return f.inspect(func(w *Walker) { w.tops(math.MaxInt, stop) })
}

func (f *File) inspect(look func(*Walker)) error {
	var first error
	look(NewWalker(f, func(err error) { first = cmp.Or(first, err) }, func(int64) {}))
	return first
}

// everything visits all pages.
func (w *Walker) everything() {
	w.All(w.Meta.Root, nil, func([][]byte, []byte, []byte, *Bucket) {})
}

// tops visits the pages with the root of each bucket. Then it looks for circles in the
// trees below these pages, in about n branches.
func (w *Walker) tops(n int, stop func() bool) {
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
	var next []treePage
	for _, root := range roots {
		next = append(next, treePage{root, w.height(root)})
	}
	for ; len(next) > 0 && n > 0 && !stop(); n-- {
		next = append(next[1:], w.circles(next[0])...)
	}
}

// treePage is a page of a tree. A leaf has the height 0.
type treePage struct {
	id     uint64
	height int
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

// circles reports a page to which two pages lead. It returns the branches below this
// page. It does not read the pages at the height of the leaves.
func (w *Walker) circles(at treePage) (below []treePage) {
	if !w.once(at.id) || at.height == 0 {
		return nil
	}
	p, err := w.readPage(at.id, nil)
	if err != nil || p.flags != pageBranch {
		return nil
	}
	for i := range p.count {
		e, err := p.element(i)
		switch {
		case err != nil:
		case at.height == 1:
			w.once(e.child)
		default:
			below = append(below, treePage{e.child, at.height - 1})
		}
	}
	return below
}

// once marks a page as used, and reports whether it was unused before. If it was used,
// once reports the damage.
func (w *Walker) once(id uint64) bool {
	if id >= w.Meta.High {
		return false // bbolt panics on such a page, but this panic can be recovered
	}
	if w.used.has(id) {
		w.damage((&page{id: id}).errorf("%w", errTwice))
		return false
	}
	w.used.set(id)
	return true
}
