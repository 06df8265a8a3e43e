package db

import (
	"io"
	"time"
)

// PutOptions says how to store an image. The zero value stores it under another name
// if the name is taken.
type PutOptions struct {
	// Sender, if not nil, is told to give way if it has stalled while other uploads
	// wait for memory. Put then returns the error of its body.
	Sender Sender

	// Inspect, if not nil, is called when all bytes have arrived, before any other
	// call sees the image. r has the bytes. img has the Name, Size and SHA256, and
	// the Expires of these options. Inspect sets ContentType, Width, Height and
	// Orientation, and may change Expires. If it returns an error, Put refuses the
	// image with that error. r is not valid after Inspect returns.
	Inspect func(r io.ReaderAt, img *Image) error

	// Conflict says what to do if the name has another content. The same content is
	// no conflict: the Outcome is Unchanged.
	Conflict Conflict

	// Allow, if not nil, is called before anything changes, and also if nothing will
	// change.
	Allow Precondition

	// Uploaded is when the image was first stored, in nanoseconds, if it comes from
	// another store. Zero, or a time after the clock of the store, means now. A Put
	// that changes nothing does not change the time of the stored image.
	Uploaded time.Time

	// Expires is when the image expires; zero means never. If that time has passed
	// when Put returns, no other call ever finds the image.
	Expires time.Time

	// DeleteKeyHash is the hash of a secret that lets its holder delete the image;
	// zero means none. The caller compares it, in the Allow of a Delete. A Put that
	// changes nothing does not change the hash of the stored image: otherwise whoever
	// has the same bytes could delete it.
	DeleteKeyHash Digest

	// TrashTTL is how long an image that this Put replaces stays in the trash. 0
	// deletes it.
	TrashTTL time.Duration
}

// Sender is the client that sends the body of a Put. A store without free memory asks
// the senders which of them has stalled. The methods must be quick, and safe to call
// at any time during the Put.
type Sender interface {
	// Client returns a name that all uploads of one client have in common. When
	// memory is scarce, every client gets an equal share of it.
	Client() string

	// Stalled returns how long the body has waited for the next byte from the client,
	// or 0 if that is not unusually long for this client.
	Stalled() time.Duration

	// GiveWay makes the current Read of the body, and all later ones, return an error
	// soon.
	GiveWay()
}

// DeleteOptions says how to delete an image. The zero value does not use the trash.
type DeleteOptions struct {
	Allow    Precondition  // called with the image, if not nil
	TrashTTL time.Duration // how long the image stays in the trash
}

// RenameOptions says how to rename an image. The zero value chooses another name if
// the name is taken.
type RenameOptions struct {
	Conflict Conflict      // what to do if the new name has another content
	Allow    Precondition  // called with the image that gets the new name, if not nil
	TrashTTL time.Duration // as in PutOptions, for an image that had the new name
}

// RestoreOptions says how to restore an image.
type RestoreOptions struct {
	Allow Precondition // called with the image in the trash, if not nil
}

// Precondition decides whether a change is allowed. It gets the image that has the
// name, or nil if there is none, in the transaction of the change. If it returns an
// error, nothing changes, and the method returns that error as it is. A
// Precondition must be quick and must not call the store. The store may call it more
// than once.
type Precondition func(current *Image) error

// Conflict says what a Put or a Rename does if the name has another content.
type Conflict int

const (
	Rename  Conflict = iota // choose a free name from Numbered, unless one of these names has the content
	Replace                 // replace the image
	Fail                    // return ErrExists
)

// Outcome is what a Put, Rename or Restore did to the name of the Image that it
// returned.
type Outcome int

const (
	Created   Outcome = iota // no image had the name
	Replaced                 // the name had another content
	Unchanged                // the name already had this content
)

// ListOptions selects a page of a list.
type ListOptions struct {
	After string // the cursor of the page before; empty for the first page
	Match string // list only names that contain this, in upper or lower case; empty for all
	Limit int    // the most images on the page; at least 1
	Trash bool   // list the trash instead

	Sort    Sort
	Reverse bool // reverse the order, that of equal images too
}

// Sort is the order of a List. Equal images are in the order of ByName.
type Sort int

const (
	ByUploaded Sort = iota // the newest first
	ByName                 // by the bytes of the names: A before a before Ä
	BySize                 // the largest first; an engine may read all images for a page
)
