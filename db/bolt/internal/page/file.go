// Package page reads the pages of a bbolt file, and does not trust anything that they
// say.
//
// bbolt trusts its file. If the file is damaged, bbolt may panic in a goroutine where
// nobody can recover the panic. It may also never end, or fill the memory. This package
// reads the same pages without a memory map. So where a read through a memory map would
// kill the process, this package gets an error. It compares each number with the rest
// of the file. If it finds no damage in a file, bbolt can use the file safely.
//
// The errors of this package say what is wrong, but not what to do: callers add what to
// do.
package page

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"slices"
)

// File is a bbolt file.
type File struct {
	r    io.ReaderAt
	Size int64 // bytes
	Meta Meta  // the valid meta page with the higher transaction id
	Torn error // an error if the other meta page is damaged, or nil
}

// Meta is the content of one of the two meta pages.
type Meta struct {
	slot     int    // 0 or 1
	PageSize int64  // bytes
	Root     Bucket // contains all other buckets
	Free     uint64 // the page of the free list, or NoFreeList
	High     uint64 // the ids of all pages are lower than this number
	TxID     uint64

	misplaced bool // the page has the header of another page; bbolt ignores this fault
}

// The layout of pages, as bbolt's package internal/common defines it. Numbers have the
// byte order of the machine that wrote them.
const (
	metaMagic     = 0xED0CDAED
	metaVersion   = 2
	metaSum       = 56 // offset of the checksum: FNV-1a of all bytes before it
	metaSize      = metaSum + 8
	HeaderSize    = 16 // id, flags, count, overflow
	ElementSize   = 16 // of a leaf and of a branch
	bucketHeader  = 16 // root, sequence
	minPageSize   = 1 << 10
	maxPageSize   = 16 << 20
	NoFreeList    = ^uint64(0)
	manyFreePages = 0xFFFF // if the count has this value, the real count is before the first entry

	pageBranch   = 0x01
	pageLeaf     = 0x02
	pageMetaFlag = 0x04
	pageFreeList = 0x10
)

// MaxPageBytes is larger than any page of a tree with its overflow. The largest such
// page has a chunk of an image, 128 KiB. How long its overflow is depends on the page
// size.
const MaxPageBytes = 4 * 128 << 10

// ByteOrder is the byte order of the file: bbolt writes numbers in the order of the machine.
var ByteOrder = binary.NativeEndian

var (
	errNoPages  = errors.New("is not a data file of this program; choose another path")
	errNoMeta   = errors.New("is damaged where it says what is in it, so nothing can be read; restore your backup")
	errCutShort = errors.New("has been cut short")
)

// Read reads the two meta pages, and chooses one of them as bbolt does: the valid meta
// page with the higher transaction id. If the file is not a bbolt file, it returns
// errNoPages.
func Read(file *os.File) (*File, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	f := &File{r: file, Size: info.Size()}
	pageSize, err := f.findPageSize()
	if err != nil {
		return nil, err
	}
	var valid []Meta
	for slot := range 2 {
		m, err := f.readMeta(slot, pageSize)
		if err != nil {
			f.Torn = fmt.Errorf("meta page %d is damaged", slot)
			continue
		}
		if m.misplaced {
			f.Torn = fmt.Errorf("the header of meta page %d is damaged", slot)
		}
		valid = append(valid, m)
	}
	f.Meta = slices.MaxFunc(valid, func(a, b Meta) int { return int(int64(a.TxID - b.TxID)) })
	return f, nil
}

// findPageSize looks for a valid meta page. The offset of the second meta page depends
// on the page size. Only a meta page contains the page size, so findPageSize tries all
// sizes.
func (f *File) findPageSize() (int64, error) {
	m, err := f.readMeta(0, 0)
	if err == nil {
		return m.PageSize, nil
	}
	first := err
	for size := int64(minPageSize); size <= maxPageSize; size *= 2 {
		switch m, err := f.readMeta(1, size); {
		case err == nil && m.PageSize == size:
			return size, nil
		case !errors.Is(err, errNoPages):
			first = errNoMeta // the bytes look like a damaged meta page
		}
	}
	if !errors.Is(first, errNoPages) {
		return 0, errNoMeta
	}
	return 0, errNoPages
}

// readMeta reads the meta page at `slot`, 0 or 1, of a file with this page size.
func (f *File) readMeta(slot int, pageSize int64) (m Meta, err error) {
	b := make([]byte, HeaderSize+metaSize)
	if err := f.read(b, int64(slot)*pageSize); err == errCutShort {
		return m, errNoPages
	} else if err != nil {
		return m, err
	}
	id, flags := ByteOrder.Uint64(b), ByteOrder.Uint16(b[8:])
	b = b[HeaderSize:]
	switch {
	case ByteOrder.Uint32(b) != metaMagic || ByteOrder.Uint32(b[4:]) != metaVersion:
		return m, errNoPages
	case ByteOrder.Uint64(b[metaSum:]) != metaChecksum(b):
		return m, errors.New("wrong checksum")
	}
	m = Meta{
		slot:     slot,
		PageSize: int64(ByteOrder.Uint32(b[8:])),
		Root:     Bucket{Root: ByteOrder.Uint64(b[16:]), Sequence: ByteOrder.Uint64(b[24:])},
		Free:     ByteOrder.Uint64(b[32:]),
		High:     ByteOrder.Uint64(b[40:]),
		TxID:     ByteOrder.Uint64(b[48:]),

		misplaced: id != uint64(slot) || flags != pageMetaFlag,
	}
	if m.PageSize < minPageSize || m.PageSize > maxPageSize || m.High > 1<<50 {
		return m, errors.New("impossible numbers")
	}
	return m, nil
}

func metaChecksum(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b[:metaSum])
	return h.Sum64()
}

// CheckSize returns an error that wraps errCutShort if the file ends before its last
// page.
func (f *File) CheckSize() error {
	if want := int64(f.Meta.High) * f.Meta.PageSize; f.Size < want {
		return fmt.Errorf("%w: it has %d of %d bytes", errCutShort, f.Size, want)
	}
	return nil
}

// read fills b with the bytes of the file from offset `off` on. Its errors do not name
// the file.
func (f *File) read(b []byte, off int64) error {
	_, err := f.r.ReadAt(b, off)
	if err == io.EOF {
		return errCutShort
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
