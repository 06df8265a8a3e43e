package datafile

import (
	"fmt"

	"imageserver/db"
)

// RecoverDamage turns a panic into an error that wraps db.ErrDamaged: bbolt panics
// on a damaged file, and so does reading its memory map, for a goroutine that has
// called debug.SetPanicOnFault. It is called by defer.
func RecoverDamage(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", db.ErrDamaged, r)
	}
}
