package bolt

import (
	"cmp"
	"fmt"
	"os"
	"time"
)

// inspectLocked looks at a file before bbolt does, and holds its lock for that
// long, so that nobody writes to it meanwhile.
func inspectLocked(f *os.File) error {
	if err := waitLock(f, lockTimeout); err != nil {
		return err
	}
	defer unlock(f) // bbolt takes it again
	p, err := readPages(f)
	if err != nil {
		return err
	}
	return p.inspect()
}

// waitLock takes the lock, or returns ErrInUse after the timeout.
func waitLock(f *os.File, timeout time.Duration) error {
	for end := time.Now().Add(timeout); ; time.Sleep(timeout / 20) {
		ok, err := lock(f)
		switch {
		case err != nil:
			return fmt.Errorf("lock it: %w", err)
		case ok:
			return nil
		case time.Now().After(end):
			return ErrInUse
		}
	}
}

// inspect returns why bbolt must not open the file: it would loop, or write over
// images. It is quick: it reads the list of free pages, which bbolt reads at
// that moment too, and of the trees what is above the leaves. Damage that makes
// bbolt panic where that is recovered is no reason: what is elsewhere in the
// file can be served.
//
// Without that list bbolt visits all pages to make one, in a goroutine in which
// a panic ends the process; so all pages are looked at here before.
func (f *pageFile) inspect() error {
	if err := f.checkSize(); err != nil {
		return damagedFile(err)
	}
	if _, _, err := f.freeList(); err != nil {
		return damagedFile(err)
	}
	look := (*walker).tops
	if f.meta.free == noFreeList {
		look = (*walker).everything
	}
	var first error
	w := newWalker(f, func(err error) { first = cmp.Or(first, err) }, func(int64) {})
	look(w)
	if first != nil {
		return damagedFile(first)
	}
	return nil
}

// everything visits all pages.
func (w *walker) everything() {
	w.all(w.meta.root, nil, func([][]byte, []byte, []byte, *bucket) {})
}

// tops looks at the pages that hold the root of each bucket, and then for
// circles in the trees below.
func (w *walker) tops() {
	var roots []uint64
	w.bucket(w.meta.root, func(_, _ []byte, nested *bucket) {
		switch {
		case nested == nil:
		case nested.root != 0:
			roots = append(roots, nested.root)
		default: // all of it is in this page
			w.bucket(*nested, func(_, _ []byte, _ *bucket) {})
		}
	})
	for _, root := range roots {
		w.circles(root, w.height(root))
	}
}

// height returns how many branches lead to the leaves of a tree, which is the
// same for all of them.
func (w *walker) height(id uint64) (n int) {
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

// circles tells of pages that are used twice, among the branches and what they
// take for their leaves, which it does not read.
func (w *walker) circles(id uint64, height int) {
	if id >= w.meta.high {
		return // of which bbolt panics
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

func damagedFile(err error) error { return fmt.Errorf("%w (%w)", errDamaged, err) }
