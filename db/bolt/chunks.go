package bolt

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

// chunkSize is how many bytes of an image one chunk holds: with its checksum,
// its key and bbolt's headers it fills 128 KiB of pages to the last byte
// (page header 16, leaf element 16, key 1, checksum 4). Larger chunks read no
// faster, and each client that reads slowly holds one of them in memory.
const chunkSize = 128<<10 - 16 - 16 - 1 - crcSize

const crcSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is that of a chunk with the key place.
func checksum(place, data []byte) uint32 {
	return crc32.Update(crc32.Checksum(place, castagnoli), castagnoli, data)
}

// chunkPlace is the key of a chunk in the chunks bucket.
func chunkPlace(id uint64, number int) (k [12]byte) {
	binary.BigEndian.PutUint64(k[:], id)
	binary.BigEndian.PutUint32(k[8:], uint32(number))
	return k
}

// readChunks fills p from offset off of a content of size bytes in chunks of
// chunkSize. visit must call read with the bytes of the chunk asked for.
func readChunks(p []byte, off, size int64, chunkSize int, visit func(number int, read func([]byte)) error) (n int, err error) {
	if off < 0 {
		return 0, errNegative
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

var errNegative = errors.New("negative offset")

// getChunk returns a chunk as it is in the file, its checksum first, or
// db.ErrDamaged. The bytes are good as long as the transaction.
func getChunk(tx *bbolt.Tx, id uint64, number int) ([]byte, error) {
	k := chunkPlace(id, number)
	b := tx.Bucket(chunksBucket).Bucket(k[:])
	if b == nil {
		return nil, fmt.Errorf("%w: chunk %d is missing", db.ErrDamaged, number)
	}
	v := b.Get(chunkKey)
	if len(v) < crcSize || len(v) > crcSize+chunkSize {
		return nil, fmt.Errorf("%w: chunk %d has %d bytes", db.ErrDamaged, number, len(v))
	}
	return v, nil
}

// putChunk stores a chunk, which begins with its checksum.
func putChunk(tx *bbolt.Tx, id uint64, number int, v []byte) error {
	k := chunkPlace(id, number)
	b, err := tx.Bucket(chunksBucket).CreateBucket(k[:])
	if err != nil {
		return err
	}
	return b.Put(chunkKey, v)
}

// deleteChunks deletes at most so many chunks of a blob. It returns how many, and
// whether that was all.
func deleteChunks(tx *bbolt.Tx, id uint64, most int) (deleted int, done bool, err error) {
	chunks := tx.Bucket(chunksBucket)
	prefix := idKey(id)
	for ; deleted < most; deleted++ {
		// A deletion moves what a cursor stands on, so each begins with a new one.
		k, _ := chunks.Cursor().Seek(prefix)
		if !bytes.HasPrefix(k, prefix) {
			return deleted, true, nil
		}
		// Before it deletes a bucket bbolt looks for others in it, and where its
		// page is damaged may never end. Get checks that page.
		if b := chunks.Bucket(k); b == nil || b.Get(chunkKey) == nil {
			return deleted, false, fmt.Errorf("%w: a chunk of blob %d cannot be deleted", db.ErrDamaged, id)
		}
		if err := chunks.DeleteBucket(bytes.Clone(k)); err != nil {
			return deleted, false, err
		}
	}
	return deleted, false, nil
}
