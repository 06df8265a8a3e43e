// Package chunk reads and verifies contents that are stored in chunks. Every chunk has
// its own checksum. So a reader needs only one chunk to verify a part of a content.
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

// Checksum returns the CRC-32C of the key and the bytes of a chunk. It includes the key, so
// that a chunk which is stored under the key of another chunk is detected as damaged.
func Checksum(key, data []byte) uint32 {
	return Sum(Sum(0, key), data)
}

// Sum adds more bytes to a CRC-32C, and returns the new CRC-32C. The CRC-32C of no
// bytes is 0.
func Sum(sum uint32, data []byte) uint32 { return crc32.Update(sum, castagnoli, data) }

// Chunk is a buffer for one chunk. The checksum is at the start of the buffer, and the
// bytes follow.
type Chunk struct {
	// Key is the key of the chunk. The checksum includes it. If an engine needs no
	// keys, it leaves Key zero.
	Key [KeySize]byte

	buf []byte
	n   int // number of bytes after the checksum
}

// KeySize is the length of the key of a chunk. The key has 8 bytes for the content, and
// 4 bytes for the number of the chunk in the content.
const KeySize = 12

// New returns an empty chunk. Its buffer has `size` bytes, including the checksum.
func New(size int) *Chunk { return &Chunk{buf: make([]byte, size)} }

// BufferSize returns the length of the buffer, including the checksum.
func (c *Chunk) BufferSize() int { return len(c.buf) }

// Data returns the bytes of the chunk. They are valid until the buffer is used again.
func (c *Chunk) Data() []byte { return c.buf[ChecksumSize : ChecksumSize+c.n] }

// Len returns how many bytes the chunk has, without the checksum.
func (c *Chunk) Len() int { return c.n }

// Reset makes the chunk empty.
func (c *Chunk) Reset() { c.n = 0 }

// Append copies `data` to the end of the chunk. The buffer must have enough space.
func (c *Chunk) Append(data []byte) { c.n += copy(c.buf[ChecksumSize+c.n:], data) }

// Load copies a sealed chunk, as Sealed returns it, into this chunk. If `sealed` is
// longer than the buffer, Load ignores the rest.
func (c *Chunk) Load(sealed []byte) { c.n = copy(c.buf, sealed) - ChecksumSize }

// Seal computes the checksum of the key and the bytes, and writes it in front of the
// bytes.
func (c *Chunk) Seal() { binary.BigEndian.PutUint32(c.buf, c.checksum()) }

// Sealed returns the checksum and the bytes, as an engine stores them. Call Seal
// before.
func (c *Chunk) Sealed() []byte { return c.buf[:ChecksumSize+c.n] }

// Verify reports whether the checksum belongs to the key and the bytes.
func (c *Chunk) Verify() bool { return c.covers(c.Sealed()) }

// covers reports whether the checksum of the sealed chunk v belongs to the key of c and
// the bytes of v. It does not use the bytes of c.
func (c *Chunk) covers(v []byte) bool { return Intact(c.Key[:], v, len(v)-ChecksumSize) }

// Intact reports whether a sealed chunk has `size` bytes, and whether its checksum belongs
// to the key and the bytes. A sealed chunk is what Sealed returns.
func Intact(key, sealed []byte, size int) bool {
	return size >= 0 && len(sealed) == ChecksumSize+size && binary.BigEndian.Uint32(sealed) == Checksum(key, sealed[ChecksumSize:])
}

func (c *Chunk) checksum() uint32 { return Checksum(c.Key[:], c.Data()) }

// Fill reads from r until the buffer is full. If r ends before that, Fill returns
// io.EOF.
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

// ReadAt reads as an io.ReaderAt does. The content has `size` bytes, in chunks of
// `chunkSize` bytes. ReadAt calls `visit` with the number of each chunk that it needs.
// `visit` must call `read` with the bytes of that chunk, or return an error.
func ReadAt(p []byte, off, size int64, chunkSize int, visit func(number int, read func([]byte)) error) (n int, err error) {
	if off < 0 {
		return 0, ErrNegative
	}
	for n < len(p) && off < size { // this loop ends, because only the last chunk can be shorter
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
