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
)

// PutCopy keeps a copy; see db.Store. It goes the way of Put: through the same
// buffers, staged as an orphan where it is long, published by one commit.
func (s *Store) PutCopy(ctx context.Context, source db.Digest, key string, body io.Reader, o db.CopyOptions) (db.Image, error) {
	if err := db.CheckKey(key); err != nil {
		return db.Image{}, err
	}
	u, err := s.receive(ctx, body, true)
	if err != nil {
		return db.Image{}, err
	}
	defer u.release()
	if u.size > o.Budget {
		return db.Image{}, fmt.Errorf("%w: %d bytes of at most %d", db.ErrBudget, u.size, o.Budget)
	}
	if err := s.makeRoom(ctx, o.Budget-u.size); err != nil {
		return db.Image{}, err
	}
	return u.publishCopy(source, key, o)
}

// muchOver is how far copies may be above their budget for one commit to mend it.
const muchOver = 16 << 20

// makeRoom trims copies that are far above n bytes, as after a start with a
// smaller budget. What is a little above the commit of the new copy deletes.
func (s *Store) makeRoom(ctx context.Context, n int64) error {
	u, err := s.Usage(ctx)
	if err != nil || u.CopyBytes <= n+muchOver {
		return err
	}
	return s.TrimCopies(ctx, n)
}

// GetCopy returns a copy and its bytes; see db.Store.
func (s *Store) GetCopy(_ context.Context, source db.Digest, key string) (db.Image, db.Body, error) {
	if err := db.CheckKey(key); err != nil {
		return db.Image{}, nil, err
	}
	k := layout.CopyKey(source, key)
	r, err := s.look(func(tx *bbolt.Tx) (*layout.Record, error) { return findCopy(tx, k) })
	if err != nil {
		return db.Image{}, nil, err
	}
	img := r.Image
	img.Name = ""
	return img, &body{s: s, record: r}, nil
}

// findCopy returns the record under k in the copies bucket, or db.ErrNotFound.
func findCopy(tx *bbolt.Tx, k []byte) (*layout.Record, error) {
	r, err := layout.RecordAt(tx, layout.CopiesBucket, k)
	if r == nil && err == nil {
		err = fmt.Errorf("%w: copy %q", db.ErrNotFound, layout.CopyTitle(k))
	}
	return r, err
}

// publishCopy makes the content a copy in one commit.
func (u *upload) publishCopy(source db.Digest, key string, o db.CopyOptions) (db.Image, error) {
	k := layout.CopyKey(source, key)
	r := &layout.Record{Blob: u.id, ChunkSize: layout.ChunkSize, CopyKey: k, Image: db.Image{
		Size: u.size, SHA256: u.sum(),
		ContentType: o.ContentType, Width: o.Width, Height: o.Height,
	}}
	err := u.s.submit(&change{
		bytes: u.heldBytes(),
		copy:  true,
		check: func(tx *txn) (todo bool, err error) { return true, tx.demand(source) },
		apply: func(tx *txn) error {
			r.Uploaded = tx.now
			if err := tx.dropCopy(k); err != nil {
				return err
			}
			if err := tx.evict(o.Budget - u.size); err != nil {
				return err
			}
			if err := u.adopt(tx); err != nil {
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

// demand returns db.ErrNotFound unless an image has the content.
func (tx *txn) demand(content db.Digest) error {
	c := tx.Bucket(layout.DigestsBucket).Cursor()
	for k, _ := c.Seek(layout.NamesOf(content)); bytes.HasPrefix(k, content[:]); k, _ = c.Next() {
		_, name := layout.DigestOwner(k, nil)
		if r, err := tx.live(string(name)); r != nil || err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: none has the digest %s", db.ErrNotFound, content)
}

// dropCopy deletes the copy under k, if there is one.
func (tx *txn) dropCopy(k []byte) error {
	r, err := layout.RecordAt(tx.Tx, layout.CopiesBucket, k)
	if errors.Is(err, layout.ErrRecord) {
		r, err = tx.salvage(k), nil // neither its source nor other copies must suffer
	}
	if r == nil || err != nil {
		return err
	}
	if err := tx.takeOut(r); err != nil {
		return err
	}
	return tx.drop(r.Blob)
}

// salvage returns as much of the unreadable record under k as dropping it
// takes: the blob, from the order of the copies, and the size, from its chunks.
func (tx *txn) salvage(k []byte) *layout.Record {
	r := &layout.Record{CopyKey: k}
	c := tx.Bucket(layout.MadeBucket).Cursor()
	for id, key := c.First(); id != nil; id, key = c.Next() {
		if bytes.Equal(key, k) {
			r.Blob = binary.BigEndian.Uint64(id)
		}
	}
	chunks, prefix := tx.Bucket(layout.ChunksBucket), layout.IDKey(r.Blob)
	c = chunks.Cursor()
	for place, _ := c.Seek(prefix); bytes.HasPrefix(place, prefix); place, _ = c.Next() {
		r.Size += int64(max(0, len(chunks.Bucket(place).Get(layout.ChunkValueKey))-layout.ChecksumSize))
	}
	return r
}

// dropCopies deletes all copies of a content.
func (tx *txn) dropCopies(source db.Digest) error {
	for {
		// The cursor is placed anew each time: deleting moves what it stands on.
		k, _ := tx.Bucket(layout.CopiesBucket).Cursor().Seek(source[:])
		if !bytes.HasPrefix(k, source[:]) {
			return nil
		}
		if err := tx.dropCopy(bytes.Clone(k)); err != nil {
			return err
		}
	}
}

// evict drops copies, those made first before others, until they take at most
// n bytes.
func (tx *txn) evict(n int64) error {
	for tx.usage.CopyBytes > n {
		if some, err := tx.dropOldest(); !some || err != nil {
			return err
		}
	}
	return nil
}

// trimStep is how many copies one commit of TrimCopies deletes at most, so that no
// upload waits long for it.
const trimStep = 500

// TrimCopies deletes the oldest copies; see db.Store.
func (s *Store) TrimCopies(ctx context.Context, n int64) error {
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.submit(&change{
			check: func(tx *txn) (todo bool, err error) {
				more = tx.usage.CopyBytes > n
				return more, nil
			},
			apply: func(tx *txn) (err error) {
				for step := 0; more && step < trimStep && tx.usage.CopyBytes > n; step++ {
					if more, err = tx.dropOldest(); err != nil {
						return err
					}
				}
				return nil
			},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// dropOldest drops the copy made first and reports whether there was one.
func (tx *txn) dropOldest() (some bool, err error) {
	made := tx.Bucket(layout.MadeBucket)
	id, k := made.Cursor().First()
	if id == nil {
		tx.usage.Copies, tx.usage.CopyBytes = 0, 0 // whatever damage made of them
		return false, nil
	}
	if err := tx.canFind(layout.MadeBucket, id); err != nil {
		return false, err
	}
	id, k = bytes.Clone(id), bytes.Clone(k) // the pages they lie in change
	if err := tx.dropCopy(k); err != nil {
		return true, err
	}
	return true, made.Delete(id) // a copy that lost its record is still listed: evict would never end
}

// giveWay drops the oldest copies, or where there are none what has been in
// the trash longest, so that n bytes of an image find space. It reports whether
// there was any of the two. It is the committer's.
func (s *Store) giveWay(n int64) (some bool) {
	// What small images leave lies scattered: twice the bytes needed will hold
	// them more often, and make fewer commits.
	need := 2 * (n + spaceSlack)
	return s.dropSome(need, layout.MadeBucket, (*txn).dropOldest) ||
		s.dropSome(need, layout.DeletedBucket, func(tx *txn) (bool, error) {
			r, err := tx.purgeOldest()
			return r != nil, err
		})
}

// dropSome calls drop, which drops one of what the bucket lists, until need
// bytes are free or it has been enough for one commit. It reports whether that
// was done and there was any.
func (s *Store) dropSome(need int64, bucket []byte, drop func(*txn) (bool, error)) (some bool) {
	err := s.commitTight([]*change{{
		check: func(tx *txn) (todo bool, err error) {
			some = !isEmpty(tx.Tx, bucket)
			return some, nil
		},
		apply: func(tx *txn) error {
			enough := held(tx.usage) - need
			for i := 0; i < dropChunks && tx.deleted < dropChunks && held(tx.usage) > enough; i++ {
				if more, err := drop(tx); !more || err != nil {
					return err
				}
			}
			return nil
		},
	}})
	return some && err == nil
}

// held is what contents and copies take, in bytes.
func held(u db.Usage) int64 { return u.Stored + u.CopyBytes }
