// Package db defines what a store of images must do. It has the interfaces, the types,
// the errors, and the rules for names. It depends on neither file formats nor HTTP. An
// engine is a package that stores images. Each engine is in a folder inside this
// folder, and passes the tests in package dbtest.
//
// # Names and contents
//
// An image has one name and one content. Its content is its bytes, which never change.
// A Put that replaces an image gives the name another content. Readers of the former
// content can continue to read it. The store keeps equal contents only once, even if
// several images have this content. A variant is a picture that was made from an image,
// such as a smaller picture; see [Variants].
//
// Every method passes a name to [CheckName] first, and returns [ErrName] if the name is
// not valid. Names are compared in Unicode normal form C, so two spellings of "é" are
// the same name.
//
// # Expiry
//
// An image can have a time at which it expires: see Image.Expires. When the clock of the
// store reaches this time, the image has expired. No method returns an expired image, and
// its name can be used for another image. Soon after that, the store deletes the image;
// no caller needs to ask for it. Until the store has deleted the image, Usage may count
// the image, and GetVariant may return variants of its content. An expired image never
// goes to the trash.
//
// # Trash
//
// If the caller of Delete, Put or Rename gives a TrashTTL, the image that is deleted or
// replaced goes to the trash. Only two methods return images in the trash: Restore, and
// List with ListOptions.Trash. The store keeps the bytes of these images, and Usage
// counts these images separately. The trash can have several images with the same name.
// An image in the trash expires at Image.TrashExpires. Without a call of EmptyTrash, the
// store deletes it earlier only when storage is full. If a Put finds no space, the store
// first deletes variants. Then it deletes images from the trash, in the order in which
// they were deleted.
//
// # Engines
//
// Packages beside the engines have the code that all engines share:
//
//	resolve  decides which name an image gets, when the image expires, and which
//	         images go to the trash
//	receive  reads an upload into a limited number of bytes of memory; computes
//	         the digest and the checksums of the upload
//	chunk    reads and verifies contents that are stored in chunks
//	order    defines the sort keys and the cursors of lists, and which names match
//	         a search
//	fair     divides memory between uploads
//	dbtest   tests that an engine does what this package requires
package db

import (
	"context"
	"io"
	"time"
)

// Store stores images and variants of images. All methods are safe for concurrent use.
// Code that needs only some of the methods uses one of the smaller interfaces.
type Store interface {
	Images
	DeleteKeys
	Trash
	Variants
	Status

	// Close waits for all running calls to return. Then it closes the store.
	// After that, open bodies return errors, and methods return ErrClosed.
	Close() error
}

// Images stores and finds images by name.
type Images interface {
	// Put reads body to its end and stores the bytes as an image. It returns a nil
	// error only when the image is on stable storage. Until the whole image is stored,
	// no other call sees any part of the image.
	//
	// If o.Conflict is Rename, the image may get another name, which the function
	// [Numbered] makes. The name in the returned Image is the name that the image got.
	//
	// If the Outcome is Unchanged, an image with the same content already has the name.
	// Put returns that image, and changes only its Expires. The image then expires at
	// its own Expires or at the Expires of this Put, whichever is later.
	//
	// If body returns an error, Put returns an error that wraps the error of body. If
	// ctx ends while Put reads body, Put returns the error of ctx. Put can also
	// refuse the image, for example with ErrExists or with an error of Inspect. After
	// any error not described here, the image may or may not be stored. The caller
	// can safely call Put again: the same bytes are not stored twice.
	Put(ctx context.Context, name string, body io.Reader, o PutOptions) (Image, Outcome, error)

	// Get returns an image and its bytes, or [ErrNotFound]. The caller must close the
	// Body. Only one goroutine at a time may use a Body. Between two reads a Body keeps
	// no lock and no transaction. Later calls of Put and Delete do not change the bytes
	// that the Body returns. A Body verifies all bytes before it returns them, and
	// returns [ErrDamaged] instead of damaged bytes. A Body reads nothing before its
	// first use. So a Get costs the same as a Stat if the caller does not read the
	// Body.
	Get(ctx context.Context, name string) (Image, Body, error)

	// Stat returns an image, or [ErrNotFound].
	Stat(ctx context.Context, name string) (Image, error)

	// List returns one page of images in the order of o.Sort and o.Reverse. It also
	// returns `next`, the cursor for the next page. After the last page, `next` is
	// empty. A page before the last page may also have fewer images than o.Limit, or no
	// images. An image that is stored or deleted between two calls of List may be
	// missing. Every other image is on exactly one page.
	//
	// If o.Trash is true, List lists the images in the trash instead. Their order is
	// always the same: the image that was deleted last is first. Images that were
	// deleted at the same time are in the order of their names. A cursor is valid only
	// for the list and the order for which List returned the cursor. If the cursor is
	// from another list or order, List returns [ErrCursor].
	List(ctx context.Context, o ListOptions) (images []Image, next string, err error)

	// Delete deletes an image. If no other image has the same content, inside or
	// outside the trash, Delete also deletes the content. Delete first calls o.Allow.
	// If o.Allow returns an error, Delete returns that error. Otherwise it returns
	// [ErrNotFound] if no image has the name.
	Delete(ctx context.Context, name string, o DeleteOptions) error

	// Rename changes the name of an image from `from` to `to`. All other fields stay
	// the same, and open bodies of the image stay readable. Rename first calls o.Allow.
	// If o.Allow returns an error, Rename returns that error. Otherwise it returns
	// [ErrNotFound] if no image has the name `from`.
	//
	// If another image has the name `to`, o.Conflict decides what happens, as in Put.
	// If that other image has the same content, the Outcome is Unchanged. Then Rename
	// deletes the image with the name `from`. The other image expires at the Expires of
	// one of the two images, whichever is later. If `from` and `to` are the same name,
	// nothing changes, and the Outcome is Unchanged.
	Rename(ctx context.Context, from, to string, o RenameOptions) (Image, Outcome, error)
}

// DeleteKeys finds images by their delete keys. A delete key is a secret: anyone who
// has the delete key of an image may delete this image. The store has only the hash of the
// key.
type DeleteKeys interface {
	// ByDeleteKeyHash returns the image whose DeleteKeyHash is `hash`, or ErrNotFound.
	// It never returns an image that has expired or is in the trash. For the zero hash
	// it returns ErrNotFound. If several images have this hash, it returns one of them.
	ByDeleteKeyHash(ctx context.Context, hash Digest) (Image, error)
}

// Trash restores deleted images. To list them, call List of Images.
type Trash interface {
	// Restore moves an image from the trash back to its name. If the trash has several
	// images with this name, o.Deleted chooses one of them, and the others stay in the
	// trash. The restored image has the same Uploaded, Expires and DeleteKeyHash as
	// before. If another image has the name now, Restore chooses the name as a Put with
	// Conflict Rename does.
	//
	// Restore first calls o.Allow. If o.Allow returns an error, Restore returns that
	// error. Otherwise it returns ErrNotFound if the trash does not have the image.
	Restore(ctx context.Context, name string, o RestoreOptions) (Image, Outcome, error)

	// EmptyTrash deletes all images in the trash. It returns how many images it
	// deleted, also when it returns an error. It may need a long time, but it does not
	// block other calls. If ctx ends, EmptyTrash stops early, and some images may still
	// be in the trash.
	EmptyTrash(ctx context.Context) (n int, err error)
}

// TrashCopier is a Store whose trash can be copied to another store.
type TrashCopier interface {
	// GetTrashed returns an image in the trash and its bytes, or ErrNotFound. `deleted`
	// is the Deleted of the image. The Body works as the Body that Get returns.
	GetTrashed(ctx context.Context, name string, deleted time.Time) (Image, Body, error)

	// PutTrashed reads body to its end and stores the bytes as an image in the trash.
	// The image gets the fields of `img`, but Size and SHA256 are those of the bytes.
	// img.Deleted and img.TrashExpires must not be zero. If this image is in the trash
	// already, the Outcome is Unchanged, and otherwise Created. If the trash has another
	// image with this name and this time, PutTrashed returns ErrExists. The errors of
	// body and of ctx are returned as by Put.
	PutTrashed(ctx context.Context, img Image, body io.Reader) (Outcome, error)
}
