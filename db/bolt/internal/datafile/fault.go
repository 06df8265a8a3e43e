package datafile

import (
	"fmt"

	"imageserver/db"
)

// RecoverDamage returns a panic as an error that wraps db.ErrDamaged. bbolt panics if
// the file is damaged. Reading the memory map of a damaged file panics, too, if the
// goroutine has called debug.SetPanicOnFault. Call RecoverDamage with defer.
func RecoverDamage(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", db.ErrDamaged, r)
	}
}
