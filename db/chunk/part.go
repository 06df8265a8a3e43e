package chunk

// PartSize is the length of a part of a chunk, in bytes. If a reader is slow, a chunk
// is read in parts.
const PartSize = 32 << 10

// Parts reads a chunk in parts, and verifies each part that it reads. The engine stores
// only a checksum of the whole chunk. So Parts first verifies the whole chunk, and
// computes a checksum of each part at the same time. Later reads need only the
// checksums of the parts.
type Parts struct {
	key  [KeySize]byte
	size int // bytes of the chunk; 0 before the first chunk
	sums []uint32
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
	if p.size == 0 || p.key != c.Key {
		if !c.covers(sealed) {
			return false
		}
		p.key, p.size, p.sums = c.Key, size, p.sums[:0]
		for first := 0; first < size; first += PartSize {
			p.sums = append(p.sums, Sum(0, data[first:min(first+PartSize, size)]))
		}
	}
	c.Reset()
	c.Append(data[from:end])
	for i, done := from/PartSize, 0; done < c.n; i++ {
		first := i * PartSize
		before := max(0, from-first) // how many bytes of the part come before the copy
		n := min(PartSize, size-first) - before
		if Sum(Sum(0, data[first:first+before]), c.Data()[done:done+n]) != p.sums[i] {
			return false
		}
		done += n
	}
	return true
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
