package datafile

import (
	"encoding/binary"
	"errors"
	"runtime/debug"
)

// ErrOverwritten means that another program wrote to the data file.
var ErrOverwritten = errors.New("the data file was overwritten while the server was running; restart the server, or restore a backup first")

// ErrElsewhere means that another file has the path of the data file.
var ErrElsewhere = errors.New("the data file was replaced by another file while the server was running; restart the server to use the new file, or put the former file back")

// Head is a memory map of the two meta pages at the beginning of the data file. bbolt
// finds everything else from these pages. Head is nil if the system cannot map them.
type Head struct{ bytes []byte }

// txidAt is the offset of the transaction id in a meta page.
const txidAt = 64

// TxIDs returns the transaction ids in the two meta pages. If the file was cut, it
// returns zeros.
func (h *Head) TxIDs() (ids [2]uint64) {
	if h == nil {
		return ids
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { _ = recover() }()
	for i := range ids {
		ids[i] = binary.NativeEndian.Uint64(h.bytes[i*len(h.bytes)/2+txidAt:])
	}
	return ids
}

// Wrote checks the meta pages after a commit. `before` is what TxIDs returned before
// the commit, and `id` is the id of the commit. The commit must have written `id` to
// one of the two pages, and the other page must be unchanged. Otherwise Wrote returns
// ErrOverwritten. If a program cuts or overwrites the file during a commit, both pages
// are missing or have changed.
func (h *Head) Wrote(before [2]uint64, id uint64) error {
	after := h.TxIDs()
	if h == nil || after == [2]uint64{id, before[1]} || after == [2]uint64{before[0], id} {
		return nil
	}
	return ErrOverwritten
}
