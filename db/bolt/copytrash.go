package bolt

import (
	"context"
	"fmt"
	"io"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/resolve"
)

// GetTrashed returns an image in the trash and its bytes; see db.TrashCopier.
func (s *Store) GetTrashed(_ context.Context, name string, deleted time.Time) (db.Image, db.Body, error) {
	name, err := db.CheckName(name)
	if err != nil {
		return db.Image{}, nil, err
	}
	for {
		var r *layout.Record
		var wait <-chan struct{}
		s.pins.lookup.RLock()
		err := s.view(func(tx *bbolt.Tx) (err error) {
			if r, err = trashedAt(tx, name, deleted); err == nil && (r == nil || s.expired(r)) {
				err = fmt.Errorf("%w: %q in the trash", db.ErrNotFound, name)
			}
			if err == nil {
				wait = s.pins.pin(r.Blob)
			}
			return err
		})
		s.pins.lookup.RUnlock()
		switch {
		case err != nil:
			return db.Image{}, nil, err
		case wait == nil:
			return r.Image, s.openBlob(&found{record: r}), nil
		}
		<-wait
	}
}

// trashedAt returns the record of the image in the trash with this name that was deleted
// at this time, or nil.
func trashedAt(tx *bbolt.Tx, name string, deleted time.Time) (*layout.Record, error) {
	return layout.RecordAt(tx, layout.TrashBucket, layout.TrashKey(name, deleted))
}

// PutTrashed stores an image in the trash; see db.TrashCopier.
func (s *Store) PutTrashed(ctx context.Context, img db.Image, body io.Reader) (outcome db.Outcome, err error) {
	if img.Name, err = db.CheckName(img.Name); err != nil {
		return 0, err
	}
	u, err := s.receive(ctx, body, nil, false)
	if err != nil {
		return 0, err
	}
	defer u.release()
	img.Size, img.SHA256 = u.Size(), u.Digest()
	for _, t := range []*time.Time{&img.Uploaded, &img.Expires, &img.Deleted, &img.TrashExpires} {
		*t = db.Stamp(*t)
	}
	p := &publication{upload: u, img: img}
	if p.damaged, err = p.damagedTwin(img.SHA256); err != nil {
		return 0, err
	}
	err = s.submit(&change{
		bytes: u.BufferedBytes(),
		check: func(tx *txn) (todo bool, err error) {
			current, err := trashedAt(tx.Tx, img.Name, img.Deleted)
			if err != nil {
				return false, err
			}
			twin, err := sameContent(tx.Tx, img.SHA256)
			if err != nil {
				return false, err
			}
			p.twin = twin != nil
			outcome, err = resolve.PutTrashed(current.ImageOrNil(), img.Name, img.SHA256)
			return outcome == db.Created, err
		},
		apply: func(tx *txn) error {
			_, err := p.add(tx, img)
			return err
		},
	})
	if err != nil {
		return 0, err
	}
	return outcome, nil
}
