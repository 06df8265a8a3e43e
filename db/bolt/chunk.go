package bolt

import (
	"encoding/binary"

	"imageserver/db/bolt/internal/layout"
)

// chunk is one chunk as the file holds it: the checksum, then the bytes.
type chunk struct {
	buf   []byte
	n     int      // bytes in use after the checksum
	place [12]byte // the key it is checked against
}

// newChunk returns an empty chunk with a buffer of size bytes.
func newChunk(size int) *chunk { return &chunk{buf: make([]byte, size)} }

// data returns the bytes in use.
func (c *chunk) data() []byte { return c.buf[layout.ChecksumSize : layout.ChecksumSize+c.n] }

// seal puts the checksum in front of the data.
func (c *chunk) seal(id uint64, number int) {
	binary.BigEndian.PutUint32(c.buf, c.checksum(id, number))
}

// sealed returns the checksum and the data, as the file holds them.
func (c *chunk) sealed() []byte { return c.buf[:layout.ChecksumSize+c.n] }

// sound reports whether the chunk holds what was sealed under id and number.
func (c *chunk) sound(id uint64, number int) bool { return c.covers(c.sealed(), id, number) }

// covers reports whether v is a chunk, with its checksum in front, that was sealed
// under id and number. It uses c only for the key.
func (c *chunk) covers(v []byte, id uint64, number int) bool {
	c.place = layout.ChunkKey(id, number)
	return binary.BigEndian.Uint32(v) == layout.Checksum(c.place[:], v[layout.ChecksumSize:])
}

// checksum is the CRC-32C of the chunk's key and its bytes. With the key in it, a
// chunk in the place of another is found out too.
func (c *chunk) checksum(id uint64, number int) uint32 {
	c.place = layout.ChunkKey(id, number)
	return layout.Checksum(c.place[:], c.data())
}
