// Package db says what a store of images is: named, immutable runs of bytes
// with a little metadata. It knows neither file formats nor HTTP; the engines
// that keep the bytes live in its folders and must pass the suite in dbtest.
package db

import (
	"context"
	"io"
)

// Store keeps images by name. All methods are safe for concurrent use.
//
// Names pass [CheckName] first and are compared in Unicode normal form C, so
// two spellings of "é" are one name. A method given a bad name returns
// [ErrName]. An image is one name bound to one immutable run of bytes: a Put
// that replaces binds the name to other bytes and harms no reader of the
// former ones. Equal bytes are kept once, whatever their names.
//
// An image may have an end: Image.Expires. From that moment on, by the store's
// clock, it is in no answer any more, and its name is as good as free. The
// store deletes it by itself soon after, without being asked. Until then Usage
// may count it, and GetVariant may find the variants of its content. What has
// expired never goes to the trash.
//
// An image that is deleted or replaced may rest in the trash, for as long as
// the caller says. It is then in no answer but that of a List of the trash and
// of [Store.Restore], its bytes are kept, and Usage counts it apart. Several of
// one name may rest at once. At Image.TrashExpires it goes as an image does that
// expires. Only a full disk ends this sooner: before a Put finds no room, the
// variants give way to it, and then the trash, the longest deleted first.
type Store interface {
	// Put reads body to its end and binds name to the bytes. It returns nil
	// only when the image is on stable storage, and until then no other call
	// sees any of it. An error from body comes back wrapped. After an error
	// that is neither a refusal nor the reader's the image may be stored or
	// not; to repeat the Put is safe and makes no second copy. A ctx that ends
	// while body is read ends the Put with its error.
	//
	// The name may be one of [Numbered]'s when o.Conflict says Rename: the
	// Image returned carries the name to use.
	//
	// Where the Outcome is Unchanged, what stands there stays as it is, except
	// for its end: the later of the two holds from then on, and the Image
	// returned tells it.
	Put(ctx context.Context, name string, body io.Reader, o PutOptions) (Image, Outcome, error)

	// Get returns an image and its bytes, or [ErrNotFound]. The body is the
	// caller's to close and must be read by one goroutine at a time; it holds
	// no lock and no transaction between reads, and later Puts and Deletes do
	// not change what it reads. Every byte it returns has been checked: a
	// damaged stretch gives [ErrDamaged] instead. It reads nothing before it
	// is first used, so a Get for the metadata alone costs as much as a Stat.
	Get(ctx context.Context, name string) (Image, Body, error)

	// Stat returns the image under name, or [ErrNotFound].
	Stat(ctx context.Context, name string) (Image, error)

	// List returns images in the order of o.Sort and o.Reverse, and a cursor
	// for the next page: empty after the last one. A page may be short, even
	// empty, although more follow. An image stored or deleted between two
	// pages is missed or absent, every other one appears exactly once.
	//
	// With o.Trash it lists what rests in the trash with the same promises,
	// the most recently deleted first and equal times by name; that list has
	// no other order, whatever o.Sort and o.Reverse say. A cursor is good for
	// the list and the order it came from; all others answer [ErrCursor].
	List(ctx context.Context, o ListOptions) (images []Image, next string, err error)

	// ByDeleteKeyHash returns the image whose DeleteKeyHash is hash, or ErrNotFound.
	// An image that is deleted, replaced or expired is not found, and one that
	// is restored is again. No image has the zero hash. Where several have one
	// hash it returns any of them.
	ByDeleteKeyHash(ctx context.Context, hash Digest) (Image, error)

	// Delete unbinds name; the bytes go with their last name, or leave the
	// trash with their last image there. It returns [ErrNotFound] when there
	// is no such image. o.Allow is asked before that, and its error wins.
	Delete(ctx context.Context, name string, o DeleteOptions) error

	// Rename binds to to what from is bound to and unbinds from. All that is
	// known of the image but its name stays, and open bodies read on. It
	// returns ErrNotFound when from is no image; o.Allow is asked before that,
	// and its error wins.
	//
	// A name that is taken is answered as in Put: by o.Conflict, and where the
	// bytes there are the same ones the Outcome is Unchanged: from goes, and
	// what stands there stays, with the later end. When from and to are one
	// name nothing changes, and the Outcome is Unchanged too.
	Rename(ctx context.Context, from, to string, o RenameOptions) (Image, Outcome, error)

	// Restore takes the most recently deleted of the images called name out of
	// the trash and binds it to that name again, as it was: with its Uploaded,
	// Expires and DeleteKeyHash. A taken name is answered as in a Put that
	// renames. It returns ErrNotFound when none called name rests in the
	// trash; o.Allow is asked before that, and its error wins.
	Restore(ctx context.Context, name string, o RestoreOptions) (Image, Outcome, error)

	// EmptyTrash deletes all that rests in the trash and returns how many that
	// were, also when it returns an error. It may take a while, and other
	// calls go on meanwhile; when ctx ends it stops half way.
	EmptyTrash(ctx context.Context) (n int, err error)

	// PutVariant keeps a variant that was derived from the content with the digest
	// source (a smaller version, say) under key, in the place of an earlier
	// one with that key. It reads and stores body as Put does, with the same
	// promises and errors. Where it would make all variants of the store take
	// more than o.Budget, those made first go in the same transaction; a variant
	// that is larger by itself gives [ErrBudget], and none goes.
	//
	// A variant lives no longer than its source: it goes with the last name of
	// that content, and is not there when the content is stored again or comes
	// back from the trash. When no image has the content (any more), PutVariant
	// returns ErrNotFound. Callers
	// make a variant again that they miss, so a store may drop variants to have
	// room for images, and for nothing else: a PutVariant that finds the disk
	// full returns ErrFull, and one that finds no memory for uploads free does
	// not wait for it, as a Put does, but returns ErrBusy.
	//
	// A key has 1 to [MaxKeyBytes] bytes of any value; a method given another
	// one returns [ErrKey].
	PutVariant(ctx context.Context, source Digest, key string, body io.Reader, o VariantOptions) (Image, error)

	// TrimVariants deletes variants, those made first before others, until all of
	// them take at most n bytes together. It may take a while, and other calls
	// go on meanwhile; when ctx ends it stops half way.
	TrimVariants(ctx context.Context, n int64) error

	// GetVariant returns a variant and its bytes, or ErrNotFound. The body has the
	// promises of Get's: it expiresLater the variant, too. A damaged variant gives
	// ErrDamaged until a PutVariant with its key takes its place.
	GetVariant(ctx context.Context, source Digest, key string) (Image, Body, error)

	// Usage returns what is stored. It is cheap: nothing is counted anew.
	Usage(ctx context.Context) (Usage, error)

	// Ready reads from the store and returns why it cannot serve or cannot
	// take uploads, or nil.
	Ready(ctx context.Context) error

	// Close waits for calls under way and releases the store. Bodies still
	// open return errors from then on.
	Close() error
}

const (
	Rename  Conflict = iota // store under a free name of Numbered's, unless one already holds the bytes
	Replace                 // bind the name to the new bytes
	Fail                    // return ErrExists
)

const (
	Created   Outcome = iota // the name was free
	Replaced                 // the name held other bytes
	Unchanged                // the name already held these bytes
)

const (
	ByUploaded Sort = iota // the newest first
	ByName                 // by the bytes of the names, so A before a before Ä
	BySize                 // the largest first; an engine may look at all images for a page
)
