package layout

import (
	"bytes"
	"encoding/binary"
	"fmt"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/chunk"
)

// ChunkSize is how many bytes of an image a chunk has. With its checksum (4 bytes), its
// key (1) and the headers of bbolt (page 16, element 16), a chunk fills exactly 128
// KiB. Larger chunks cannot be read faster. And each slow reader may have a whole chunk
// in memory.
const ChunkSize = 128<<10 - 16 - 16 - 1 - chunk.ChecksumSize

// ChunkKey returns the key of a chunk in the chunks bucket.
func ChunkKey(id uint64, number int) (k [chunk.KeySize]byte) {
	binary.BigEndian.PutUint64(k[:], id)
	binary.BigEndian.PutUint32(k[8:], uint32(number))
	return k
}

// GetChunk returns a chunk as it is in the file: first its checksum, then its bytes.
// GetChunk does not verify the checksum. If the chunk is missing, it returns
// db.ErrDamaged. The returned bytes are valid during the transaction.
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

// PutChunk stores a chunk. v has the checksum, and then the bytes of the chunk.
func PutChunk(tx *bbolt.Tx, id uint64, number int, v []byte) error {
	k := ChunkKey(id, number)
	b, err := tx.Bucket(ChunksBucket).CreateBucket(k[:])
	if err != nil {
		return err
	}
	return b.Put(ChunkValueKey, v)
}

// CountChunks returns how many chunks of a blob are in the file. It does not read them.
func CountChunks(tx *bbolt.Tx, id uint64) (n int) {
	c, prefix := tx.Bucket(ChunksBucket).Cursor(), IDKey(id)
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		n++
	}
	return n
}

// DeleteChunks deletes at most `limit` chunks of a blob. It returns how many chunks it
// deleted, and whether all chunks of the blob are now deleted.
func DeleteChunks(tx *bbolt.Tx, id uint64, limit int) (deleted int, done bool, err error) {
	chunks := tx.Bucket(ChunksBucket)
	prefix := IDKey(id)
	for ; deleted < limit; deleted++ {
		// A deletion invalidates the cursor, so each deletion needs a new one.
		k, _ := chunks.Cursor().Seek(prefix)
		if !bytes.HasPrefix(k, prefix) {
			return deleted, true, nil
		}
		// Before bbolt deletes a bucket, it visits the buckets inside this bucket. On a
		// damaged page, this may never end. So Get checks the page first.
		if b := chunks.Bucket(k); b == nil || b.Get(ChunkValueKey) == nil {
			return deleted, false, fmt.Errorf("%w: a chunk of blob %d cannot be deleted", db.ErrDamaged, id)
		}
		if err := chunks.DeleteBucket(bytes.Clone(k)); err != nil {
			return deleted, false, err
		}
	}
	return deleted, false, nil
}
