package bolt

import (
	"bytes"
	"fmt"
	"sort"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// resolution is the name that an upload gets.
type resolution struct {
	name    string
	record  *layout.Record // of the image that has the name now, or nil
	outcome db.Outcome
}

// resolve finds the name for bytes with digest sum that are to be stored under name. If
// allow is not nil, it is asked about the image that has the name.
func (tx *txn) resolve(name string, sum db.Digest, conflict db.Conflict, allow db.Precondition) (resolution, error) {
	old, err := tx.live(name)
	if err == nil && allow != nil {
		err = allow(old.ImageOrNil())
	}
	switch {
	case err != nil:
		return resolution{}, err
	case old == nil:
		return resolution{name, nil, db.Created}, nil
	case old.SHA256 == sum:
		return resolution{name, old, db.Unchanged}, nil
	case conflict == db.Replace:
		return resolution{name, old, db.Replaced}, nil
	case conflict == db.Fail:
		return resolution{}, fmt.Errorf("%w: %q", db.ErrExists, name)
	}
	// If a client repeats an upload that got another name, it must get that name
	// again, and not fill the store with duplicates.
	again, err := tx.numberedTwin(name, sum)
	switch {
	case err != nil:
		return resolution{}, err
	case again != nil:
		return resolution{again.Name, again, db.Unchanged}, nil
	}
	return resolution{tx.freeName(name), nil, db.Created}, nil
}

// numberedTwin returns an image with digest sum whose name is a number of name, such as
// cat-2.png, or nil.
func (tx *txn) numberedTwin(name string, sum db.Digest) (*layout.Record, error) {
	prefix := layout.DigestKey(sum, db.NumberedPrefix(name))
	c := tx.Bucket(layout.DigestsBucket).Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		candidate := string(k[len(sum):])
		if !db.IsNumbered(name, candidate) {
			continue
		}
		if r, err := tx.live(candidate); r != nil || err != nil {
			return r, err
		}
	}
	return nil, nil
}

// freeName returns a free name with a number, such as cat-2.png. It doubles the number
// until one is free, and then searches below it, so that the ten-thousandth image.png
// needs thirty look-ups and not ten thousand. If numbers were deleted, the result need
// not be the smallest.
func (tx *txn) freeName(name string) string {
	free := func(n int) bool {
		r, err := tx.live(db.Numbered(name, n))
		return r == nil && err == nil // an unreadable record occupies its name
	}
	high := 2
	for !free(high) {
		high *= 2
	}
	n := high/2 + sort.Search(high-high/2, func(i int) bool { return i > 0 && free(high/2+i) })
	return db.Numbered(name, max(n, 2))
}

// live returns the record under name, or nil if there is none or it has expired.
func (tx *txn) live(name string) (*layout.Record, error) {
	r, err := layout.ImageRecord(tx.Tx, name)
	if err != nil || r == nil || r.Expired(tx.now) {
		return nil, err
	}
	return r, nil
}
