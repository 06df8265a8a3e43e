package db

import (
	"fmt"
)

// VariantOptions says what a variant is and how much room variants have.
type VariantOptions struct {
	ContentType   string
	Width, Height int // pixels

	// Budget is how many bytes all variants of the store may take together,
	// this one included. It is the caller's at every call: a smaller one than
	// before shrinks what is kept.
	Budget int64
}

// MaxKeyBytes is the longest key of a variant: room for a few parameters, and
// with a digest before it short enough for the path of any object store.
const MaxKeyBytes = 128

// CheckKey returns an error that wraps ErrKey unless key has 1 to MaxKeyBytes
// bytes. Keys are made by programs, so a bad one is a mistake in the caller.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKeyBytes {
		return fmt.Errorf("%w: it has %d bytes, and may have 1 to %d", ErrKey, len(key), MaxKeyBytes)
	}
	return nil
}
