// Package db says what a store of images is: interfaces, types, errors, and the rules
// for names. It knows neither file formats nor HTTP. Each engine that stores images
// is in a folder of this one, and passes the tests in package dbtest.
//
// # Names and contents
//
// An image has one name and one content. Its content is its bytes, which never
// change. A Put that replaces an image gives the name another content. It does not
// disturb readers of the former content. Equal contents are stored once, whatever the
// names of their images.
//
// Every method passes a name to [CheckName] first, and returns [ErrName] for a name
// that is not valid. Names are compared in Unicode normal form C, so two spellings
// of "é" are one name.
//
// # Expiry
//
// An image can expire: see Image.Expires. From that moment, by the clock of the store,
// no method returns it, and its name can be reused. The store deletes it soon after,
// without being asked. Until then Usage may count it, and GetVariant may return
// variants of its content. An expired image never goes to the trash.
//
// # Trash
//
// An image that is deleted or replaced goes to the trash if the caller gives a
// TrashTTL. Then only Restore and a List of the trash return it. The store keeps its
// bytes, and Usage counts it separately. The trash can have several images of one
// name. An image in the trash expires at Image.TrashExpires. The store deletes it
// earlier only when storage is full: before a Put returns ErrFull, the store deletes
// variants, and then images from the trash, those that were deleted first before
// others.
//
// # Engines
//
// Packages beside the engines do what is the same in all of them:
//
//	resolve  decides which name an image gets, when it expires, what goes to the trash
//	receive  reads an upload into bounded memory; computes its digest and checksums
//	chunk    reads and verifies contents that are stored in chunks
//	order    has the keys, the cursors and the search of lists
//	fair     divides memory between uploads
//	dbtest   tests that an engine does what this package says
package db

import (
	"context"
	"io"
)

// Store stores images and variants of them. All methods are safe for concurrent use.
// Code that needs a part of a store asks for one of the smaller interfaces.
type Store interface {
	Images
	DeleteKeys
	Trash
	Variants
	Status

	// Close waits for calls that have begun, and releases the store. From then on
	// open bodies return errors, and methods return ErrClosed.
	Close() error
}

// Images stores and finds images by name.
type Images interface {
	// Put reads body to its end and stores the bytes as an image. It returns nil
	// only when the image is on stable storage. Until then no other call sees any
	// part of it.
	//
	// With Conflict Rename the image may get one of the names of [Numbered]. The
	// returned Image has the name to use. If the Outcome is Unchanged, the image
	// that has the name stays as it is, but expires at the later of the two times.
	// The returned Image is that image.
	//
	// Put wraps an error of body. When ctx ends while Put reads body, Put returns
	// the error of ctx. After an error that is neither a refusal nor from body, the
	// image may be stored or not. The caller can safely call Put again: the same
	// bytes are not stored twice.
	Put(ctx context.Context, name string, body io.Reader, o PutOptions) (Image, Outcome, error)

	// Get returns an image and its bytes, or [ErrNotFound]. The caller must close the
	// body. A Body is for one goroutine at a time. It holds no lock and no
	// transaction between reads, and later calls of Put and Delete do not change
	// what it reads. It verifies every byte before it returns it, and returns
	// [ErrDamaged] instead of a damaged part. It reads nothing before its first use,
	// so a Get whose body is not read costs as much as a Stat.
	Get(ctx context.Context, name string) (Image, Body, error)

	// Stat returns an image, or [ErrNotFound].
	Stat(ctx context.Context, name string) (Image, error)

	// List returns a page of images in the order of o.Sort and o.Reverse, and the
	// cursor for the next page, which is empty after the last page. A page may have
	// fewer images than o.Limit, or none, although more follow. An image that is
	// stored or deleted between two pages may be missing. Every other image appears
	// exactly once.
	//
	// With o.Trash it lists the trash in the same way, but always in one order: the
	// most recently deleted first, and equal times by name. A cursor belongs to the
	// list and the order that it came from. Any other list returns [ErrCursor].
	List(ctx context.Context, o ListOptions) (images []Image, next string, err error)

	// Delete deletes an image. Its content is deleted with the last image that has it,
	// in the trash or not. Delete first calls o.Allow and returns its error. Then
	// it returns [ErrNotFound] if there is no such image.
	Delete(ctx context.Context, name string, o DeleteOptions) error

	// Rename gives the image from the name to. All other fields stay, and open
	// bodies stay readable. Rename first calls o.Allow and returns its error. Then
	// it returns [ErrNotFound] if there is no image from.
	//
	// If another image has the name to, o.Conflict decides as in Put. If that image
	// has the same content, the Outcome is Unchanged: Rename deletes the image from,
	// and the other image expires at the later of the two times. If from and to are
	// one name, nothing changes and the Outcome is Unchanged.
	Rename(ctx context.Context, from, to string, o RenameOptions) (Image, Outcome, error)
}

// DeleteKeys finds images by the key that lets its holder delete one image.
type DeleteKeys interface {
	// ByDeleteKeyHash returns the image whose DeleteKeyHash is hash, or ErrNotFound.
	// It finds no image that has expired or is in the trash, and none for the zero
	// hash. If several images have this hash, it returns one of them.
	ByDeleteKeyHash(ctx context.Context, hash Digest) (Image, error)
}

// Trash restores deleted images. To list them, call List of Images.
type Trash interface {
	// Restore moves an image from the trash back to its name: of all images with
	// this name in the trash, the one that was deleted last. The image gets its
	// Uploaded, Expires and DeleteKeyHash back. If another image has the name now,
	// Restore does what Put does with Conflict Rename. It first calls o.Allow and
	// returns its error. Then it returns ErrNotFound if the trash has no image with
	// this name.
	Restore(ctx context.Context, name string, o RestoreOptions) (Image, Outcome, error)

	// EmptyTrash deletes all images in the trash. It returns how many it deleted, with
	// an error too. It may take long, and does not block other calls. When ctx ends,
	// it stops, and the trash may be half empty.
	EmptyTrash(ctx context.Context) (n int, err error)
}
