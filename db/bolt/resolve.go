package bolt

import (
	"bytes"
	"fmt"
	"sort"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// place is where bytes go that were to go under some name.
type resolution struct {
	name    string
	record  *layout.Record // what stands there now, or nil
	outcome db.Outcome
}

// place finds the place of the bytes with digest sum when name is asked for.
// It asks allow, where that is not nil, about what stands under name.
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
	// A client that repeats an upload which had to take another name must
	// find that one, and not fill the store with copies.
	again, err := tx.numberedTwin(name, sum)
	switch {
	case err != nil:
		return resolution{}, err
	case again != nil:
		return resolution{again.Name, again, db.Unchanged}, nil
	}
	return resolution{tx.freeName(name), nil, db.Created}, nil
}

// numberedTwin returns an image whose name is numbered after name and that
// holds the bytes with digest sum, or nil.
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

// freeName returns a free name numbered after name. It doubles the number
// until one is free and then halves the gap, so that the ten-thousandth
// image.png takes thirty look-ups and not ten thousand. Deleted numbers
// leave gaps, so the number found need not be the smallest.
func (tx *txn) freeName(name string) string {
	free := func(n int) bool {
		r, err := tx.live(db.Numbered(name, n))
		return r == nil && err == nil // an unreadable one is in the way, too
	}
	high := 2
	for !free(high) {
		high *= 2
	}
	n := high/2 + sort.Search(high-high/2, func(i int) bool { return i > 0 && free(high/2+i) })
	return db.Numbered(name, max(n, 2))
}

// live returns the record under name, or nil where there is none or it has
// expired.
func (tx *txn) live(name string) (*layout.Record, error) {
	r, err := layout.ImageRecord(tx.Tx, name)
	if err != nil || r == nil || r.Ended(tx.now) {
		return nil, err
	}
	return r, nil
}
