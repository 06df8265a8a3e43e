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
// recent bucket at which the page before ended.
func (s *Store) List(ctx context.Context, o db.ListOptions) (images []db.Image, next string, err error) {
	after, err := base64.RawURLEncoding.DecodeString(o.After)
	if err != nil || o.After != "" && len(after) <= 8 {
		return nil, "", fmt.Errorf("%w: %q", db.ErrCursor, o.After)
	}
	limit := max(o.Limit, 1)
	match := strings.ToLower(norm.NFC.String(o.Match)) // stored names are in NFC
	more := true
	for more && len(images) < limit {
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
		err := s.view(func(tx *bbolt.Tx) error {
			c := tx.Bucket(recentBucket).Cursor()
			k, _ := c.Seek(after) // the first key, when after is empty
			if k != nil && string(k) == string(after) {
				k, _ = c.Next()
			}
			for n := 0; k != nil && n < scanStep && len(images) < limit; n++ {
				after = append(after[:0], k...)
				if name := string(recentName(k)); strings.Contains(strings.ToLower(name), match) {
					r, err := mustRecord(tx, name)
					if err != nil { // it must not hide the others
						s.log.Error("left out of a list", "image", name, "err", err)
					} else {
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
		next = base64.RawURLEncoding.EncodeToString(after)
	}
	return images, next, nil
}
