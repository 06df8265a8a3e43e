// Package resolve decides what a change of the store does: which name an image gets,
// whether it replaces another, when it expires, and what goes to the trash. An engine
// asks in the transaction of the change, and writes what was decided. So all engines
// decide alike.
package resolve

import (
	"errors"
	"fmt"
	"iter"
	"sort"
	"time"

	"imageserver/db"
)

// Names finds images in the transaction of the change. Images in the trash are not
// found.
type Names interface {
	// Find returns the image that has a name, or nil if there is none or it has
	// expired. The image must not change before the transaction ends.
	Find(name string) (*db.Image, error)

	// WithContent yields the names, in any order, that begin with prefix and whose
	// image has the content with the digest sum. It may yield names of expired
	// images.
	WithContent(sum db.Digest, prefix string) iter.Seq2[string, error]
}

// Resolution is the name that an image gets.
type Resolution struct {
	Name    string
	Current *db.Image // the image that has the name before the change, or nil
	Outcome db.Outcome
}

// Put resolves the name of a Put of bytes with the digest sum. If allow is not nil, it
// is called with the image that has the name. Put returns its error, or an error that
// wraps db.ErrExists.
//
// A client that repeats an upload which got another name must get that name again, and
// not fill the store with duplicates. So an image that already has one of the
// names of db.Numbered and the content is Unchanged.
func Put(names Names, name string, sum db.Digest, conflict db.Conflict, allow db.Precondition) (Resolution, error) {
	current, err := names.Find(name)
	if err == nil && allow != nil {
		err = allow(copyOf(current))
	}
	switch {
	case err != nil:
		return Resolution{}, err
	case current == nil:
		return Resolution{name, nil, db.Created}, nil
	case current.SHA256 == sum:
		return Resolution{name, current, db.Unchanged}, nil
	case conflict == db.Replace:
		return Resolution{name, current, db.Replaced}, nil
	case conflict == db.Fail:
		return Resolution{}, fmt.Errorf("%w: %q", db.ErrExists, name)
	}
	again, err := numberedTwin(names, name, sum)
	switch {
	case err != nil:
		return Resolution{}, err
	case again != nil:
		return Resolution{again.Name, again, db.Unchanged}, nil
	}
	name, err = freeName(names, name)
	return Resolution{name, nil, db.Created}, err
}

// Rename resolves the name that the image img gets when it is renamed from from to to;
// img is nil if there is no such image. If the resolved name is from, nothing changes.
// Otherwise the engine gives the image that name. If the Outcome is Unchanged, it
// deletes the image instead, and Current expires at the later of the two times.
func Rename(names Names, img *db.Image, from, to string, o db.RenameOptions) (Resolution, error) {
	if err := Existing(img, from, o.Allow); err != nil {
		return Resolution{}, err
	}
	r, err := Put(names, to, img.SHA256, o.Conflict, nil)
	if r.Outcome == db.Unchanged && r.Name != to && db.IsNumbered(to, from) {
		// Of several images with this content and a number of to, keep this one.
		return Resolution{from, img, db.Unchanged}, nil
	}
	return r, err
}

// Restore resolves the name that an image from the trash gets. img is the image with
// this name that was deleted last and has not expired, or nil. The engine moves it as
// after Rename.
func Restore(names Names, img *db.Image, name string, o db.RestoreOptions) (Resolution, error) {
	if err := Existing(img, name, o.Allow); err != nil {
		return Resolution{}, err
	}
	return Put(names, name, img.SHA256, db.Rename, nil)
}

// Existing calls allow, if it is not nil, with the image that has the name, which may
// be nil. Then it returns an error that wraps db.ErrNotFound if img is nil.
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

// Moved returns img as it is after it got the resolved name: out of the trash, and
// otherwise as before.
func (r Resolution) Moved(img db.Image) db.Image {
	img.Name = r.Name
	img.Deleted, img.TrashExpires = time.Time{}, time.Time{}
	return img
}

// numberedTwin returns the image with the digest sum whose name is a number of name, such
// as cat-2.png, or nil.
func numberedTwin(names Names, name string, sum db.Digest) (*db.Image, error) {
	for candidate, err := range names.WithContent(sum, db.NumberedPrefix(name)) {
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
// until one is free, and then searches below it, so that the ten-thousandth image.png
// needs thirty look-ups and not ten thousand. If numbers were deleted, the result need
// not be the smallest.
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

// copyOf returns a copy of the image, or nil. A precondition may change it.
func copyOf(img *db.Image) *db.Image {
	if img == nil {
		return nil
	}
	c := *img
	return &c
}
