package datafile

import (
	"encoding/binary"
	"errors"
	"runtime/debug"
)

// ErrOverwritten means that another program wrote to the data file.
var ErrOverwritten = errors.New("the data file was overwritten while the server was running; restart the server, or restore a backup first")

// Head is a memory map of the two meta pages at the beginning of the data file, from
// which bbolt finds everything else. It is nil if the system cannot map them.
type Head struct{ bytes []byte }

// txidAt is the offset of the transaction id in a meta page.
const txidAt = 64

// TxIDs returns the transaction ids of the two pages, or zeros if the file was cut.
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

// Wrote returns ErrOverwritten unless the commit id changed one of the two pages since
// before, and nothing changed the other one. A program that cuts or overwrites the
// file during a commit removes or changes both.
func (h *Head) Wrote(before [2]uint64, id uint64) error {
	after := h.TxIDs()
	if h == nil || after == [2]uint64{id, before[1]} || after == [2]uint64{before[0], id} {
		return nil
	}
	return ErrOverwritten
}
