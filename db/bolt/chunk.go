package bolt

import (
	"encoding/binary"
	"hash/crc32"
)

// chunkSize is how many bytes of an image one chunk holds: with its checksum,
// its key and bbolt's headers it fills 128 KiB of pages to the last byte
// (page header 16, leaf element 16, key 1, checksum 4). Larger chunks read no
// faster, and each client that reads slowly holds one of them in memory.
const chunkSize = 128<<10 - 16 - 16 - 1 - crcSize

const crcSize = 4

// chunk is one chunk as the file holds it: the checksum, then the bytes.
type chunk struct {
	buf   [crcSize + chunkSize]byte
	n     int      // bytes in use after the checksum
	place [12]byte // the key it is checked against
}

// data returns the bytes in use.
func (c *chunk) data() []byte { return c.buf[crcSize : crcSize+c.n] }

// seal puts the checksum in front of the data.
func (c *chunk) seal(id uint64, number int) {
	binary.BigEndian.PutUint32(c.buf[:], c.checksum(id, number))
}

// sealed returns the checksum and the data, as the file holds them.
func (c *chunk) sealed() []byte { return c.buf[:crcSize+c.n] }

// sound reports whether the chunk holds what was sealed under id and number.
func (c *chunk) sound(id uint64, number int) bool {
	return binary.BigEndian.Uint32(c.buf[:]) == c.checksum(id, number)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is the CRC-32C of the chunk's place and its bytes. With the place in
// it, a chunk that ends up where another belongs is found out too.
func (c *chunk) checksum(id uint64, number int) uint32 {
	c.place = chunkPlace(id, number)
	return checksum(c.place[:], c.data())
}

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
