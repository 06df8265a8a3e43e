package bolt

import (
	"bytes"
	"fmt"
	"sort"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
)

// place finds the name under which the bytes with digest sum go when name is
// asked for, the record that now stands there, and what storing them means.
func place(tx *bbolt.Tx, name string, sum db.Digest, o db.PutOptions) (string, *record, db.Outcome, error) {
	old, err := getRecord(tx, name)
	if err != nil {
		return "", nil, 0, err
	}
	if o.Allow != nil {
		if err := o.Allow(old.image()); err != nil {
			return "", nil, 0, err
		}
	}
	switch {
	case old == nil:
		return name, nil, db.Created, nil
	case old.SHA256 == sum:
		return name, old, db.Unchanged, nil
	case o.Conflict == db.Replace:
		return name, old, db.Replaced, nil
	case o.Conflict == db.Fail:
		return "", nil, 0, fmt.Errorf("%w: %q", db.ErrExists, name)
	}
	// A client that repeats an upload which had to take another name must
	// find that one, and not fill the store with copies.
	if again := numberedTwin(tx, name, sum); again != "" {
		old, err := mustRecord(tx, again)
		return again, old, db.Unchanged, err
	}
	return freeName(tx, name), nil, db.Created, nil
}

// numberedTwin returns a name that is numbered after name and holds the bytes
// with digest sum, or an empty string.
func numberedTwin(tx *bbolt.Tx, name string, sum db.Digest) string {
	prefix := digestKey(sum, db.NumberedPrefix(name))
	c := tx.Bucket(digestsBucket).Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		if candidate := string(k[len(sum):]); db.IsNumbered(name, candidate) {
			return candidate
		}
	}
	return ""
}

// freeName returns a free name numbered after name. It doubles the number
// until one is free and then halves the gap, so that the ten-thousandth
// image.png takes thirty look-ups and not ten thousand. Deleted numbers
// leave gaps, so the number found need not be the smallest.
func freeName(tx *bbolt.Tx, name string) string {
	images := tx.Bucket(imagesBucket)
	free := func(n int) bool { return images.Get([]byte(db.Numbered(name, n))) == nil }
	high := 2
	for !free(high) {
		high *= 2
	}
	n := high/2 + sort.Search(high-high/2, func(i int) bool { return i > 0 && free(high/2+i) })
	return db.Numbered(name, max(n, 2))
}
