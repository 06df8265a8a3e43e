package page

import (
	"errors"
	"fmt"
	"slices"
)

// errTwice is for a page to which two pages lead. If one of these two pages is below
// the page itself, bbolt goes in a circle and never ends.
var errTwice = errors.New("used twice")

// page is a page with its overflow. Its bytes are in a buffer of the caller.
type page struct {
	id    uint64
	flags uint16
	count int
	data  []byte // including the header; or the data of an inline bucket
}

func (p *page) errorf(format string, args ...any) error {
	return fmt.Errorf("page %d: %w", p.id, fmt.Errorf(format, args...))
}

// readPage reads a page of a tree with its overflow into `buf`. If `buf` is too short,
// readPage uses a longer buffer.
func (f *File) readPage(id uint64, buf []byte) (*page, error) {
	p := &page{id: id}
	if id < 2 || id >= f.Meta.High {
		return nil, p.errorf("outside the file")
	}
	size, off := f.Meta.PageSize, int64(id)*f.Meta.PageSize
	buf = slices.Grow(buf[:0], int(size))[:size]
	if err := f.read(buf, off); err != nil {
		return nil, p.errorf("%w", err)
	}
	p.flags, p.count = ByteOrder.Uint16(buf[8:]), int(ByteOrder.Uint16(buf[10:]))
	long := (int64(ByteOrder.Uint32(buf[12:])) + 1) * size
	switch self := ByteOrder.Uint64(buf); {
	case self != id:
		return nil, p.errorf("says that it is page %d", self)
	case long > max(MaxPageBytes, size) || off+long > int64(f.Meta.High)*size:
		return nil, p.errorf("says that it is %d bytes long", long)
	}
	buf = slices.Grow(buf, int(long-size))[:long]
	if err := f.read(buf[size:], off+size); err != nil {
		return nil, p.errorf("%w", err)
	}
	p.data = buf
	return p, nil
}

// element is a key with its value. In a branch, it is a key with the page below.
type element struct {
	key, value []byte
	nested     bool // the value is a bucket
	child      uint64
	end        uint64 // offset in the page at which the element ends
}

// element returns the element at index i of a leaf or a branch.
func (p *page) element(i int) (e element, err error) {
	at := HeaderSize + i*ElementSize
	if at+ElementSize > len(p.data) {
		return e, p.errorf("%d elements do not fit", p.count)
	}
	head := p.data[at : at+ElementSize]
	var pos, key, value uint64
	if p.flags == pageBranch {
		pos, key = uint64(ByteOrder.Uint32(head)), uint64(ByteOrder.Uint32(head[4:]))
		e.child = ByteOrder.Uint64(head[8:])
	} else {
		pos, key, value = uint64(ByteOrder.Uint32(head[4:])), uint64(ByteOrder.Uint32(head[8:])), uint64(ByteOrder.Uint32(head[12:]))
		e.nested = ByteOrder.Uint32(head)&1 != 0
	}
	begin := uint64(at) + pos
	if begin+key+value > uint64(len(p.data)) || begin < uint64(HeaderSize+p.count*ElementSize) {
		return e, p.errorf("element %d is outside the page", i)
	}
	e.end = begin + key + value
	e.key = p.data[begin : begin+key : begin+key]
	e.value = p.data[begin+key : begin+key+value : begin+key+value]
	return e, nil
}

// Bucket is the header of a bucket.
type Bucket struct {
	Root     uint64 // the page at the top of its tree, or 0
	Sequence uint64
	Inline   []byte // the only page of the bucket, if Root is 0
}

func parseBucket(v []byte) (b Bucket, ok bool) {
	if len(v) < bucketHeader {
		return b, false
	}
	b = Bucket{Root: ByteOrder.Uint64(v), Sequence: ByteOrder.Uint64(v[8:])}
	if b.Root == 0 {
		b.Inline = v[bucketHeader:]
	}
	return b, b.Root != 0 || len(b.Inline) >= HeaderSize
}
