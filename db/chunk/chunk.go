// Package chunk reads and verifies contents that are stored in chunks. Every chunk has a
// checksum of its own, so a reader needs only one chunk to verify a part of a content.
package chunk

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// ChecksumSize is the length of a checksum in bytes.
const ChecksumSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum returns the CRC-32C of a chunk's key and bytes. It covers the key so that a
// chunk in the place of another is found.
func Checksum(key, data []byte) uint32 {
	return Sum(Sum(0, key), data)
}

// Sum continues a CRC-32C, which is 0 at its beginning, with more bytes.
func Sum(sum uint32, data []byte) uint32 { return crc32.Update(sum, castagnoli, data) }

// Chunk is a buffer for one chunk: the checksum, and then the bytes.
type Chunk struct {
	// Key is the key of the chunk, which the checksum covers. An engine that needs no
	// key leaves it zero.
	Key [KeySize]byte

	buf []byte
	n   int // bytes after the checksum
}

// KeySize is the length of the key of a chunk: 8 bytes for the content, and 4 for the
// number of the chunk in it.
const KeySize = 12

// New returns an empty chunk with a buffer of size bytes, with the checksum.
func New(size int) *Chunk { return &Chunk{buf: make([]byte, size)} }

// BufferSize returns the length of the buffer.
func (c *Chunk) BufferSize() int { return len(c.buf) }

// Data returns the bytes of the chunk. They are valid until the buffer is used again.
func (c *Chunk) Data() []byte { return c.buf[ChecksumSize : ChecksumSize+c.n] }

// Len returns how many bytes the chunk has, without the checksum.
func (c *Chunk) Len() int { return c.n }

// Reset makes the chunk empty.
func (c *Chunk) Reset() { c.n = 0 }

// Append copies data to the end of the chunk. The buffer must have space for it.
func (c *Chunk) Append(data []byte) { c.n += copy(c.buf[ChecksumSize+c.n:], data) }

// Load makes the chunk a copy of what Sealed returned. It copies at most what the buffer
// has space for.
func (c *Chunk) Load(sealed []byte) { c.n = copy(c.buf, sealed) - ChecksumSize }

// Seal puts the checksum of the key and the bytes in front of the bytes.
func (c *Chunk) Seal() { binary.BigEndian.PutUint32(c.buf, c.checksum()) }

// Sealed returns the checksum and the bytes, as an engine stores them.
func (c *Chunk) Sealed() []byte { return c.buf[:ChecksumSize+c.n] }

// Verify reports whether the checksum is that of the key and the bytes.
func (c *Chunk) Verify() bool { return c.covers(c.Sealed()) }

// covers reports whether v is a sealed chunk with the key of c. It does not use the bytes
// of c.
func (c *Chunk) covers(v []byte) bool {
	return binary.BigEndian.Uint32(v) == Checksum(c.Key[:], v[ChecksumSize:])
}

func (c *Chunk) checksum() uint32 { return Checksum(c.Key[:], c.Data()) }

// Fill reads from r until the buffer is full or r ends. Then it returns io.EOF.
func (c *Chunk) Fill(r io.Reader) error {
	for empty := 0; ChecksumSize+c.n < len(c.buf); {
		n, err := r.Read(c.buf[ChecksumSize+c.n:])
		c.n += n
		if err != nil {
			return err
		}
		if n > 0 {
			empty = 0
		} else if empty++; empty == 100 {
			return io.ErrNoProgress
		}
	}
	return nil
}

// ErrNegative is the error for an offset before the first byte.
var ErrNegative = errors.New("negative offset")

// ReadAt is an io.ReaderAt of a content with size bytes, in chunks of chunkSize bytes. It
// calls visit with the number of each chunk that it needs. visit must call read with
// the bytes of that chunk, or return an error.
func ReadAt(p []byte, off, size int64, chunkSize int, visit func(number int, read func([]byte)) error) (n int, err error) {
	if off < 0 {
		return 0, ErrNegative
	}
	for n < len(p) && off < size { // this ends, because all chunks but the last are full
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
