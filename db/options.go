package db

import (
	"io"
	"time"
)

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

	// DeleteKeyHash is a hash of a secret that lets its holder delete the image,
	// kept with it for ByDeleteKeyHash; zero means that there is none. Hashes
	// that rise with time are the cheapest to keep. The caller compares it, in the Allow of a Delete. A Put that changes
	// nothing leaves the one that is there: otherwise whoever has an image
	// could get leave to delete it.
	DeleteKeyHash Digest

	// Trash is for how long what a Replace takes the name from rests in the
	// trash; with 0 it is deleted.
	TrashTTL time.Duration
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

// DeleteOptions says how to delete. The zero value deletes for good.
type DeleteOptions struct {
	Allow    Precondition  // asked about the image, when not nil
	TrashTTL time.Duration // for how long the image rests in the trash
}

// RenameOptions says how to rename. The zero value renames on conflict.
type RenameOptions struct {
	Conflict Conflict      // the answer where to holds other bytes
	Allow    Precondition  // asked about the image under from, when not nil
	TrashTTL time.Duration // as in PutOptions, for what stood under to
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

// Outcome is what a Put, a Rename or a Restore did to the name of the Image it
// returned.
type Outcome int

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
