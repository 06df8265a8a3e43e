package db

import (
	"context"
	"fmt"
	"io"
)

// Variants stores pictures that were made from images, such as smaller ones. A
// variant belongs to a content, not to a name. It is deleted with the last image that
// has the content and is not in the trash. It does not come back when that image is
// restored or the content is stored again.
//
// Callers make a missing variant again, so the store may delete variants to have space
// for images, but for no other reason.
type Variants interface {
	// PutVariant stores a variant of the content with the digest source under key,
	// and replaces the variant that has this key. It reads and stores body as Put
	// does, with the same guarantees and errors.
	//
	// If all variants of the store would have more than o.Budget bytes together, it
	// deletes the oldest ones in the same transaction. If the new variant alone has
	// more, it deletes none and returns [ErrBudget]. If no image has the content, or
	// none has it any more, it returns ErrNotFound.
	//
	// PutVariant does not wait where Put would: it returns ErrBusy. It deletes no
	// other variant when storage is full: it returns ErrFull.
	//
	// A key is checked with [CheckKey] first. For another key a method returns
	// [ErrKey].
	PutVariant(ctx context.Context, source Digest, key string, body io.Reader, o VariantOptions) (Image, error)

	// GetVariant returns a variant and its bytes, or ErrNotFound. The body works as that
	// of Get, and stays readable after the variant is deleted. A damaged variant
	// returns ErrDamaged until a PutVariant replaces it.
	GetVariant(ctx context.Context, source Digest, key string) (Image, Body, error)

	// TrimVariants deletes the oldest variants until all together have at most n
	// bytes. It may take long, and does not block other calls. When ctx ends, it
	// stops before it is done.
	TrimVariants(ctx context.Context, n int64) error
}

// VariantOptions describes a variant, and says how much space variants have.
type VariantOptions struct {
	ContentType   string
	Width, Height int // pixels

	// Budget is how many bytes all variants of the store may have together, with
	// this one. Each call gives its own: a smaller budget than before deletes more.
	Budget int64
}

// MaxKeyBytes is the length of the longest key of a variant. It has room for a few
// parameters, and with a digest in front it is short enough for a path in any object
// store.
const MaxKeyBytes = 128

// CheckKey returns an error that wraps ErrKey unless key has 1 to MaxKeyBytes bytes.
// The bytes can have any value. Only programs make keys, so a wrong key is a mistake
// in the caller.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKeyBytes {
		return fmt.Errorf("%w: it has %d bytes, want 1 to %d", ErrKey, len(key), MaxKeyBytes)
	}
	return nil
}
