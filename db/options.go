package db

import (
	"io"
	"time"
)

// PutOptions says how to store an image. With the zero value, Put chooses another name
// if the name is taken.
type PutOptions struct {
	// Sender is the client that sends the body, or nil. If the client stops sending
	// while other uploads wait for memory, the store calls GiveWay. Then body returns
	// an error, and Put returns this error.
	Sender Sender

	// Put calls Inspect, if it is not nil, when all bytes have arrived. At that time no
	// other call can see the image. `r` has the bytes. `img` has the Name, Size and
	// SHA256 of the image, and the Expires of these options. Inspect sets ContentType,
	// Width, Height and Orientation. It may change Expires, and may set Placeholder,
	// which counts only if no image with this content has one. If Inspect returns an
	// error, Put refuses the image and returns that error. Inspect must not use `r`
	// after it returns.
	Inspect func(r io.ReaderAt, img *Image) error

	// Conflict says what to do if an image with another content has the name. An image
	// with the same content is not a conflict: then the Outcome is Unchanged.
	Conflict Conflict

	// Put calls Allow, if it is not nil, before it changes anything. Put calls
	// Allow even if nothing will change.
	Allow Precondition

	// Uploaded is for an image that comes from another store. It is the time, with
	// the precision of a nanosecond, at which the image was first stored there. Zero
	// means now. A time that is later than the clock of the store also means now. If
	// the Outcome is Unchanged, the stored image keeps its own time.
	Uploaded time.Time

	// Expires is when the image expires; zero means never. If this time has passed when
	// Put returns, no other call ever finds the image.
	Expires time.Time

	// DeleteKeyHash is the hash of the delete key of the image; zero means that it has
	// none. See [DeleteKeys]. The store does not check delete keys: the caller compares
	// the hashes in DeleteOptions.Allow. If the Outcome is Unchanged, the stored image
	// keeps its own hash. Otherwise anybody who has the same bytes could get the right
	// to delete the image.
	DeleteKeyHash Digest

	// TrashTTL is how long an image that this Put replaces stays in the trash. If
	// TrashTTL is 0, the replaced image is deleted.
	TrashTTL time.Duration
}

// Sender is the client that sends the body of a Put. If a store has no free memory, it
// asks all Senders which of them have stopped sending. The methods must return quickly.
// They must be safe to call at any time during the Put.
type Sender interface {
	// Client returns a name that is the same for all uploads of one client. If there is
	// too little memory, all clients get an equal part of the memory.
	Client() string

	// Stalled returns how long the body has waited for the next byte from the client.
	// It returns 0 if such a wait is normal for this client.
	Stalled() time.Duration

	// GiveWay ends the upload, so that other uploads can use its memory. Soon after
	// this call, the current Read of the body and all later Reads return an error.
	GiveWay()
}

// DeleteOptions says how to delete an image. With the zero value, the image does not go
// to the trash.
type DeleteOptions struct {
	Allow    Precondition  // if not nil, called with the image
	TrashTTL time.Duration // how long the image stays in the trash; 0 deletes the image
}

// RenameOptions says how to rename an image. With the zero value, Rename chooses
// another name if the new name is taken.
type RenameOptions struct {
	Conflict Conflict      // what to do if an image with another content has the new name
	Allow    Precondition  // if not nil, called with the image that gets the new name
	TrashTTL time.Duration // as in PutOptions, for the image that had the new name
}

// RestoreOptions says how to restore an image.
type RestoreOptions struct {
	// Deleted chooses one of several images with the same name in the trash: it is the
	// Deleted of this image, as List returns it. Zero chooses the image that was deleted
	// last.
	Deleted time.Time

	// Restore calls Allow, if it is not nil, with the chosen image. If the trash does not
	// have the chosen image, `current` is nil, even if it has others with the name.
	Allow Precondition
}

// Precondition decides whether a change is allowed. The store calls it in the
// transaction of the change. `current` is the image that has the name, or nil if no
// image has the name. If the Precondition returns an error, nothing changes, and the
// method of the store returns the same error. A Precondition must return quickly, and
// must not call the store. The store may call it more than once.
type Precondition func(current *Image) error

// Conflict says what a Put or a Rename does if an image with another content has the
// name.
//
// With Rename, the image gets a free name that [Numbered] makes. But if an image with
// the same content already has such a name, the Outcome is Unchanged.
type Conflict int

const (
	Rename  Conflict = iota // choose another name
	Replace                 // replace the image that has the name
	Fail                    // return ErrExists
)

// Outcome says what a Put, Rename or Restore did. In the list below, "the name"
// is the name in the Image that the method returned.
type Outcome int

const (
	Created   Outcome = iota // no image had the name
	Replaced                 // an image with another content had the name
	Unchanged                // an image with this content already had the name
)

// ListOptions selects a page of a list.
type ListOptions struct {
	After string // the cursor that List returned with the previous page; empty for the first page
	Match string // list only images whose names contain this, in upper or lower case; empty for all
	Limit int    // the largest number of images on the page; at least 1
	Trash bool   // list the images in the trash instead

	Sort    Sort
	Reverse bool // reverse the order, also the order of images with the same time or size
}

// Sort is the order of a List. Images with the same time or size are in the order
// ByName.
type Sort int

const (
	ByUploaded Sort = iota // the newest first
	ByName                 // by the bytes of the names: A before a before Ä
	BySize                 // the largest first
)
