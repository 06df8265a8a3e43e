package db

import (
	"errors"
	"fmt"
)

// The errors of a store. Engines add the name of the image or the cause of the error
// with %w. So callers must compare errors with [errors.Is].
var (
	ErrNotFound = errors.New("no such image")
	ErrExists   = errors.New("another image has this name")
	ErrName     = errors.New("this name cannot be used")
	ErrCursor   = errors.New("bad list cursor")
	ErrKey      = errors.New("bad variant key")

	// ErrBudget: the variant alone is larger than the budget of all variants.
	ErrBudget = errors.New("variant is larger than the budget of all variants")

	// ErrFull: the disk is full, or the store has its largest allowed size. Reads and
	// deletes still work.
	ErrFull = errors.New("no space left for images")
	// ErrBusy: the store has too much to do. The caller can try again in a few
	// seconds.
	ErrBusy = errors.New("too many uploads at once")
	// ErrDamaged: stored bytes do not match their checksum.
	ErrDamaged = errors.New("stored image is damaged")
	// ErrUnavailable: a part of the store, such as its database, cannot be reached at
	// the moment. Everything that was acknowledged is still stored. The caller can try
	// again in a few seconds.
	ErrUnavailable = errors.New("store is unavailable")
	// ErrDatabase and ErrBucket are the ErrUnavailable of one part of the store. The rest
	// of the text has the names of machines, so it is for the log only.
	ErrDatabase = fmt.Errorf("%w", ErrUnavailable)
	ErrBucket   = fmt.Errorf("%w", ErrUnavailable)
	// ErrReadOnly: the storage has failed, and the store has stopped writing.
	ErrReadOnly = errors.New("store has stopped writing")
	// ErrClosed: the store has been closed.
	ErrClosed = errors.New("store is closed")
)

// LimitError is the ErrFull of a store that has reached a limit which the operator set.
// Limit is the largest allowed size of the store, in bytes.
type LimitError struct{ Limit int64 }

func (e *LimitError) Error() string {
	return fmt.Sprintf("%v: the limit is %d bytes", ErrFull, e.Limit)
}
func (e *LimitError) Unwrap() error { return ErrFull }
