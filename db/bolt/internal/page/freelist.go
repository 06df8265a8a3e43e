package page

import (
	"fmt"
	"os"
	"slices"
)

// FreeList returns the free pages in ascending order. bbolt writes to these pages next.
// FreeList also returns the pages of the list itself. If there is no list, for example
// after a crash on a full disk, it returns nothing.
func (f *File) FreeList() (free []uint64, own []uint64, err error) {
	id := f.Meta.Free
	if id == NoFreeList {
		return nil, nil, nil
	}
	p := &page{id: id}
	defer func() {
		if err != nil {
			err = fmt.Errorf("list of free pages: %w", err)
		}
	}()
	if id < 2 || id >= f.Meta.High {
		return nil, nil, p.errorf("outside the file")
	}
	head := make([]byte, HeaderSize+8)
	off := int64(id) * f.Meta.PageSize
	if err := f.read(head, off); err != nil {
		return nil, nil, p.errorf("%w", err)
	}
	count, long := uint64(ByteOrder.Uint16(head[10:])), uint64(ByteOrder.Uint32(head[12:]))+1
	skip := int64(HeaderSize)
	if count == manyFreePages {
		count = ByteOrder.Uint64(head[HeaderSize:])
		skip += 8
	}
	switch {
	case ByteOrder.Uint64(head) != id || ByteOrder.Uint16(head[8:]) != pageFreeList:
		return nil, nil, p.errorf("contains something else")
	case long > f.Meta.High-id || count > f.Meta.High || skip+8*int64(count) > int64(long)*f.Meta.PageSize:
		return nil, nil, p.errorf("%d pages do not fit", count)
	}
	b := make([]byte, 8*count)
	if err := f.read(b, off+skip); err != nil {
		return nil, nil, p.errorf("%w", err)
	}
	last := uint64(1) // the meta pages are never free
	for i := range count {
		next := ByteOrder.Uint64(b[8*i:])
		if next <= last || next >= f.Meta.High {
			return nil, nil, p.errorf("entry %d is not in order", i)
		}
		free, last = append(free, next), next
	}
	for i := range long {
		own = append(own, id+i)
	}
	return free, own, nil
}

// CompareFree compares the list of free pages with the pages that were visited. `both`
// is how many pages are in the list and also in use: bbolt would overwrite them. `lost`
// is how many pages are neither in the list nor in use. If damaged pages were not
// visited, some of the lost pages may belong to them. If there is no list, both numbers
// are 0.
func (w *Walker) CompareFree() (both, lost int, err error) {
	free, own, err := w.FreeList()
	if err != nil || w.Meta.Free == NoFreeList {
		return 0, 0, err
	}
	for _, id := range slices.Concat(free, own) {
		if id/64 >= uint64(len(w.used)) {
			continue // the page is behind the end of a file that was cut short
		}
		if w.used.has(id) {
			both++
		}
		w.used.set(id)
	}
	for id := range min(w.Meta.High, 64*uint64(len(w.used))) {
		if !w.used.has(id) {
			lost++
		}
	}
	return both, lost, nil
}

// InUse returns how many bytes the pages of the trees have. If the list of free pages
// is missing or damaged, they may have fewer bytes than that.
func (f *File) InUse() int64 {
	free, own, _ := f.FreeList()
	return min(f.Size, int64(f.Meta.High-2-uint64(len(free)+len(own)))*f.Meta.PageSize)
}

// DropFreeList writes a meta page without a list of free pages. When bbolt opens the
// file, it makes a new list. DropFreeList replaces the older meta page, as a commit of
// bbolt does. So one of the two meta pages is valid at any moment.
func (f *File) DropFreeList(w *os.File) error {
	b := make([]byte, HeaderSize+metaSize)
	if err := f.read(b, int64(f.Meta.slot)*f.Meta.PageSize); err != nil {
		return err
	}
	txid := f.Meta.TxID + 1
	slot := int64(txid % 2)
	ByteOrder.PutUint64(b, uint64(slot))
	m := b[HeaderSize:]
	ByteOrder.PutUint64(m[32:], NoFreeList)
	ByteOrder.PutUint64(m[48:], txid)
	ByteOrder.PutUint64(m[metaSum:], metaChecksum(m))
	if _, err := w.WriteAt(b, slot*f.Meta.PageSize); err != nil {
		return err
	}
	return w.Sync()
}
