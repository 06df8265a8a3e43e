package strip

import "encoding/binary"

// spool buffers a file in blocks. So a growing file never needs much more memory than
// its size.
type spool struct {
	blocks     [][]byte
	size, most int64 // bytes written, and the limit
}

// room returns a buffer for the next bytes, at most n of them, or ErrTooLarge.
func (s *spool) room(n int64) ([]byte, error) {
	if n > s.most-s.size {
		return nil, ErrTooLarge
	}
	used := int(s.size % blockSize)
	if used == 0 {
		s.blocks = append(s.blocks, make([]byte, 0, blockSize))
	}
	last := &s.blocks[len(s.blocks)-1]
	n = min(n, int64(blockSize-used))
	*last = (*last)[:used+int(n)]
	s.size += n
	return (*last)[used:], nil
}

// write writes b.
func (s *spool) write(b []byte) error {
	for len(b) > 0 {
		room, err := s.room(int64(len(b)))
		if err != nil {
			return err
		}
		b = b[copy(room, b):]
	}
	return nil
}

// fill writes the next n bytes of in.
func (s *spool) fill(in *source, n int64) error {
	for n > 0 {
		room, err := s.room(n)
		if err != nil {
			return err
		}
		if err := in.full(room); err != nil {
			return err
		}
		n -= int64(len(room))
	}
	return nil
}

// at returns the byte at off.
func (s *spool) at(off int64) *byte {
	return &s.blocks[off/blockSize][off%blockSize]
}

// putSize writes at off, in 4 bytes, the number of bytes that follow them.
func (s *spool) putSize(off int64) {
	var size [4]byte
	binary.LittleEndian.PutUint32(size[:], uint32(s.size-off-4))
	for i, b := range size {
		*s.at(off + int64(i)) = b
	}
}

// shift removes the first block and returns it, or nil if there is none.
func (s *spool) shift() []byte {
	if len(s.blocks) == 0 {
		return nil
	}
	b := s.blocks[0]
	s.blocks[0] = nil
	s.blocks = s.blocks[1:]
	return b
}
