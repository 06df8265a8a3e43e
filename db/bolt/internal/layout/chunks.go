package layout

import (
	"bytes"
	"encoding/binary"
	"fmt"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/chunk"
)

// ChunkSize is how many bytes of an image a chunk has. With its checksum (4), its key
// (1) and the headers of bbolt (page 16, element 16) it fills exactly 128 KiB. Larger
// chunks are not faster to read, and each slow reader has one in memory.
const ChunkSize = 128<<10 - 16 - 16 - 1 - chunk.ChecksumSize

// ChunkKey returns the key of a chunk in the chunks bucket.
func ChunkKey(id uint64, number int) (k [chunk.KeySize]byte) {
	binary.BigEndian.PutUint64(k[:], id)
	binary.BigEndian.PutUint32(k[8:], uint32(number))
	return k
}

// GetChunk returns a chunk as the file has it, beginning with its checksum, which is
// not verified. It returns db.ErrDamaged if the chunk is missing. The bytes are valid
// during the transaction.
func GetChunk(tx *bbolt.Tx, id uint64, number int) ([]byte, error) {
	k := ChunkKey(id, number)
	b := tx.Bucket(ChunksBucket).Bucket(k[:])
	if b == nil {
		return nil, fmt.Errorf("%w: chunk %d is missing", db.ErrDamaged, number)
	}
	v := b.Get(ChunkValueKey)
	if len(v) < chunk.ChecksumSize || len(v) > chunk.ChecksumSize+ChunkSize {
		return nil, fmt.Errorf("%w: chunk %d has %d bytes", db.ErrDamaged, number, len(v))
	}
	return v, nil
}

// PutChunk stores a chunk, which begins with its checksum.
func PutChunk(tx *bbolt.Tx, id uint64, number int, v []byte) error {
	k := ChunkKey(id, number)
	b, err := tx.Bucket(ChunksBucket).CreateBucket(k[:])
	if err != nil {
		return err
	}
	return b.Put(ChunkValueKey, v)
}

// DeleteChunks deletes chunks of a blob, at most as many as most says. It returns how
// many it deleted, and whether none are left.
func DeleteChunks(tx *bbolt.Tx, id uint64, most int) (deleted int, done bool, err error) {
	chunks := tx.Bucket(ChunksBucket)
	prefix := IDKey(id)
	for ; deleted < most; deleted++ {
		// A deletion invalidates the cursor, so each deletion needs a new one.
		k, _ := chunks.Cursor().Seek(prefix)
		if !bytes.HasPrefix(k, prefix) {
			return deleted, true, nil
		}
		// To delete a bucket, bbolt first visits the buckets inside it, and on a
		// damaged page that may never end. Get checks the page.
		if b := chunks.Bucket(k); b == nil || b.Get(ChunkValueKey) == nil {
			return deleted, false, fmt.Errorf("%w: a chunk of blob %d cannot be deleted", db.ErrDamaged, id)
		}
		if err := chunks.DeleteBucket(bytes.Clone(k)); err != nil {
			return deleted, false, err
		}
	}
	return deleted, false, nil
}
