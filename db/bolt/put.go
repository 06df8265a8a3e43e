package bolt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/chunk"
	"imageserver/db/fair"
	"imageserver/db/resolve"
)

// segmentChunks is how many chunks of an upload are gathered before they are
// committed: about 1 MiB. What fits in one segment is stored by one commit.
const segmentChunks = 8

// Put stores an image; see db.Store. It holds at most one segment in memory.
// A longer body is staged segment by segment as an orphan, so that a crash
// leaves nothing to be seen, and is made an image by the last commit.
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
	img := db.Image{Name: name, Size: u.size, SHA256: u.sum(), Expires: o.Expires}
	if o.Inspect != nil {
		if err := o.Inspect(u, &img); err != nil {
			return db.Image{}, 0, err
		}
	}
	img.Expires, img.DeleteKeyHash = db.Stamp(img.Expires), o.DeleteKeyHash
	return u.publish(img, o)
}

// upload is the content of one Put or PutVariant on its way into the file.
type upload struct {
	s       *Store
	variant bool
	hash    hash.Hash
	size    int64

	id     uint64         // of the blob, if it becomes one
	staged int            // how many chunks are in the file
	held   []*chunk.Chunk // those after them

	small, full fair.Share                  // of the memory for them
	first       [segmentChunks]*chunk.Chunk // the array of held
}

// receive takes a body in, an image's or a variant's. The upload it returns is the
// caller's to release.
func (s *Store) receive(ctx context.Context, body io.Reader, sender db.Sender, ofVariant bool) (*upload, error) {
	if err := errors.Join(ctx.Err(), s.failure()); err != nil {
		return nil, err
	}
	u := &upload{
		s: s, variant: ofVariant, hash: sha256.New(), id: s.newBlob(),
		small: s.memory.small.Share(sender), full: s.memory.full.Share(sender),
	}
	u.held = u.first[:0]
	if err := u.read(ctx, body); err != nil {
		u.release()
		return nil, err
	}
	return u, nil
}

// sum returns the digest of what has been taken in.
func (u *upload) sum() (d db.Digest) {
	u.hash.Sum(d[:0])
	return d
}

// read takes the body in, staging every segment that is followed by more.
func (u *upload) read(ctx context.Context, body io.Reader) error {
	c, err := u.buffer(ctx, 0)
	for err == nil {
		u.held = append(u.held, c)
		if err = u.fill(ctx, body); err != nil && err != io.EOF {
			return err
		}
		c = u.last()
		c.Key = layout.ChunkKey(u.id, u.staged+len(u.held)-1)
		c.Seal()
		u.hash.Write(c.Data())
		u.size += int64(c.Len())
		if err == io.EOF {
			u.dropEmpty()
			return nil
		}
		if err = ctx.Err(); err == nil {
			c, err = u.next(ctx)
		}
	}
	return err
}

func (u *upload) last() *chunk.Chunk { return u.held[len(u.held)-1] }

// dropEmpty gives the last buffer back when the body ended before it.
func (u *upload) dropEmpty() {
	if c := u.last(); c.Len() == 0 {
		u.held = u.held[:len(u.held)-1]
		u.discard(c)
	}
}

// fill reads into the last chunk until it is full or r ends: then it returns
// io.EOF.
func (u *upload) fill(ctx context.Context, r io.Reader) (err error) {
	for c := u.last(); ; u.held[len(u.held)-1] = c {
		err = c.Fill(r)
		switch {
		case err != nil && err != io.EOF:
			return fmt.Errorf("read image: %w", err)
		case err == io.EOF, c.Len() == layout.ChunkSize:
			return err
		}
		if c, err = u.grow(ctx, c); err != nil {
			return err
		}
	}
}

// next returns an empty buffer of full size. An upload that holds one can always
// go on: if it does not get another it stages early and uses its own again.
func (u *upload) next(ctx context.Context) (*chunk.Chunk, error) {
	if len(u.held) < segmentChunks && u.more(ctx) {
		return u.s.memory.borrow(len(bufferSizes) - 1), nil
	}
	if err := u.stage(); err != nil {
		return nil, err
	}
	keep := u.held[0]
	keep.Reset()
	for _, c := range u.held[1:] {
		u.discard(c)
	}
	u.held = u.held[:0]
	return keep, nil
}

// release gives back what the upload still holds. What it staged and did not
// publish is swept.
func (u *upload) release() {
	for _, c := range u.held {
		u.discard(c)
	}
	u.held = nil
	u.small.Close()
	u.full.Close()
	if u.staged > 0 {
		u.s.unpin(u.id)
	}
}

// stage commits the held chunks as an orphan's.
func (u *upload) stage() error {
	if u.staged == 0 {
		u.s.pins.pin(u.id)
	}
	err := u.s.submit(&change{
		bytes:   u.heldBytes(),
		variant: u.variant,
		check:   func(*txn) (bool, error) { return true, nil },
		apply: func(tx *txn) error {
			tx.left = append(tx.left, u.id)
			if err := tx.Bucket(layout.OrphansBucket).Put(layout.IDKey(u.id), nil); err != nil {
				return err
			}
			return u.writeHeld(tx.Tx)
		},
	})
	u.staged += len(u.held) // and if that failed: what there may be is swept
	return err
}

func (u *upload) heldBytes() (n int64) {
	for _, c := range u.held {
		n += int64(c.Len())
	}
	return n
}

// writeHeld writes the held chunks after those staged before.
func (u *upload) writeHeld(tx *bbolt.Tx) error {
	chunks := tx.Bucket(layout.ChunksBucket)
	if chunks.Sequence() < u.id {
		if err := chunks.SetSequence(u.id); err != nil {
			return err
		}
	}
	for i, c := range u.held {
		if err := layout.PutChunk(tx, u.id, u.staged+i, c.Sealed()); err != nil {
			return err
		}
	}
	return nil
}

// ReadAt reads what has been taken in, for Inspect.
func (u *upload) ReadAt(p []byte, off int64) (n int, err error) {
	return chunk.ReadAt(p, off, u.size, layout.ChunkSize, func(number int, read func([]byte)) error {
		if number >= u.staged {
			read(u.held[number-u.staged].Data())
			return nil
		}
		c, err := u.s.readChunk(u.id, number, layout.ChunkSize)
		if err != nil {
			return err
		}
		defer putChunk(c)
		read(c.Data())
		return nil
	})
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
		bytes: u.heldBytes(),
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
	tx.usage.Stored += u.size
	return u.adopt(tx)
}

// adopt makes the upload's chunks a blob that stays.
func (u *upload) adopt(tx *txn) error {
	if u.staged > 0 {
		if err := tx.Bucket(layout.OrphansBucket).Delete(layout.IDKey(u.id)); err != nil {
			return err
		}
		tx.kept = append(tx.kept, u.id)
	}
	return u.writeHeld(tx.Tx)
}
