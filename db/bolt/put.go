package bolt

import (
	"context"
	"io"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/resolve"
)

// Put stores an image; see db.Images. It buffers at most 8 chunks of the body, about 1
// MiB. A shorter body is stored by one commit. A longer body is stored in parts of 8
// chunks, by several commits. Until the last commit, these chunks are the blob of an
// orphan: a blob that belongs to no image. So no call sees them, not even after a crash.
// The last commit makes the blob an image.
func (s *Store) Put(ctx context.Context, name string, body io.Reader, o db.PutOptions) (db.Image, db.Outcome, error) {
	name, err := db.CheckName(name)
	if err != nil {
		return db.Image{}, 0, err
	}
	u, err := s.receive(ctx, body, o.Sender, false)
	if err != nil {
		return db.Image{}, 0, err
	}
	defer u.release()
	img := db.Image{Name: name, Size: u.Size(), SHA256: u.Digest(), Expires: o.Expires}
	if o.Inspect != nil {
		if err := o.Inspect(u, &img); err != nil {
			return db.Image{}, 0, err
		}
	}
	img.Expires, img.DeleteKeyHash = db.Stamp(img.Expires), o.DeleteKeyHash
	return u.publish(img, o)
}

// publish makes the uploaded content an image, in one commit.
func (u *upload) publish(img db.Image, o db.PutOptions) (db.Image, db.Outcome, error) {
	damaged, err := u.s.damagedTwin(img.SHA256)
	if err != nil {
		return db.Image{}, 0, err
	}
	var to struct {
		resolve.Resolution
		record *layout.Record // after the change, or nil if nothing changed
	}
	err = u.s.submit(&change{
		bytes: u.BufferedBytes(),
		check: func(tx *txn) (todo bool, err error) {
			to.record = nil // check may run more than once
			to.Resolution, err = resolve.Put(tx, img.Name, img.SHA256, o.Conflict, o.Allow)
			if err != nil || to.Outcome != db.Unchanged || resolve.Extends(img.Expires, to.Current) {
				return true, err
			}
			return tx.hasBlob(to.Current, damaged)
		},
		apply: func(tx *txn) (err error) {
			if to.Outcome == db.Unchanged {
				to.record, err = u.keep(tx, to.Name, img, damaged)
				return err
			}
			named := img
			named.Name, named.Uploaded = to.Name, resolve.Uploaded(o.Uploaded, tx.now)
			// vacate comes before add, because vacate can delete a blob. If the image
			// with this name has expired, it may be the last image with these bytes,
			// and vacate deletes their blob. After that, add finds no image with these
			// bytes, and uses the blob of the upload. In the other order, add would use
			// a blob that vacate then deletes.
			err = tx.vacate(to.Name, o.TrashTTL)
			if err == nil {
				to.record, err = u.add(tx, named, damaged)
			}
			return err
		},
	})
	switch {
	case err != nil:
		return db.Image{}, 0, err
	case to.record == nil:
		return *to.Current, to.Outcome, nil
	}
	return to.record.Image, to.Outcome, nil
}

// hasBlob reports whether `id` is the blob of the image. The id 0 means no blob.
func (tx *txn) hasBlob(img *db.Image, id uint64) (bool, error) {
	if id == 0 {
		return false, nil
	}
	r, err := layout.MustRecord(tx.Tx, []byte(img.Name))
	return err == nil && r.Blob == id, err
}

// keep returns the record of the image with this name. This image has the same bytes as
// `img`. If its blob is the blob `damaged`, keep replaces the blob with the blob of the
// upload. If the expiry of `img` is later, the record gets this expiry.
func (u *upload) keep(tx *txn, name string, img db.Image, damaged uint64) (*layout.Record, error) {
	if _, err := u.replaceDamaged(tx, img.SHA256, damaged); err != nil {
		return nil, err
	}
	return tx.extendExpiry(name, img.Expires)
}

// add adds a record for `img` and returns it. The name of `img` must be free. If
// another image has the same bytes, the new record gets the blob of that image.
// Otherwise it gets the blob of the upload.
func (u *upload) add(tx *txn, img db.Image, damaged uint64) (*layout.Record, error) {
	twin, err := u.replaceDamaged(tx, img.SHA256, damaged)
	if err != nil {
		return nil, err
	}
	r := &layout.Record{Image: img, Blob: u.id, ChunkSize: layout.ChunkSize}
	if twin != nil {
		r.Blob, r.ChunkSize = twin.Blob, twin.ChunkSize
	} else if err := u.adoptContent(tx); err != nil {
		return nil, err
	}
	return r, bind(tx, r)
}
