package bolt

import (
	"context"
	"errors"
	"io"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/chunk"
	"imageserver/db/receive"
)

// upload is the content of one Put or PutVariant while it is written to the file. It is
// a receive.Staging: it can store the first chunks of a long upload before the upload
// is complete.
type upload struct {
	receive.Upload
	s       *Store
	variant bool
	id      uint64 // the id of the blob in which the chunks are stored
}

// receive reads the body of an image or a variant. The caller must call release.
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

// release gives the memory of the upload back. If chunks were staged but not published,
// the sweeper deletes them.
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

// Stage stores chunks in the blob of the upload, in one commit. Until the upload is
// published, this blob is an orphan, so no call sees it.
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
			return u.writeChunks(tx, first, chunks)
		},
	})
}

// writeChunks writes chunks of the upload. `first` is the number of the first of these
// chunks.
func (u *upload) writeChunks(tx *txn, first int, chunks []*chunk.Chunk) error {
	tx.chunks = append(tx.chunks, chunkRange{u.id, first, first + len(chunks)})
	all := tx.Bucket(layout.ChunksBucket)
	all.FillPercent = layout.Last.SplitPercent(len(chunks))
	if all.Sequence() < u.id {
		if err := all.SetSequence(u.id); err != nil {
			return err
		}
	}
	for i, c := range chunks {
		if err := layout.PutChunk(tx.Tx, u.id, first+i, c.Sealed()); err != nil {
			return err
		}
	}
	return nil
}

// adoptContent makes the chunks of the upload the blob of an image. It adds the blob to
// the counts.
func (u *upload) adoptContent(tx *txn) error {
	tx.usage.Blobs++
	tx.usage.Stored += u.Size()
	return u.adopt(tx)
}

// adopt writes the last chunks of the upload. From then on, the blob of the upload is
// in use, and is no longer an orphan.
func (u *upload) adopt(tx *txn) error {
	if u.Staged() > 0 {
		if err := tx.Bucket(layout.OrphansBucket).Delete(layout.IDKey(u.id)); err != nil {
			return err
		}
		tx.kept = append(tx.kept, u.id)
	}
	return u.writeChunks(tx, u.Staged(), u.Buffered())
}
