package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/chunk"
)

// PutVariant stores a variant; see db.Variants. It works like Put: it uses the same
// buffers. A long variant is stored in several commits as an orphan, and the last
// commit publishes it.
func (s *Store) PutVariant(ctx context.Context, source db.Digest, key string, body io.Reader, o db.VariantOptions) (db.Image, error) {
	if err := db.CheckKey(key); err != nil {
		return db.Image{}, err
	}
	u, err := s.receive(ctx, body, nil, true)
	if err != nil {
		return db.Image{}, err
	}
	defer u.release()
	if u.Size() > o.Budget {
		return db.Image{}, fmt.Errorf("%w: %d bytes of at most %d", db.ErrBudget, u.Size(), o.Budget)
	}
	if err := s.makeRoom(ctx, o.Budget-u.Size()); err != nil {
		return db.Image{}, err
	}
	return u.publishVariant(source, key, o)
}

// muchOver is how many bytes the variants may have above their budget. If they have
// more, they are first deleted in separate commits.
const muchOver = 16 << 20

// makeRoom deletes variants if all of them together have far more than n bytes. This
// happens, for example, after a start with a smaller budget. If they have only a few
// bytes too many, the commit of the new variant deletes them.
func (s *Store) makeRoom(ctx context.Context, n int64) error {
	u, err := s.Usage(ctx)
	if err != nil || u.VariantBytes <= n+muchOver {
		return err
	}
	return s.TrimVariants(ctx, n)
}

// GetVariant returns a variant and its bytes; see db.Variants.
func (s *Store) GetVariant(_ context.Context, source db.Digest, key string) (db.Image, db.Body, error) {
	if err := db.CheckKey(key); err != nil {
		return db.Image{}, nil, err
	}
	k := layout.VariantKey(source, key)
	f, err := s.findPinned(lookupKey{variant: true, key: string(k)})
	if err != nil {
		return db.Image{}, nil, err
	}
	img := f.record.Image
	img.Name = ""
	return img, s.openBlob(f), nil
}

// findVariant returns the record with the key k in the bucket of variants, or
// db.ErrNotFound.
func findVariant(tx *bbolt.Tx, k []byte) (*layout.Record, error) {
	r, err := layout.RecordAt(tx, layout.VariantsBucket, k)
	if r == nil && err == nil {
		err = fmt.Errorf("%w: variant %q", db.ErrNotFound, layout.VariantTitle(k))
	}
	return r, err
}

// publishVariant makes the uploaded content a variant, in one commit.
func (u *upload) publishVariant(source db.Digest, key string, o db.VariantOptions) (db.Image, error) {
	k := layout.VariantKey(source, key)
	r := &layout.Record{Blob: u.id, ChunkSize: layout.ChunkSize, VariantKey: k, Image: db.Image{
		Size: u.Size(), SHA256: u.Digest(),
		ContentType: o.ContentType, Width: o.Width, Height: o.Height,
	}}
	err := u.s.submit(&change{
		bytes:   u.BufferedBytes(),
		variant: true,
		check:   func(tx *txn) (todo bool, err error) { return true, tx.requireContent(source) },
		apply: func(tx *txn) error {
			r.Uploaded = tx.now
			if err := tx.dropVariant(k); err != nil {
				return err
			}
			if err := tx.evict(o.Budget - u.Size()); err != nil {
				return err
			}
			if err := u.adopt(tx); err != nil {
				return err
			}
			if err := tx.addPlaceholder(source, o.Placeholder); err != nil {
				return err
			}
			return bind(tx, r)
		},
	})
	if err != nil {
		return db.Image{}, err
	}
	return r.Image, nil
}

// requireContent returns db.ErrNotFound if no image outside the trash has the content.
func (tx *txn) requireContent(content db.Digest) error {
	c := tx.Bucket(layout.DigestsBucket).Cursor()
	for k, _ := c.Seek(layout.NamesOf(content)); bytes.HasPrefix(k, content[:]); k, _ = c.Next() {
		_, name := layout.DigestOwner(k, nil)
		if r, err := tx.live(string(name)); r != nil || err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: none has the digest %s", db.ErrNotFound, content)
}

// maxPlaceholders is how many images get a placeholder in one commit at most. So the commit
// stays short, however many images have the same content.
const maxPlaceholders = 256

// addPlaceholder gives a placeholder to the images that have the content and no placeholder.
// It leaves out a record that cannot be read.
func (tx *txn) addPlaceholder(content db.Digest, placeholder string) error {
	if placeholder == "" {
		return nil
	}
	c := tx.Bucket(layout.DigestsBucket).Cursor()
	k, _ := c.Seek(content[:])
	for n := 0; n < maxPlaceholders && bytes.HasPrefix(k, content[:]); n++ {
		_, owner := layout.DigestOwner(k, nil)
		r, err := layout.MustRecord(tx.Tx, owner)
		if err == nil && r.Placeholder == "" {
			r.Placeholder = placeholder
			err = tx.Bucket(r.Bucket()).Put(r.Key(), r.Marshal())
		}
		if err != nil && !errors.Is(err, layout.ErrRecord) {
			return err
		}
		k, _ = c.Next()
	}
	return nil
}

// dropVariant deletes the variant with the key k, if there is one.
func (tx *txn) dropVariant(k []byte) error {
	r, err := layout.RecordAt(tx.Tx, layout.VariantsBucket, k)
	if errors.Is(err, layout.ErrRecord) {
		r, err = tx.partOfRecord(k), nil // the record is unreadable, but the image and its other variants must still be usable
	}
	if r == nil || err != nil {
		return err
	}
	if err := tx.removeRecord(r); err != nil {
		return err
	}
	return tx.drop(r.Blob, r.Size)
}

// partOfRecord returns the part of the unreadable record with the key k that is needed
// to delete the record. The blob is from the index, and the size is from the chunks.
func (tx *txn) partOfRecord(k []byte) *layout.Record {
	r := &layout.Record{VariantKey: k}
	c := tx.Bucket(layout.MadeBucket).Cursor()
	for id, key := c.First(); id != nil; id, key = c.Next() {
		if bytes.Equal(key, k) {
			r.Blob = binary.BigEndian.Uint64(id)
		}
	}
	chunks, prefix := tx.Bucket(layout.ChunksBucket), layout.IDKey(r.Blob)
	c = chunks.Cursor()
	for place, _ := c.Seek(prefix); bytes.HasPrefix(place, prefix); place, _ = c.Next() {
		r.Size += int64(max(0, len(chunks.Bucket(place).Get(layout.ChunkValueKey))-chunk.ChecksumSize))
	}
	return r
}

// dropVariants deletes all variants of a content.
func (tx *txn) dropVariants(source db.Digest) error {
	for {
		// A deletion invalidates the cursor, so each deletion needs a new one.
		k, _ := tx.Bucket(layout.VariantsBucket).Cursor().Seek(source[:])
		if !bytes.HasPrefix(k, source[:]) {
			return nil
		}
		if err := tx.dropVariant(bytes.Clone(k)); err != nil {
			return err
		}
	}
}
