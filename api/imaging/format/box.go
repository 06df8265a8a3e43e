package format

import "fmt"

// fullBox is the size of the version and the flags, with which many boxes begin
// (ISO/IEC 14496-12, 4.2).
const fullBox = 4

// box reads the box at off (14496-12, 4.2). A size of 0 means that the box continues
// to the end of s. A size of 1 means that a size of 64 bits follows.
func box(s section, off int64) (part, int64, error) {
	b, err := s.bytes(off, 8)
	if err != nil {
		return part{}, 0, err
	}
	size, head, kind := be32(b), int64(8), string(b[4:])
	switch size {
	case 0:
		size = s.size - off
	case 1:
		head = 16
		if b, err = s.bytes(off, 16); err != nil {
			return part{}, 0, err
		}
		size = be(b[8:])
	}
	if size < head {
		return part{}, 0, fmt.Errorf("has a %q box of %d bytes", kind, size)
	}
	content, err := s.sub(off+head, size-head)
	return part{kind, content}, off + size, err
}

// find returns the box at a path of kinds. It follows the first box of each kind.
func find(s section, path ...string) (section, error) {
	for _, kind := range path {
		var err error
		if s, err = child(s, kind); err != nil {
			return section{}, err
		}
	}
	return s, nil
}

// child returns the first box of this kind in s.
func child(s section, kind string) (section, error) {
	for p, err := range s.parts(0, box) {
		if err != nil {
			return section{}, err
		}
		if p.kind == kind {
			return p.section, nil
		}
	}
	return section{}, fmt.Errorf("has no %s box", kind)
}

// be reads a big-endian number of any size.
func be(b []byte) (n int64) {
	for _, c := range b {
		n = n<<8 | int64(c)
	}
	return n
}
