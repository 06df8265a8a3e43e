package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"slices"
)

// bbolt trusts its file: on a damaged one it may panic, in a goroutine of its
// own where nobody can recover it, or loop, or fill the memory. A pageFile
// reads the same pages by itself: with plain reads, which fail where a memory
// map kills the process, and believing nothing that it has not compared with
// the rest. What it holds to be sound is sound for bbolt, too.
type pageFile struct {
	r    io.ReaderAt
	size int64
	meta pageMeta // the one in force
	torn error    // that the other one is not valid, or nil
}

// pageMeta is what one of bbolt's two meta pages says.
type pageMeta struct {
	slot     int    // 0 or 1: which of the two
	pageSize int64  // bytes
	root     bucket // the bucket that holds all others
	free     uint64 // the page of the free list, or noFreeList
	high     uint64 // all pages are below this one
	txid     uint64

	misplaced bool // the header of its page is that of another one, which bbolt does not look at
}

// The layout of pages, as in bbolt's internal/common. All numbers are in the
// order of bytes of the machine that wrote them.
const (
	metaMagic     = 0xED0CDAED
	metaVersion   = 2
	metaSum       = 56 // offset of the checksum in a meta: FNV-1a of all before it
	metaSize      = metaSum + 8
	pageHeader    = 16 // id, flags, count, overflow
	elementSize   = 16 // of a leaf and of a branch
	bucketHeader  = 16 // root, sequence
	minPageSize   = 1 << 10
	maxPageSize   = 16 << 20
	noFreeList    = ^uint64(0)
	manyFreePages = 0xFFFF // as count: the count proper stands before the first

	pageBranch   = 0x01
	pageLeaf     = 0x02
	pageMetaFlag = 0x04
	pageFreeList = 0x10
)

// maxPageBytes is longer than any page of a tree with its overflow: a chunk
// fills 128 KiB, and on systems with large pages a few pages hold the rest.
const maxPageBytes = max(4*chunkSize, 4*64<<10)

var order = binary.NativeEndian

var (
	errNoPages  = errors.New("is not a data file of this program; choose another path")
	errNoMeta   = errors.New("is damaged where it says what is in it, so nothing can be read; restore your backup")
	errCutShort = errors.New("has been cut short")
)

// readPages finds the meta page in force, as bbolt does: the valid one with the
// higher transaction id. The error is errNoPages where nothing looks like a
// bbolt file.
func readPages(file *os.File) (*pageFile, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, plain(err)
	}
	f := &pageFile{r: file, size: info.Size()}
	pageSize, err := f.findPageSize()
	if err != nil {
		return nil, err
	}
	var valid []pageMeta
	for slot := range 2 {
		m, err := f.readMeta(slot, pageSize)
		if err != nil {
			f.torn = fmt.Errorf("meta page %d is damaged", slot)
			continue
		}
		if m.misplaced {
			f.torn = fmt.Errorf("the header of meta page %d is damaged", slot)
		}
		valid = append(valid, m)
	}
	f.meta = slices.MaxFunc(valid, func(a, b pageMeta) int { return int(int64(a.txid - b.txid)) })
	return f, nil
}

// findPageSize looks for a valid meta page. The second one begins where the
// first one ends, and how long that is only a meta page tells.
func (f *pageFile) findPageSize() (int64, error) {
	m, err := f.readMeta(0, 0)
	if err == nil {
		return m.pageSize, nil
	}
	first := err
	for size := int64(minPageSize); size <= maxPageSize; size *= 2 {
		switch m, err := f.readMeta(1, size); {
		case err == nil && m.pageSize == size:
			return size, nil
		case !errors.Is(err, errNoPages):
			first = errNoMeta // it was a meta page once
		}
	}
	if !errors.Is(first, errNoPages) {
		return 0, errNoMeta
	}
	return 0, errNoPages
}

// readMeta reads the meta page at slot, 0 or 1, of a file with that page size.
func (f *pageFile) readMeta(slot int, pageSize int64) (m pageMeta, err error) {
	b := make([]byte, pageHeader+metaSize)
	if _, err := f.r.ReadAt(b, int64(slot)*pageSize); err != nil {
		if err == io.EOF {
			return m, errNoPages
		}
		return m, plain(err)
	}
	id, flags := order.Uint64(b), order.Uint16(b[8:])
	b = b[pageHeader:]
	switch {
	case order.Uint32(b) != metaMagic || order.Uint32(b[4:]) != metaVersion:
		return m, errNoPages
	case order.Uint64(b[metaSum:]) != metaChecksum(b):
		return m, errors.New("wrong checksum")
	}
	m = pageMeta{
		slot:     slot,
		pageSize: int64(order.Uint32(b[8:])),
		root:     bucket{root: order.Uint64(b[16:]), sequence: order.Uint64(b[24:])},
		free:     order.Uint64(b[32:]),
		high:     order.Uint64(b[40:]),
		txid:     order.Uint64(b[48:]),

		misplaced: id != uint64(slot) || flags != pageMetaFlag,
	}
	if m.pageSize < minPageSize || m.pageSize > maxPageSize || m.high > 1<<50 {
		return m, errors.New("impossible numbers")
	}
	return m, nil
}

func metaChecksum(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b[:metaSum])
	return h.Sum64()
}

// checkSize returns an error that wraps errCutShort where the file ends before
// its last page does.
func (f *pageFile) checkSize() error {
	if want := int64(f.meta.high) * f.meta.pageSize; f.size < want {
		return fmt.Errorf("%w: it has %d of %d bytes", errCutShort, f.size, want)
	}
	return nil
}

// errTwice is for a page to which two others lead. Where one of them is below
// the page itself, bbolt goes in a circle.
var errTwice = errors.New("used twice")

// page is a page with its overflow. Its bytes are the reader's.
type page struct {
	id    uint64
	flags uint16
	count int
	data  []byte // with the header, or that of an inline bucket
}

func (p *page) errorf(format string, args ...any) error {
	return fmt.Errorf("page %d: %w", p.id, fmt.Errorf(format, args...))
}

// readPage reads a page of a tree into buf, or a longer one that it returns in
// the page, and into as many pages after it as it takes.
func (f *pageFile) readPage(id uint64, buf []byte) (*page, error) {
	p := &page{id: id}
	if id < 2 || id >= f.meta.high {
		return nil, p.errorf("outside the file")
	}
	size, off := f.meta.pageSize, int64(id)*f.meta.pageSize
	buf = slices.Grow(buf[:0], int(size))[:size]
	if err := f.read(buf, off); err != nil {
		return nil, p.errorf("%w", err)
	}
	p.flags, p.count = order.Uint16(buf[8:]), int(order.Uint16(buf[10:]))
	long := (int64(order.Uint32(buf[12:])) + 1) * size
	switch self := order.Uint64(buf); {
	case self != id:
		return nil, p.errorf("says that it is page %d", self)
	case long > max(maxPageBytes, size) || off+long > int64(f.meta.high)*size:
		return nil, p.errorf("says that it is %d bytes long", long)
	}
	buf = slices.Grow(buf, int(long-size))[:long]
	if err := f.read(buf[size:], off+size); err != nil {
		return nil, p.errorf("%w", err)
	}
	p.data = buf
	return p, nil
}

// read fills b from off on.
func (f *pageFile) read(b []byte, off int64) error {
	_, err := f.r.ReadAt(b, off)
	if err == io.EOF {
		return errCutShort
	}
	return plain(err)
}

// element is one of a page: a key and its value or, in a branch, its page.
type element struct {
	key, value []byte
	nested     bool // the value is a bucket
	child      uint64
	end        uint64 // where it ends in the page
}

// element returns the one at i of a leaf or a branch.
func (p *page) element(i int) (e element, err error) {
	at := pageHeader + i*elementSize
	if at+elementSize > len(p.data) {
		return e, p.errorf("%d elements do not fit", p.count)
	}
	head := p.data[at : at+elementSize]
	var pos, key, value uint64
	if p.flags == pageBranch {
		pos, key = uint64(order.Uint32(head)), uint64(order.Uint32(head[4:]))
		e.child = order.Uint64(head[8:])
	} else {
		pos, key, value = uint64(order.Uint32(head[4:])), uint64(order.Uint32(head[8:])), uint64(order.Uint32(head[12:]))
		e.nested = order.Uint32(head)&1 != 0
	}
	begin := uint64(at) + pos
	if begin+key+value > uint64(len(p.data)) || begin < uint64(pageHeader+p.count*elementSize) {
		return e, p.errorf("element %d lies outside", i)
	}
	e.end = begin + key + value
	e.key = p.data[begin : begin+key : begin+key]
	e.value = p.data[begin+key : begin+key+value : begin+key+value]
	return e, nil
}

// bucket is where the tree of a bucket begins.
type bucket struct {
	root     uint64 // a page, or 0
	sequence uint64
	inline   []byte // the one page there is, where root is 0
}

func parseBucket(v []byte) (b bucket, ok bool) {
	if len(v) < bucketHeader {
		return b, false
	}
	b = bucket{root: order.Uint64(v), sequence: order.Uint64(v[8:])}
	if b.root == 0 {
		b.inline = v[bucketHeader:]
	}
	return b, b.root != 0 || len(b.inline) >= pageHeader
}

// walker visits the trees of a file. No page is visited twice, so it ends,
// whatever the pages say.
type walker struct {
	*pageFile
	used   bitmap
	damage func(err error) // told of each page that is damaged; the walk goes on
	read   func(n int64)   // told how many bytes were read
	stop   func() bool     // ends the walk early
	bufs   [][]byte        // one for each page that is open, the root first
	depth  int
}

func newWalker(f *pageFile, damage func(error), read func(int64)) *walker {
	w := &walker{pageFile: f, damage: damage, read: read, stop: func() bool { return false }}
	w.used = newBitmap(min(f.meta.high, uint64(f.size/f.meta.pageSize)+1))
	w.used.set(0)
	w.used.set(1)
	return w
}

// bucket visits what a bucket holds in the order of its keys. What visit is
// given is good until it returns. A bucket inside it may visit with bucket.
func (w *walker) bucket(b bucket, visit func(key, value []byte, nested *bucket)) {
	if b.root != 0 {
		w.tree(b.root, nil, nil, visit)
		return
	}
	p := &page{flags: order.Uint16(b.inline[8:]), count: int(order.Uint16(b.inline[10:])), data: b.inline}
	if p.flags != pageLeaf {
		w.damage(errors.New("a bucket inside a page is no leaf"))
		return
	}
	w.leaf(p, nil, nil, visit)
}

// all visits what a bucket holds and what the buckets in it hold, each after the
// entry that it is. path has the names of the buckets that lead to an entry.
func (w *walker) all(b bucket, path [][]byte, visit func(path [][]byte, k, v []byte, nested *bucket)) {
	w.bucket(b, func(k, v []byte, nested *bucket) {
		visit(path, k, v, nested)
		if nested != nil {
			w.all(*nested, append(path[:len(path):len(path)], k), visit)
		}
	})
}

// tree visits the tree below a page, whose keys go from low to before high;
// nil stands for no bound.
func (w *walker) tree(id uint64, low, high []byte, visit func(key, value []byte, nested *bucket)) {
	if w.stop() {
		return
	}
	if w.depth == len(w.bufs) {
		w.bufs = append(w.bufs, nil)
	}
	p, err := w.readPage(id, w.bufs[w.depth])
	if err == nil {
		w.bufs[w.depth] = p.data
		w.trim(p)
		err = w.take(p)
	}
	if err != nil {
		w.damage(err)
		return
	}
	w.read(int64(len(p.data)))
	w.depth++
	defer func() { w.depth-- }()
	switch p.flags {
	case pageLeaf:
		w.leaf(p, low, high, visit)
	case pageBranch:
		w.branch(p, low, high, visit)
	default:
		w.damage(p.errorf("neither leaf nor branch (flags %#x)", p.flags))
	}
}

// trim shortens a page that says it is longer than what it holds: the rest are
// pages of others, which would be lost with it.
func (w *walker) trim(p *page) {
	end := uint64(pageHeader)
	for i := range p.count {
		if e, err := p.element(i); err == nil {
			end = max(end, e.end)
		}
	}
	size := uint64(w.meta.pageSize)
	if need := (end + size - 1) / size * size; need < uint64(len(p.data)) {
		w.damage(p.errorf("says that it is %d bytes long, and holds %d", len(p.data), end))
		p.data = p.data[:need]
	}
}

// take marks a page as used, once.
func (w *walker) take(p *page) error {
	for i := range uint64(len(p.data)) / uint64(w.meta.pageSize) {
		if w.used.has(p.id + i) {
			return (&page{id: p.id + i}).errorf("%w", errTwice)
		}
	}
	for i := range uint64(len(p.data)) / uint64(w.meta.pageSize) {
		w.used.set(p.id + i)
	}
	return nil
}

func (w *walker) leaf(p *page, low, high []byte, visit func(key, value []byte, nested *bucket)) {
	w.elements(p, low, high, func(e, _ element) {
		var nested *bucket
		if e.nested {
			b, ok := parseBucket(e.value)
			if !ok {
				w.damage(p.errorf("a bucket of %d bytes", len(e.value)))
				return
			}
			nested = &b
		}
		visit(e.key, e.value, nested)
	})
}

func (w *walker) branch(p *page, low, high []byte, visit func(key, value []byte, nested *bucket)) {
	if p.count == 0 {
		w.damage(p.errorf("an empty branch"))
	}
	w.elements(p, low, high, func(e, next element) {
		end := high
		if next.key != nil {
			end = next.key
		}
		w.tree(e.child, e.key, end, visit)
	})
}

// elements calls fn with each sound element of a page and the one after it.
func (w *walker) elements(p *page, low, high []byte, fn func(e, next element)) {
	var all []element
	var first error
	var last []byte
	for i := range p.count {
		e, err := p.element(i)
		switch {
		case err != nil:
		case i == 0 && low != nil && !bytes.Equal(e.key, low):
			// bbolt finds a page by its first key when it puts it in another place.
			err = p.errorf("it does not begin with the key that leads to it")
		case i > 0 && last != nil && bytes.Compare(last, e.key) >= 0:
			err = p.errorf("the key of element %d is out of order", i)
		case high != nil && bytes.Compare(e.key, high) >= 0:
			err = p.errorf("the key of element %d belongs elsewhere", i)
		}
		if first == nil {
			first = err
		}
		if err == nil {
			all = append(all, e)
			last = e.key
		}
	}
	if first != nil {
		w.damage(first)
	}
	for i, e := range all {
		var next element
		if i+1 < len(all) {
			next = all[i+1]
		}
		fn(e, next)
	}
}

// freeList returns the pages that bbolt would write to next, in ascending order, and
// the pages that the list itself takes. Where there is no list, as after a
// crash on a full disk, it returns nothing.
func (f *pageFile) freeList() (free []uint64, own []uint64, err error) {
	id := f.meta.free
	if id == noFreeList {
		return nil, nil, nil
	}
	p := &page{id: id}
	defer func() {
		if err != nil {
			err = fmt.Errorf("list of free pages: %w", err)
		}
	}()
	if id < 2 || id >= f.meta.high {
		return nil, nil, p.errorf("outside the file")
	}
	head := make([]byte, pageHeader+8)
	off := int64(id) * f.meta.pageSize
	if err := f.read(head, off); err != nil {
		return nil, nil, p.errorf("%w", err)
	}
	count, long := uint64(order.Uint16(head[10:])), uint64(order.Uint32(head[12:]))+1
	skip := int64(pageHeader)
	if count == manyFreePages {
		count = order.Uint64(head[pageHeader:])
		skip += 8
	}
	switch {
	case order.Uint64(head) != id || order.Uint16(head[8:]) != pageFreeList:
		return nil, nil, p.errorf("holds something else")
	case long > f.meta.high-id || count > f.meta.high || skip+8*int64(count) > int64(long)*f.meta.pageSize:
		return nil, nil, p.errorf("%d pages do not fit", count)
	}
	b := make([]byte, 8*count)
	if err := f.read(b, off+skip); err != nil {
		return nil, nil, p.errorf("%w", err)
	}
	last := uint64(1) // the meta pages are never free
	for i := range count {
		next := order.Uint64(b[8*i:])
		if next <= last || next >= f.meta.high {
			return nil, nil, p.errorf("entry %d is not in order", i)
		}
		free, last = append(free, next), next
	}
	for i := range long {
		own = append(own, id+i)
	}
	return free, own, nil
}

// bitmap is a set of pages.
type bitmap []uint64

func newBitmap(n uint64) bitmap { return make(bitmap, n/64+1) }

func (b bitmap) has(i uint64) bool { return b[i/64]&(1<<(i%64)) != 0 }
func (b bitmap) set(i uint64)      { b[i/64] |= 1 << (i % 64) }

// inUse returns how many bytes the trees take, or at most take where the list of
// free pages is missing or damaged.
func (f *pageFile) inUse() int64 {
	free, own, _ := f.freeList()
	return min(f.size, int64(f.meta.high-2-uint64(len(free)+len(own)))*f.meta.pageSize)
}

// dropFreeList puts a meta page in force that has no list of free pages: bbolt
// makes one anew when it opens the file. As in a commit of bbolt's, it takes the
// place of the meta page that is not in force, which stays until all of it is
// on the disk.
func (f *pageFile) dropFreeList(w *os.File) error {
	b := make([]byte, pageHeader+metaSize)
	if err := f.read(b, int64(f.meta.slot)*f.meta.pageSize); err != nil {
		return err
	}
	txid := f.meta.txid + 1
	slot := int64(txid % 2)
	order.PutUint64(b, uint64(slot))
	m := b[pageHeader:]
	order.PutUint64(m[32:], noFreeList)
	order.PutUint64(m[48:], txid)
	order.PutUint64(m[metaSum:], metaChecksum(m))
	if _, err := w.WriteAt(b, slot*f.meta.pageSize); err != nil {
		return plain(err)
	}
	return w.Sync()
}
