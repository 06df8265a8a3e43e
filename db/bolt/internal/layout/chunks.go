package layout

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
)

// ChunkSize is how many bytes of an image one chunk holds: with its checksum,
// its key and bbolt's headers it fills 128 KiB of pages to the last byte
// (page header 16, leaf element 16, key 1, checksum 4). Larger chunks read no
// faster, and each client that reads slowly holds one of them in memory.
const ChunkSize = 128<<10 - 16 - 16 - 1 - ChecksumSize

const ChecksumSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum is that of a chunk with the key place.
func Checksum(place, data []byte) uint32 {
	return crc32.Update(crc32.Checksum(place, castagnoli), castagnoli, data)
}

// ChunkKey is the key of a chunk in the chunks bucket.
func ChunkKey(id uint64, number int) (k [12]byte) {
	binary.BigEndian.PutUint64(k[:], id)
	binary.BigEndian.PutUint32(k[8:], uint32(number))
	return k
}

// ReadChunks fills p from offset off of a content of size bytes in chunks of
// ChunkSize. visit must call read with the bytes of the chunk asked for.
func ReadChunks(p []byte, off, size int64, chunkSize int, visit func(number int, read func([]byte)) error) (n int, err error) {
	if off < 0 {
		return 0, ErrNegative
	}
	for n < len(p) && off < size { // every chunk but the last is full, so this ends
		err := visit(int(off/int64(chunkSize)), func(b []byte) {
			k := copy(p[n:], b[off%int64(chunkSize):])
			n, off = n+k, off+int64(k)
		})
		if err != nil {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

var ErrNegative = errors.New("negative offset")

// GetChunk returns a chunk as it is in the file, its checksum first, or
// db.ErrDamaged. The bytes are good as long as the transaction.
func GetChunk(tx *bbolt.Tx, id uint64, number int) ([]byte, error) {
	k := ChunkKey(id, number)
	b := tx.Bucket(ChunksBucket).Bucket(k[:])
	if b == nil {
		return nil, fmt.Errorf("%w: chunk %d is missing", db.ErrDamaged, number)
	}
	v := b.Get(ChunkValueKey)
	if len(v) < ChecksumSize || len(v) > ChecksumSize+ChunkSize {
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

// DeleteChunks deletes at most so many chunks of a blob. It returns how many, and
// whether that was all.
func DeleteChunks(tx *bbolt.Tx, id uint64, most int) (deleted int, done bool, err error) {
	chunks := tx.Bucket(ChunksBucket)
	prefix := IDKey(id)
	for ; deleted < most; deleted++ {
		// A deletion moves what a cursor stands on, so each begins with a new one.
		k, _ := chunks.Cursor().Seek(prefix)
		if !bytes.HasPrefix(k, prefix) {
			return deleted, true, nil
		}
		// Before it deletes a bucket bbolt looks for others in it, and where its
		// page is damaged may never end. Get checks that page.
		if b := chunks.Bucket(k); b == nil || b.Get(ChunkValueKey) == nil {
			return deleted, false, fmt.Errorf("%w: a chunk of blob %d cannot be deleted", db.ErrDamaged, id)
		}
		if err := chunks.DeleteBucket(bytes.Clone(k)); err != nil {
			return deleted, false, err
		}
	}
	return deleted, false, nil
}
