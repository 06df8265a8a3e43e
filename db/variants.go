package db

import (
	"context"
	"fmt"
	"io"
)

// Variants stores variants. A variant is a picture that was made from an image, such as
// a smaller picture. A variant belongs to the content of an image, not to its name. The
// store deletes the variant when no image outside the trash has this content any more. If
// an image with this content is restored, or the content is stored again, the variant does
// not return.
//
// Callers can make a missing variant again. So the store may delete variants to get
// space for images. It may delete them only for the reasons described here.
type Variants interface {
	// PutVariant stores a variant under `key`. `source` is the digest of the content to
	// which the variant belongs. If the content already has a variant under this key,
	// PutVariant replaces that variant. PutVariant reads and stores body as Put does,
	// with the same guarantees and errors.
	//
	// All variants of the store together may have at most o.Budget bytes. If they would
	// have more, PutVariant deletes the oldest variants in the same transaction. If the
	// new variant alone has more than o.Budget bytes, PutVariant deletes no variant and
	// returns [ErrBudget]. If no image outside the trash has the content, PutVariant
	// returns ErrNotFound. It also does so if the last such image was deleted during
	// the call.
	//
	// If there is no free memory, Put waits, but PutVariant returns ErrBusy at once. If
	// storage is full, Put deletes variants to get space. PutVariant returns ErrFull
	// instead.
	//
	// Every method with a key passes the key to [CheckKey] first, and returns [ErrKey]
	// if the key is not valid.
	PutVariant(ctx context.Context, source Digest, key string, body io.Reader, o VariantOptions) (Image, error)

	// GetVariant returns a variant and its bytes, or ErrNotFound. Its Body works as the
	// Body that Get returns, and stays readable after the variant is deleted. If the
	// variant is damaged, a read returns ErrDamaged until a PutVariant replaces the
	// variant.
	GetVariant(ctx context.Context, source Digest, key string) (Image, Body, error)

	// TrimVariants deletes the oldest variants until all variants together have at most
	// n bytes. It may need a long time, but it does not block other calls. If ctx ends,
	// it stops early.
	TrimVariants(ctx context.Context, n int64) error
}

// VariantOptions describes a variant, and limits the space that all variants use.
type VariantOptions struct {
	ContentType   string
	Width, Height int // pixels

	// Placeholder is not for the variant, but for the images that have the content
	// `source`, also those in the trash. PutVariant gives it to each of them that has
	// none, in the transaction of the variant, and changes nothing else of them. If
	// PutVariant returns an error, no image gets it. If several hundred images have the
	// content, a store may leave out some. If Placeholder is empty, no image is changed.
	Placeholder string

	// Budget is how many bytes all variants of the store may have together, including
	// this variant. The store does not remember the Budget of an earlier call. With a
	// smaller Budget than before, PutVariant deletes more variants.
	Budget int64
}

// MaxKeyBytes is the length of the longest key of a variant, in bytes. A key of this
// length can contain a few parameters. A digest and such a key together are short
// enough for a path in any object store.
const MaxKeyBytes = 128

// CheckKey returns an error that wraps ErrKey unless `key` has 1 to MaxKeyBytes bytes.
// The bytes can have any value. Keys are made by programs, not by users. So a key that
// is not valid is a mistake in the calling program.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKeyBytes {
		return fmt.Errorf("%w: it has %d bytes, but a key must have 1 to %d", ErrKey, len(key), MaxKeyBytes)
	}
	return nil
}
