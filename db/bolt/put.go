package bolt

import (
	"context"
	"errors"
	"io"
	"time"

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
	p := &publication{upload: u, conflict: o.Conflict, allow: o.Allow, uploaded: o.Uploaded, trashTTL: o.TrashTTL}
	p.img = db.Image{Name: name, Size: u.Size(), SHA256: u.Digest(), Expires: o.Expires}
	if o.Inspect != nil {
		if err := o.Inspect(u, &p.img); err != nil {
			return db.Image{}, 0, err
		}
	}
	p.img.Expires, p.img.DeleteKeyHash = db.Stamp(p.img.Expires), o.DeleteKeyHash
	return p.publish()
}

// publication is what one Put adds to a commit.
type publication struct {
	*upload
	img      db.Image
	conflict db.Conflict
	allow    db.Precondition
	uploaded time.Time // PutOptions.Uploaded
	trashTTL time.Duration

	checked bool   // the blob that has the same content was read
	damaged uint64 // and this is its id, if it is damaged

	resolve.Resolution
	twin   bool           // another record has the same content
	record *layout.Record // after the change, or nil if nothing changed
}

// errUnchecked means that a stored blob has the same content and must be read first.
var errUnchecked = errors.New("the stored bytes are not checked")

// publish makes the uploaded content an image, in one commit. Only if another image has
// the same content, publish reads the blob of that image and tries again.
func (p *publication) publish() (db.Image, db.Outcome, error) {
	err := p.submit()
	if errors.Is(err, errUnchecked) {
		p.checked = true
		if p.damaged, err = p.damagedTwin(p.img.SHA256); err == nil {
			err = p.submit()
		}
	}
	switch {
	case err != nil:
		return db.Image{}, 0, err
	case p.record == nil:
		return *p.Current, p.Outcome, nil
	}
	return p.record.Image, p.Outcome, nil
}

func (p *publication) submit() error {
	return p.s.submit(&change{bytes: p.BufferedBytes(), check: p.check, apply: p.apply})
}

// check may run more than once; see change.
func (p *publication) check(tx *txn) (todo bool, err error) {
	p.record = nil
	p.Resolution, err = resolve.Put(tx, p.img.Name, p.img.SHA256, p.conflict, p.allow)
	if err != nil {
		return false, err
	}
	twin, err := sameContent(tx.Tx, p.img.SHA256)
	p.twin = twin != nil
	switch {
	case err != nil:
		return false, err
	case p.twin && !p.checked:
		return false, errUnchecked
	case p.Outcome != db.Unchanged || resolve.Extends(p.img.Expires, p.Current):
		return true, nil
	}
	return tx.hasBlob(p.Current, p.damaged)
}

func (p *publication) apply(tx *txn) (err error) {
	if p.Outcome == db.Unchanged {
		p.record, err = p.keep(tx)
		return err
	}
	// vacate comes before add, because vacate can delete a blob. If the image with this
	// name has expired, it may be the last image with these bytes, and vacate deletes
	// their blob. After that, add finds no image with these bytes, and uses the blob of
	// the upload. In the other order, add would use a blob that vacate then deletes.
	if err := tx.vacate(p.Name, p.trashTTL); err != nil {
		return err
	}
	img := p.img
	img.Name, img.Uploaded = p.Name, resolve.Uploaded(p.uploaded, tx.now)
	p.record, err = p.add(tx, img)
	return err
}

// hasBlob reports whether `id` is the blob of the image. The id 0 means no blob.
func (tx *txn) hasBlob(img *db.Image, id uint64) (bool, error) {
	if id == 0 {
		return false, nil
	}
	r, err := layout.MustRecord(tx.Tx, []byte(img.Name))
	return err == nil && r.Blob == id, err
}

// keep returns the record of the image with the resolved name. This image has the same
// bytes as the upload. If its blob is damaged, keep replaces the blob with the blob of
// the upload. If the expiry of the upload is later, the record gets this expiry.
func (p *publication) keep(tx *txn) (*layout.Record, error) {
	if _, err := p.replaceDamaged(tx); err != nil {
		return nil, err
	}
	return tx.extendExpiry(p.Name, p.img.Expires)
}

// add adds a record for `img` and returns it. The name of `img` must be free. If
// another image has the same bytes, the new record gets the blob of that image.
// Otherwise it gets the blob of the upload.
func (p *publication) add(tx *txn, img db.Image) (*layout.Record, error) {
	twin, err := p.replaceDamaged(tx)
	if err != nil {
		return nil, err
	}
	r := &layout.Record{Image: img, Blob: p.id, ChunkSize: layout.ChunkSize}
	if twin != nil {
		r.Blob, r.ChunkSize = twin.Blob, twin.ChunkSize
		if twin.Placeholder != "" {
			r.Placeholder = twin.Placeholder
		} else if err := tx.addPlaceholder(img.SHA256, img.Placeholder); err != nil {
			return nil, err
		}
	} else if err := p.adoptContent(tx); err != nil {
		return nil, err
	}
	if img.Uploaded.Equal(tx.now) {
		tx.expectNewest()
	}
	return r, bind(tx, r)
}
