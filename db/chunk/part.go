package chunk

// PartSize is the number of bytes that a chunk is read by for a slow reader.
const PartSize = 32 << 10

// Parts reads one chunk part by part and verifies what it reads. An engine has the
// checksum of the whole chunk, so Parts computes those of the parts once, while it
// verifies the whole.
type Parts struct {
	key  [KeySize]byte
	size int // bytes of the chunk; 0 before the first chunk
	sums []uint32
}

// Load makes c a copy of bytes of a chunk, from one offset to another, and verifies the
// copy. sealed is the whole chunk, with its checksum in front and size bytes after that;
// c.Key is its key. The offset end is the end of a part or of the chunk. Load returns
// false if the chunk is damaged.
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
		before := max(0, from-first) // bytes of the part that come before the copy
		n := min(PartSize, size-first) - before
		if Sum(Sum(0, data[first:first+before]), c.Data()[done:done+n]) != p.sums[i] {
			return false
		}
		done += n
	}
	return true
}

// partEnd returns where a read of at most n bytes from offset from of a chunk with size
// bytes ends: after whole parts, of which there is at least one, or at size.
func partEnd(from, n, size int) int {
	if from+n >= size {
		return size
	}
	return min(max((from+n)/PartSize, from/PartSize+1)*PartSize, size)
}
