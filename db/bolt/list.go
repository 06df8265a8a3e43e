package bolt

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	bbolt "go.etcd.io/bbolt"
	"golang.org/x/text/unicode/norm"

	"imageserver/db"
)

// scanStep is how many names one transaction of List looks at.
const scanStep = 4096

// List returns a page of images; see db.Store. The cursor is the key in the
// recent bucket, or in the deleted one, at which the page before ended.
func (s *Store) List(ctx context.Context, o db.ListOptions) (images []db.Image, next string, err error) {
	after, err := parseCursor(o)
	if err != nil {
		return nil, "", err
	}
	order := recentBucket
	if o.Trash {
		order = deletedBucket
	}
	limit := max(o.Limit, 1)
	match := strings.ToLower(norm.NFC.String(o.Match)) // stored names are in NFC
	more := true
	for more && len(images) < limit {
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
		err := s.view(func(tx *bbolt.Tx) error {
			c := tx.Bucket(order).Cursor()
			k, _ := c.Seek(after) // the first key, when after is empty
			if k != nil && string(k) == string(after) {
				k, _ = c.Next()
			}
			for n := 0; k != nil && n < scanStep && len(images) < limit; n++ {
				after = append(after[:0], k...)
				if name := string(recentName(k)); strings.Contains(strings.ToLower(name), match) {
					r, err := listed(tx, k, o.Trash)
					switch {
					case err != nil: // it must not hide the others
						s.log.Error("left out of a list", "image", name, "err", err)
					case !s.ended(r):
						images = append(images, r.Image)
					}
				}
				k, _ = c.Next()
			}
			more = k != nil
			return nil
		})
		if err != nil {
			return nil, "", err
		}
	}
	if more {
		next = cursor(after, o.Trash)
	}
	return images, next, nil
}

// listed returns the record that a key in the recent bucket stands for, or in
// the deleted one for the trash.
func listed(tx *bbolt.Tx, k []byte, trash bool) (*record, error) {
	if trash {
		return mustRecord(tx, trashKeyOf(k))
	}
	return mustRecord(tx, recentName(k))
}

// trashCursor begins the cursors of the trash: base64 has no such character.
const trashCursor = "~"

func cursor(key []byte, trash bool) string {
	next := base64.RawURLEncoding.EncodeToString(key)
	if trash {
		return trashCursor + next
	}
	return next
}

// parseCursor returns the key in o.After, or nil where that is empty.
func parseCursor(o db.ListOptions) ([]byte, error) {
	if o.After == "" {
		return nil, nil
	}
	plain, trash := strings.CutPrefix(o.After, trashCursor)
	key, err := base64.RawURLEncoding.DecodeString(plain)
	if err != nil || trash != o.Trash || len(key) <= timeSize {
		return nil, fmt.Errorf("%w: %q", db.ErrCursor, o.After)
	}
	return key, nil
}
