// Package resolve decides what a change of the store does. It decides which name an
// image gets, and whether the image replaces another. It also decides when the image
// expires, and what goes to the trash. An engine calls this package in the transaction
// of the change, and then writes the result. So all engines decide in the same way. The
// functions keep no state, and are safe for concurrent use.
package resolve

import (
	"errors"
	"fmt"
	"iter"
	"sort"
	"time"

	"imageserver/db"
)

// Names finds images in the transaction of the change. It does not find images in the
// trash.
type Names interface {
	// Find returns the image with this name. It returns nil if no image has the name,
	// or if the image has expired. The caller of Find must not change the image before
	// the transaction ends.
	Find(name string) (*db.Image, error)

	// WithContent yields names of images with the content whose digest is `digest`. It
	// yields only names that begin with `prefix`, in any order. It may also yield names
	// of expired images.
	WithContent(digest db.Digest, prefix string) iter.Seq2[string, error]
}

// Resolution is the name that an image gets.
type Resolution struct {
	Name    string
	Current *db.Image // the image that had this name before the change, or nil
	Outcome db.Outcome
}

// Put resolves the name of a Put: it decides which name the image gets. `digest` is the
// digest of the new image. If `allow` is not nil, Put calls it with the image that has
// the name now, or with nil. If `allow` returns an error, Put returns this error. If
// `conflict` is db.Fail and the name is taken, Put returns an error that wraps
// db.ErrExists.
//
// A client may repeat an upload that got another name the first time, such as
// cat-2.png. The client must then get the same name again, and the store must not get a
// duplicate. So if an image with this content already has a name that db.Numbered
// makes, the Outcome is Unchanged.
func Put(names Names, name string, digest db.Digest, conflict db.Conflict, allow db.Precondition) (Resolution, error) {
	current, err := names.Find(name)
	if err == nil && allow != nil {
		err = allow(copyOf(current))
	}
	switch {
	case err != nil:
		return Resolution{}, err
	case current == nil:
		return Resolution{name, nil, db.Created}, nil
	case current.SHA256 == digest:
		return Resolution{name, current, db.Unchanged}, nil
	case conflict == db.Replace:
		return Resolution{name, current, db.Replaced}, nil
	case conflict == db.Fail:
		return Resolution{}, fmt.Errorf("%w: %q", db.ErrExists, name)
	}
	again, err := numberedTwin(names, name, digest)
	switch {
	case err != nil:
		return Resolution{}, err
	case again != nil:
		return Resolution{again.Name, again, db.Unchanged}, nil
	}
	name, err = freeName(names, name)
	return Resolution{name, nil, db.Created}, err
}

// Rename resolves the name that an image gets when it is renamed from the name `from`
// to the name `to`. `img` is the image with the name `from`, or nil if there is no such
// image. If the resolved name is `from`, nothing changes. Otherwise the engine changes
// the name of the image to the resolved name. But if the Outcome is Unchanged, another
// image with the same content already has the resolved name. Then the engine deletes
// `img`. The other image, Current, expires at the Expires of one of the two images,
// whichever is later.
func Rename(names Names, img *db.Image, from, to string, o db.RenameOptions) (Resolution, error) {
	if err := Existing(img, from, o.Allow); err != nil {
		return Resolution{}, err
	}
	r, err := Put(names, to, img.SHA256, o.Conflict, nil)
	if r.Outcome == db.Unchanged && r.Name != to && db.IsNumbered(to, from) {
		// Example: `from` is cat-3.png, `to` is cat.png, and cat-2.png has the same
		// content. Keep the image under its own name.
		return Resolution{from, img, db.Unchanged}, nil
	}
	return r, err
}

// Restore resolves the name that an image from the trash gets. `img` is the image with this
// name in the trash that o.Deleted chooses, or nil if there is no such image or it has expired.
// The engine moves the image in the same way as after Rename.
func Restore(names Names, img *db.Image, name string, o db.RestoreOptions) (Resolution, error) {
	if err := Existing(img, name, o.Allow); err != nil {
		return Resolution{}, err
	}
	return Put(names, name, img.SHA256, db.Rename, nil)
}

// Existing calls `allow`, if it is not nil, with the image that has the name. If no
// image has the name, `img` is nil, and `allow` gets nil. If `allow` returns an error,
// Existing returns it. Otherwise, if `img` is nil, Existing returns an error that wraps
// db.ErrNotFound.
func Existing(img *db.Image, name string, allow db.Precondition) error {
	if allow != nil {
		if err := allow(copyOf(img)); err != nil {
			return err
		}
	}
	if img == nil {
		return fmt.Errorf("%w: %q", db.ErrNotFound, name)
	}
	return nil
}

// Moved returns a copy of `img` with the resolved name, outside the trash. All other fields
// stay the same.
func (r Resolution) Moved(img db.Image) db.Image {
	img.Name = r.Name
	img.Deleted, img.TrashExpires = time.Time{}, time.Time{}
	return img
}

// PutTrashed decides the Outcome of a db.TrashCopier.PutTrashed. `current` is the image in the
// trash that has the name and the time of deletion, or nil. `digest` is the digest of the new
// image. If `current` has another digest, PutTrashed returns an error that wraps db.ErrExists.
func PutTrashed(current *db.Image, name string, digest db.Digest) (db.Outcome, error) {
	switch {
	case current == nil:
		return db.Created, nil
	case current.SHA256 == digest:
		return db.Unchanged, nil
	}
	return 0, fmt.Errorf("%w: %q in the trash", db.ErrExists, name)
}

// numberedTwin returns an image with this digest whose name is `name` with a number,
// such as cat-2.png. If there is no such image, it returns nil.
func numberedTwin(names Names, name string, digest db.Digest) (*db.Image, error) {
	for candidate, err := range names.WithContent(digest, db.NumberedPrefix(name)) {
		if err != nil {
			return nil, err
		}
		if !db.IsNumbered(name, candidate) {
			continue
		}
		if img, err := names.Find(candidate); img != nil || err != nil {
			return img, err
		}
	}
	return nil, nil
}

// freeName returns a free name with a number, such as cat-2.png. It doubles the number
// until the name with this number is free. Then it searches for a lower free number. So
// the ten-thousandth image.png needs thirty look-ups instead of ten thousand. If images
// were deleted, the result may not have the lowest free number.
func freeName(names Names, name string) (string, error) {
	var failed error
	free := func(n int) bool {
		img, err := names.Find(db.Numbered(name, n))
		if err != nil && !errors.Is(err, db.ErrDamaged) { // a damaged image occupies its name
			failed = err
		}
		return img == nil && err == nil || failed != nil
	}
	high := 2
	for !free(high) {
		high *= 2
	}
	n := high/2 + sort.Search(high-high/2, func(i int) bool { return i > 0 && free(high/2+i) })
	return db.Numbered(name, max(n, 2)), failed
}

// copyOf returns a copy of the image, or nil. A precondition gets the copy, because it
// may change the image that it gets.
func copyOf(img *db.Image) *db.Image {
	if img == nil {
		return nil
	}
	c := *img
	return &c
}
