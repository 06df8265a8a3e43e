package bolt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/chunk"
	"imageserver/db/receive"
	"imageserver/db/resolve"
)

// Put stores an image; see db.Images. It buffers at most one segment of the body, about
// 1 MiB. A shorter body is stored by one commit. The segments of a longer one are staged
// as an orphan, so that no call sees them, also after a crash. The last commit makes them
// an image.
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

// upload is the content of one Put or PutVariant on its way into the file. It is a
// receive.Staging.
type upload struct {
	receive.Upload
	s       *Store
	variant bool
	id      uint64 // of the blob, if it becomes one
}

// receive reads the body of an image or a variant. The caller must release the upload.
func (s *Store) receive(ctx context.Context, body io.Reader, sender db.Sender, ofVariant bool) (*upload, error) {
	if err := errors.Join(ctx.Err(), s.failure()); err != nil {
		return nil, err
	}
	u := &upload{s: s, variant: ofVariant, id: s.newBlob()}
	err := u.Receive(ctx, s.memory, u, body, receive.Options{Sender: sender, NoWait: ofVariant})
	if err != nil {
		u.release()
		return nil, err
	}
	return u, nil
}

// release gives the memory of the upload back. The sweeper deletes chunks that were staged
// and not published.
func (u *upload) release() {
	u.Release()
	if u.Staged() > 0 {
		u.s.unpin(u.id)
	}
}

func (u *upload) Key(number int) [chunk.KeySize]byte { return layout.ChunkKey(u.id, number) }

func (u *upload) ReadChunk(number, size int) (*chunk.Chunk, error) {
	return u.s.readChunk(u.id, number, size)
}

func (u *upload) PutChunk(c *chunk.Chunk) { putChunk(c) }

// Stage commits chunks as those of an orphan.
func (u *upload) Stage(first int, chunks []*chunk.Chunk) error {
	if first == 0 {
		u.s.pins.pin(u.id)
	}
	return u.s.submit(&change{
		bytes:   u.BufferedBytes(),
		variant: u.variant,
		check:   func(*txn) (bool, error) { return true, nil },
		apply: func(tx *txn) error {
			tx.left = append(tx.left, u.id)
			if err := tx.Bucket(layout.OrphansBucket).Put(layout.IDKey(u.id), nil); err != nil {
				return err
			}
			return u.writeChunks(tx.Tx, first, chunks)
		},
	})
}

// writeChunks writes chunks of the upload; first is the number of the first one.
func (u *upload) writeChunks(tx *bbolt.Tx, first int, chunks []*chunk.Chunk) error {
	all := tx.Bucket(layout.ChunksBucket)
	if all.Sequence() < u.id {
		if err := all.SetSequence(u.id); err != nil {
			return err
		}
	}
	for i, c := range chunks {
		if err := layout.PutChunk(tx, u.id, first+i, c.Sealed()); err != nil {
			return err
		}
	}
	return nil
}

// publish makes the content an image in one commit.
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
			to.record = nil // this may run more than once
			to.Resolution, err = resolve.Put(tx, img.Name, img.SHA256, o.Conflict, o.Allow)
			if err != nil || to.Outcome != db.Unchanged || resolve.Extends(img.Expires, to.Current) {
				return true, err
			}
			return tx.hasBlob(to.Current, damaged)
		},
		apply: func(tx *txn) (err error) {
			if to.Outcome == db.Unchanged {
				to.record, err = u.renew(tx, to.Name, img, damaged)
				return err
			}
			named := img
			named.Name, named.Uploaded = to.Name, resolve.Uploaded(o.Uploaded, tx.now)
			// The image that has the name is removed first: if it has expired, it may
			// be the last one with these bytes.
			err = tx.vacate(to.Name, o.TrashTTL)
			if err == nil {
				to.record, err = u.enter(tx, named, damaged)
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

// hasBlob reports whether the image has the blob with this id, which may be 0 for none.
func (tx *txn) hasBlob(img *db.Image, id uint64) (bool, error) {
	if id == 0 {
		return false, nil
	}
	r, err := layout.MustRecord(tx.Tx, []byte(img.Name))
	return err == nil && r.Blob == id, err
}

// renew mends the image under name where its blob is damaged, gives it the
// later expiry, and returns its record. It holds the bytes of img.
func (u *upload) renew(tx *txn, name string, img db.Image, damaged uint64) (*layout.Record, error) {
	if _, err := u.mend(tx, img.SHA256, damaged); err != nil {
		return nil, err
	}
	return tx.extendExpiry(name, img.Expires)
}

// enter binds img, whose name is free, to the bytes that are there already, or
// else to the upload's, and returns the record.
func (u *upload) enter(tx *txn, img db.Image, damaged uint64) (*layout.Record, error) {
	twin, err := u.mend(tx, img.SHA256, damaged)
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

// damagedTwin returns the blob that should hold the bytes with digest sum and
// no longer does, or 0. Equal bytes are kept once, so an upload is answered
// with a blob written long ago: it must be one that can be read.
func (s *Store) damagedTwin(sum db.Digest) (blob uint64, err error) {
	var twin *layout.Record
	s.pins.lookup.RLock()
	err = s.view(func(tx *bbolt.Tx) (err error) {
		if twin, err = sameContent(tx, sum); twin != nil && s.pins.pin(twin.Blob) != nil {
			twin = nil // it is just being deleted
		}
		return err
	})
	s.pins.lookup.RUnlock()
	if twin == nil || err != nil {
		return 0, err
	}
	b := s.openBlob(twin)
	defer b.Close()
	h := sha256.New()
	_, err = b.WriteTo(h)
	if err == nil && !bytes.Equal(h.Sum(nil), sum[:]) {
		err = fmt.Errorf("%w: its SHA-256 is another one", db.ErrDamaged)
	}
	if errors.Is(err, db.ErrDamaged) {
		s.log.Warn("damaged image found; the same bytes are being uploaded and take its place", "image", twin.Name, "err", err)
		return twin.Blob, nil
	}
	return 0, err
}

// mend returns a record that has the content, or nil, after healing its blob
// where that is the damaged one.
func (u *upload) mend(tx *txn, sum db.Digest, damaged uint64) (*layout.Record, error) {
	twin, err := sameContent(tx.Tx, sum)
	if err != nil || twin == nil || twin.Blob != damaged {
		return twin, err
	}
	if err := u.heal(tx, twin); err != nil {
		return nil, err
	}
	return sameContent(tx.Tx, sum)
}

// heal puts the upload's chunks in the place of a damaged blob's, for all that
// have the content, in the trash too.
func (u *upload) heal(tx *txn, damaged *layout.Record) error {
	prefix := damaged.SHA256[:]
	c := tx.Bucket(layout.DigestsBucket).Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		_, owner := layout.DigestOwner(k, nil)
		r, err := layout.MustRecord(tx.Tx, owner)
		if err != nil {
			return err
		}
		r.Blob, r.ChunkSize = u.id, layout.ChunkSize
		if err := tx.Bucket(r.Bucket()).Put(r.Key(), r.Marshal()); err != nil {
			return err
		}
	}
	if err := tx.drop(damaged.Blob); err != nil {
		return err
	}
	return u.adopt(tx) // equal bytes: the counts stay
}

// adoptContent makes the upload's chunks a blob that counts as content.
func (u *upload) adoptContent(tx *txn) error {
	tx.usage.Blobs++
	tx.usage.Stored += u.Size()
	return u.adopt(tx)
}

// adopt makes the upload's chunks a blob that stays.
func (u *upload) adopt(tx *txn) error {
	if u.Staged() > 0 {
		if err := tx.Bucket(layout.OrphansBucket).Delete(layout.IDKey(u.id)); err != nil {
			return err
		}
		tx.kept = append(tx.kept, u.id)
	}
	return u.writeChunks(tx.Tx, u.Staged(), u.Buffered())
}
