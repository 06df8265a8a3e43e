package bolt

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/chunk"
)

// damagedTwin returns the blob of the images whose digest is `sum`, the digest of the
// upload, if this blob is damaged. Otherwise it returns 0. Equal bytes are stored once,
// so a new image may get a blob that was written long ago. So the bytes of this blob
// must be readable.
func (u *upload) damagedTwin(sum db.Digest) (blob uint64, err error) {
	s := u.s
	var twin *layout.Record
	s.pins.lookup.RLock()
	err = s.view(func(tx *bbolt.Tx) (err error) {
		if twin, err = sameContent(tx, sum); twin != nil && s.pins.pin(twin.Blob) != nil {
			twin = nil // a commit is deleting the blob
		}
		return err
	})
	s.pins.lookup.RUnlock()
	if twin == nil || err != nil {
		return 0, err
	}
	b := s.openBlob(&found{record: twin})
	defer b.Close()
	err = u.equals(b, sum)
	if errors.Is(err, db.ErrDamaged) {
		s.log.Warn("damaged image found; its bytes are replaced by the same bytes, which are being uploaded", "image", twin.Name, "err", err)
		return twin.Blob, nil
	}
	return 0, err
}

// equals returns an error if the stored bytes differ from the upload, whose digest is
// `sum`. It compares them with the upload if all of it is still in memory, because that
// is much faster than to compute a digest.
func (u *upload) equals(stored io.WriterTo, sum db.Digest) error {
	w := &comparison{chunks: u.Buffered()}
	if u.Staged() > 0 {
		w.hash = sha256.New()
	}
	if _, err := stored.WriteTo(w); err != nil {
		return err
	}
	if !w.equal(sum) {
		return fmt.Errorf("%w: it has another SHA-256", db.ErrDamaged)
	}
	return nil
}

// comparison compares what is written to it with chunks, or computes its digest.
type comparison struct {
	hash   hash.Hash // nil to compare
	chunks []*chunk.Chunk
	off    int // in chunks[0]
	differ bool
}

func (c *comparison) Write(p []byte) (int, error) {
	if c.hash != nil {
		return c.hash.Write(p)
	}
	for rest := p; len(rest) > 0 && !c.differ; {
		if len(c.chunks) == 0 {
			c.differ = true
			break
		}
		next := c.chunks[0].Data()[c.off:]
		n := min(len(rest), len(next))
		c.differ = !bytes.Equal(rest[:n], next[:n])
		if rest, c.off = rest[n:], c.off+n; n == len(next) {
			c.chunks, c.off = c.chunks[1:], 0
		}
	}
	return len(p), nil
}

// equal reports whether exactly the chunks were written, or bytes with this digest.
func (c *comparison) equal(sum db.Digest) bool {
	if c.hash != nil {
		return bytes.Equal(c.hash.Sum(nil), sum[:])
	}
	return !c.differ && len(c.chunks) == 0
}

// replaceDamaged returns a record with the digest of the upload, or nil. If the blob of
// this record is damaged, replaceDamaged first replaces the blob.
func (p *publication) replaceDamaged(tx *txn) (*layout.Record, error) {
	if !p.twin { // check has looked
		return nil, nil
	}
	twin, err := sameContent(tx.Tx, p.img.SHA256)
	if err != nil || twin == nil || twin.Blob != p.damaged {
		return twin, err
	}
	if err := p.replaceBlob(tx, twin); err != nil {
		return nil, err
	}
	return sameContent(tx.Tx, p.img.SHA256)
}

// replaceBlob gives the blob of the upload to all images with this content, also to
// images in the trash. Then it deletes the damaged blob.
func (u *upload) replaceBlob(tx *txn, damaged *layout.Record) error {
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
	if err := tx.drop(damaged.Blob, damaged.Size); err != nil {
		return err
	}
	return u.adopt(tx) // the bytes are equal, so the counts do not change
}
