package datafile

import (
	"encoding/binary"
	"errors"
	"runtime/debug"
)

// ErrOverwritten means that another program wrote to the data file.
var ErrOverwritten = errors.New("the data file was overwritten while the server runs; restart the server, or restore a backup first")

// Head is the two pages at the beginning of the data file that tell bbolt where
// everything else is, mapped a second time for the committer; nil where that is
// not possible.
type Head struct{ bytes []byte }

// txidAt is where in each of the two the number of its transaction is.
const txidAt = 64

// TxIDs returns the numbers of the transactions that the two pages are of, or
// zeros where they are gone.
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

// Wrote returns ErrOverwritten unless the commit with the number id has changed
// one of the pages since before and no one else has. Whoever cuts or overwrites
// the file during a commit loses the other page, or changes it.
func (h *Head) Wrote(before [2]uint64, id uint64) error {
	after := h.TxIDs()
	if h == nil || after == [2]uint64{id, before[1]} || after == [2]uint64{before[0], id} {
		return nil
	}
	return ErrOverwritten
}
