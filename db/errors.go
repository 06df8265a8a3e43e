package db

import (
	"errors"
	"fmt"
)

// What a store refuses and what can befall it. Engines wrap these with the
// name or the cause; callers ask with [errors.Is].
var (
	ErrNotFound = errors.New("no such image")
	ErrExists   = errors.New("name is taken by another image")
	ErrName     = errors.New("bad image name")
	ErrCursor   = errors.New("bad list cursor")
	ErrKey      = errors.New("invalid variant key")

	// ErrBudget: by itself the variant takes more room than all variants may.
	ErrBudget = errors.New("variant is larger than the budget of all variants")

	// ErrFull: the disk, or the size allowed, is used up. Reads and deletes go on.
	ErrFull = errors.New("no space left for images")
	// ErrBusy: too many uploads are under way. Trying again later will do.
	ErrBusy = errors.New("too many uploads at once")
	// ErrDamaged: stored bytes no longer match their checksum.
	ErrDamaged = errors.New("stored image is damaged")
	// ErrReadOnly: the storage failed, and the store has stopped writing.
	ErrReadOnly = errors.New("store has stopped writing")
	// ErrClosed: the store has been closed.
	ErrClosed = errors.New("store is closed")
)

// LimitError is an ErrFull for want of leave and not of disk: the store may
// take Limit bytes.
type LimitError struct{ Limit int64 }

func (e *LimitError) Error() string {
	return fmt.Sprintf("%v: the limit is %d bytes", ErrFull, e.Limit)
}
func (e *LimitError) Unwrap() error { return ErrFull }
