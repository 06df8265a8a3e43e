package chunk

import "encoding/binary"

// PartSize is the length of a part of a chunk, in bytes. If a reader is slow, a chunk
// is read in parts.
const PartSize = 32 << 10

// Parts reads a chunk in parts, and verifies each part that it reads. The engine stores
// only a checksum of the whole chunk. So Parts first verifies the whole chunk, and
// remembers the checksum after each part. Later reads need only these checksums.
type Parts struct {
	key  [KeySize]byte
	sums []uint32 // element i is the CRC-32C of the key and of the parts 0 to i; nil before the first chunk
}

// Load copies the bytes from offset `from` to offset `end` of a chunk into c, and
// verifies the copy. `sealed` is the whole chunk: its checksum, and then `size` bytes.
// c.Key must be the key of the chunk. `end` must be the end of a part or of the chunk.
// If the chunk is damaged, Load returns false.
func (p *Parts) Load(c *Chunk, sealed []byte, size, from, end int) bool {
	if len(sealed) != ChecksumSize+size {
		return false
	}
	data := sealed[ChecksumSize:]
	if (p.sums == nil || p.key != c.Key) && !p.begin(c.Key, sealed) {
		return false
	}
	c.Reset()
	c.Append(data[from:end])
	for i, done := from/PartSize, 0; done < c.n; i++ {
		first := i * PartSize
		before := max(0, from-first) // how many bytes of the part come before the copy
		n := min(PartSize, size-first) - before
		sum := Sum(p.sumBefore(i), data[first:first+before])
		if Sum(sum, c.Data()[done:done+n]) != p.sums[i] {
			return false
		}
		done += n
	}
	return true
}

// begin verifies a whole chunk and sets p.sums.
func (p *Parts) begin(key [KeySize]byte, sealed []byte) bool {
	p.key, p.sums = key, p.sums[:0]
	data := sealed[ChecksumSize:]
	sum := p.sumBefore(0)
	for first := 0; first < len(data); first += PartSize {
		sum = Sum(sum, data[first:min(first+PartSize, len(data))])
		p.sums = append(p.sums, sum)
	}
	if sum == binary.BigEndian.Uint32(sealed) {
		return true
	}
	p.sums = nil
	return false
}

// sumBefore returns the CRC-32C of the key and of the parts before part i.
func (p *Parts) sumBefore(i int) uint32 {
	if i > 0 {
		return p.sums[i-1]
	}
	return Sum(0, p.key[:])
}

// partEnd returns the offset at which a read that starts at offset `from` ends. The
// chunk has `size` bytes. The read has at most n bytes, and ends at the end of a part
// or of the chunk. But it reads at least to the end of one part, even if that needs
// more than n bytes.
func partEnd(from, n, size int) int {
	if from+n >= size {
		return size
	}
	return min(max((from+n)/PartSize, from/PartSize+1)*PartSize, size)
}
