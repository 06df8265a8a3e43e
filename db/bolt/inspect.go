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
	info, err := f.Stat()
	if err != nil {
		return plain(err)
	}
	p, err := readPages(f, info.Size())
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

// inspect returns why bbolt must not open the file. It is quick: what it reads
// is what bbolt reads at that moment, the list of free pages. A wrong one would
// have bbolt loop, or write over images.
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
	if f.meta.free != noFreeList {
		return nil
	}
	var first error
	w := newWalker(f, func(err error) { first = cmp.Or(first, err) }, func(int64) {})
	w.all(f.meta.root, nil, func([][]byte, []byte, []byte, *bucket) {})
	if first != nil {
		return damagedFile(first)
	}
	return nil
}

func damagedFile(err error) error { return fmt.Errorf("%w (%w)", errDamaged, err) }
