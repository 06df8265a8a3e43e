// Package db says what a store of images is: named, immutable runs of bytes
// with a little metadata. It knows neither file formats nor HTTP; the engines
// that keep the bytes live in its folders and must pass the suite in dbtest.
package db

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"
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
// may count it, and GetCopy may find the copies of its content. What has
// expired never goes to the trash.
//
// An image that is deleted or replaced may rest in the trash, for as long as
// the caller says. It is then in no answer but that of a List of the trash and
// of [Store.Restore], its bytes are kept, and Usage counts it apart. Several of
// one name may rest at once. At Image.KeptUntil it goes as an image does that
// expires. Only a full disk ends this sooner: before a Put finds no room, the
// copies give way to it, and then the trash, the longest deleted first.
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

	// ByDeleteHash returns the image whose DeleteHash is hash, or ErrNotFound.
	// An image that is deleted, replaced or expired is not found, and one that
	// is restored is again. No image has the zero hash. Where several have one
	// hash it returns any of them.
	ByDeleteHash(ctx context.Context, hash Digest) (Image, error)

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
	// Expires and DeleteHash. A taken name is answered as in a Put that
	// renames. It returns ErrNotFound when none called name rests in the
	// trash; o.Allow is asked before that, and its error wins.
	Restore(ctx context.Context, name string, o RestoreOptions) (Image, Outcome, error)

	// EmptyTrash deletes all that rests in the trash and returns how many that
	// were, also when it returns an error. It may take a while, and other
	// calls go on meanwhile; when ctx ends it stops half way.
	EmptyTrash(ctx context.Context) (n int, err error)

	// PutCopy keeps a copy that was derived from the content with the digest
	// source (a smaller version, say) under key, in the place of an earlier
	// one with that key. It reads and stores body as Put does, with the same
	// promises and errors. Where it would make all copies of the store take
	// more than o.Budget, those made first go in the same transaction; a copy
	// that is larger by itself gives [ErrBudget], and none goes.
	//
	// A copy lives no longer than its source: it goes with the last name of
	// that content, and is not there when the content is stored again or comes
	// back from the trash. When no image has the content (any more), PutCopy
	// returns ErrNotFound. Callers
	// make a copy again that they miss, so a store may drop copies to have
	// room for images, and for nothing else: a PutCopy that finds the disk
	// full returns ErrFull, and one that finds no memory for uploads free does
	// not wait for it, as a Put does, but returns ErrBusy.
	//
	// A key has 1 to [MaxKeyBytes] bytes of any value; a method given another
	// one returns [ErrKey].
	PutCopy(ctx context.Context, source Digest, key string, body io.Reader, o CopyOptions) (Image, error)

	// TrimCopies deletes copies, those made first before others, until all of
	// them take at most n bytes together. It may take a while, and other calls
	// go on meanwhile; when ctx ends it stops half way.
	TrimCopies(ctx context.Context, n int64) error

	// GetCopy returns a copy and its bytes, or ErrNotFound. The body has the
	// promises of Get's: it outlives the copy, too. A damaged copy gives
	// ErrDamaged until a PutCopy with its key takes its place.
	GetCopy(ctx context.Context, source Digest, key string) (Image, Body, error)

	// Usage returns what is stored. It is cheap: nothing is counted anew.
	Usage(ctx context.Context) (Usage, error)

	// Ready reads from the store and returns why it cannot serve or cannot
	// take uploads, or nil.
	Ready(ctx context.Context) error

	// Close waits for calls under way and releases the store. Bodies still
	// open return errors from then on.
	Close() error
}

// Backuper is a Store that can copy itself whole while it goes on.
type Backuper interface {
	// Backup returns a copy of the store as it is at some moment after the call,
	// and its size in bytes: all that was acknowledged before is in it, and a
	// store that is opened on those bytes is like this one was then. The copy is
	// the caller's to close; however slowly it is read, the store goes on as
	// ever. Without room to make it the error is ErrFull, and no harm is done.
	// When ctx ends, Backup returns its error.
	Backup(ctx context.Context) (copy io.ReadCloser, size int64, err error)
}

// Measured is a Store that tells how it fares.
type Measured interface {
	// Stats is cheap, and tells what it can also of a store that has failed.
	Stats() Stats
}

// Stats is what a Store is like at a moment.
type Stats struct {
	FileSize int64 // bytes that the store takes on its disk
	FileFree int64 // bytes of them that are free for new images
	Waiting  int64 // uploads that wait for memory
}

// Image is what the store knows of one image, or of one copy.
type Image struct {
	Name        string // in Unicode normal form C; a copy has none
	Size        int64  // bytes
	SHA256      Digest // of the bytes as stored
	ContentType string // as Inspect gave it
	Width       int    // pixels; 0 where it is not known
	Height      int
	Orientation int       // as EXIF counts it, 1 to 8; 0 where it is not known
	Uploaded    time.Time // when the bytes were stored under a name, or as PutOptions said, or when the copy was made; UTC
	Expires     time.Time // when it goes by itself, UTC; zero for never
	DeleteHash  Digest    // as in PutOptions; zero for none

	// Deleted and KeptUntil are zero but for an image in the trash. It leaves
	// the trash at KeptUntil, which is no later than Expires.
	Deleted   time.Time // when the name was unbound, UTC; another time for each of one name
	KeptUntil time.Time // UTC
}

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// String returns the digest in lower-case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// ParseDigest reads what Digest.String writes.
func ParseDigest(s string) (d Digest, err error) {
	if len(s) != hex.EncodedLen(len(d)) {
		return d, fmt.Errorf("a SHA-256 has %d hexadecimal digits, not %d", hex.EncodedLen(len(d)), len(s))
	}
	_, err = hex.Decode(d[:], []byte(s))
	return d, err
}

// Body is the content of one image. Its WriteTo sends what is left without a
// buffer between store and writer.
type Body interface {
	io.ReadSeekCloser
	io.ReaderAt
	io.WriterTo
}

// Sender is whom the body of a Put comes from. A store that has no memory left
// asks the senders which of them has stalled. The methods must be quick and
// safe to call at any time during the Put.
type Sender interface {
	// Client returns a name that all uploads of one client have in common.
	// When memory is scarce, clients have equal shares of it.
	Client() string

	// Stalled returns how long the body has been waiting for the client's next
	// byte, or 0 if that is not unusually long for this client.
	Stalled() time.Duration

	// GiveWay makes a Read of the body that is under way, and all later ones,
	// return an error soon.
	GiveWay()
}

// PutOptions says how to store. The zero value renames on conflict.
type PutOptions struct {
	// Sender, when not nil, may be told to give way when it has stalled and
	// other uploads wait for memory: the Put then returns the error of its body.
	Sender Sender

	// Inspect, when not nil, is called once the whole of the bytes is staged
	// and before any of it is visible. r holds them, img has its Name, Size
	// and SHA256, and Expires of these options; it fills in ContentType,
	// Width, Height and Orientation, may set another Expires, or returns the
	// error that refuses the image. r must not be used after it returns.
	Inspect func(r io.ReaderAt, img *Image) error

	// Conflict is the answer to a name that holds other bytes. A name that
	// holds the same bytes is no conflict: the Outcome is Unchanged.
	Conflict Conflict

	// Allow, when not nil, is asked before anything is changed, and also when
	// nothing need be changed.
	Allow Precondition

	// Uploaded is when the image was first stored, kept to the nanosecond, for
	// one that comes from elsewhere; zero, and what lies ahead of the store's
	// clock, means now. A Put that changes nothing leaves the time that is there.
	Uploaded time.Time

	// Expires is when the image goes by itself; zero means never. With one
	// that has passed by the end of the Put, the image is gone at once.
	Expires time.Time

	// DeleteHash is a hash of a secret that lets its holder delete the image,
	// kept with it for ByDeleteHash; zero means that there is none. Hashes
	// that rise with time are the cheapest to keep. The caller compares it, in the Allow of a Delete. A Put that changes
	// nothing leaves the one that is there: otherwise whoever has an image
	// could get leave to delete it.
	DeleteHash Digest

	// Trash is for how long what a Replace takes the name from rests in the
	// trash; with 0 it is deleted.
	Trash time.Duration
}

// DeleteOptions says how to delete. The zero value deletes for good.
type DeleteOptions struct {
	Allow Precondition  // asked about the image, when not nil
	Trash time.Duration // for how long the image rests in the trash
}

// RenameOptions says how to rename. The zero value renames on conflict.
type RenameOptions struct {
	Conflict Conflict      // the answer where to holds other bytes
	Allow    Precondition  // asked about the image under from, when not nil
	Trash    time.Duration // as in PutOptions, for what stood under to
}

// RestoreOptions says how to restore.
type RestoreOptions struct {
	Allow Precondition // asked about the image in the trash, when not nil
}

// Precondition decides on the image that stands under the name asked for, or
// nil where there is none, in the transaction that would change it. The error
// it returns is handed on as it is, and nothing is changed. It must be quick,
// may be asked more than once, and must not call the store.
type Precondition func(current *Image) error

// Conflict is what a Put or a Rename does when the name holds other bytes.
type Conflict int

const (
	Rename  Conflict = iota // store under a free name of Numbered's, unless one already holds the bytes
	Replace                 // bind the name to the new bytes
	Fail                    // return ErrExists
)

// Outcome is what a Put, a Rename or a Restore did to the name of the Image it
// returned.
type Outcome int

const (
	Created   Outcome = iota // the name was free
	Replaced                 // the name held other bytes
	Unchanged                // the name already held these bytes
)

// CopyOptions says what a copy is and how much room copies have.
type CopyOptions struct {
	ContentType   string
	Width, Height int // pixels

	// Budget is how many bytes all copies of the store may take together,
	// this one included. It is the caller's at every call: a smaller one than
	// before shrinks what is kept.
	Budget int64
}

// MaxKeyBytes is the longest key of a copy: room for a few parameters, and
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

// ListOptions selects a page.
type ListOptions struct {
	After string // the cursor of the page before, or empty for the first
	Match string // a part of the names wanted, in any case; empty for all
	Limit int    // images at most; at least 1
	Trash bool   // list what rests in the trash instead

	Sort    Sort
	Reverse bool // turn the order of Sort round, that of equal ones too
}

// Sort is by what a List is ordered. Equal ones are in the order of ByName.
type Sort int

const (
	ByUploaded Sort = iota // the newest first
	ByName                 // by the bytes of the names, so A before a before Ä
	BySize                 // the largest first; an engine may look at all images for a page
)

// Usage counts what is stored.
type Usage struct {
	Images int64 // names
	Bytes  int64 // the sum of their sizes
	Blobs  int64 // distinct contents, of images and of what rests in the trash
	Stored int64 // the sum of the distinct contents' sizes, bytes

	Trash      int64 // images in the trash, which Images does not count
	TrashBytes int64 // the sum of their sizes

	Copies    int64 // counted nowhere above
	CopyBytes int64 // the sum of their sizes
}
