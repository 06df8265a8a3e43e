package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/datafile"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/chunk"
)

// found is the result of a lookup: a record, and where the chunks of its blob are in the
// memory map. While the blob is pinned, its chunks stay there.
type found struct {
	record *layout.Record

	mu    sync.Mutex
	where [][]byte // sealed chunks; an element is nil before it was needed
}

// maxWhere is the number of chunks up to which a found remembers where they are. For a
// larger blob, the list would need too much memory.
const maxWhere = 64

// locate returns the chunks from number `first` to before number `end`, with their
// checksums. It has not verified them.
func (f *found) locate(s *Store, first, end int) ([][]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	where := f.places(first, end)
	if !slices.ContainsFunc(where, func(sealed []byte) bool { return sealed == nil }) {
		return where, nil
	}
	return where, s.view(func(tx *bbolt.Tx) error { return f.fill(tx, where, first) })
}

// places returns the elements of f.where for some chunks. For a blob with many chunks, it
// returns a new list.
func (f *found) places(first, end int) [][]byte {
	n := int((f.record.Size + int64(f.record.ChunkSize) - 1) / int64(f.record.ChunkSize))
	if n > maxWhere {
		return make([][]byte, end-first)
	}
	if f.where == nil {
		f.where = make([][]byte, n)
	}
	return f.where[first:end]
}

// fill finds the chunks that are nil in `where`. If pages with chunks are damaged, it returns
// db.ErrDamaged.
func (f *found) fill(tx *bbolt.Tx, where [][]byte, first int) (err error) {
	defer datafile.RecoverDamage(&err)
	for i := range where {
		if where[i] != nil {
			continue
		}
		sealed, err := layout.GetChunk(tx, f.record.Blob, first+i)
		if err != nil {
			return err
		}
		if len(sealed) <= tx.DB().Info().PageSize/4 {
			// bbolt stores so small a bucket inside the page of its parent, and such
			// a page moves when another chunk is added to it.
			sealed = bytes.Clone(sealed)
		}
		where[i] = sealed
	}
	return nil
}

// bufferList is a list for writeVerified.
type bufferList struct {
	buffers [][]byte
	key     [chunk.KeySize]byte // of the chunk that is verified
}

var bufferLists = sync.Pool{New: func() any { return new(bufferList) }}

// done gives the empty list back.
func (l *bufferList) done() {
	clear(l.buffers)
	l.buffers = l.buffers[:0]
	bufferLists.Put(l)
}

// writeVerified verifies chunks in the memory map, the first of which has the number
// `first`. It writes the bytes of them that are between the offsets `from` and `end` of the
// content.
func (f *found) writeVerified(w db.DirectReceiver, sealed [][]byte, first int, from, end int64) (n int, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer datafile.RecoverDamage(&err)
	list := bufferLists.Get().(*bufferList)
	defer list.done()
	for i, s := range sealed {
		begin := int64(first+i) * int64(f.record.ChunkSize) // of the chunk
		size := int(min(int64(f.record.ChunkSize), f.record.Size-begin))
		list.key = layout.ChunkKey(f.record.Blob, first+i)
		if !chunk.Intact(list.key[:], s, size) {
			return 0, fmt.Errorf("%w: checksum of chunk %d", db.ErrDamaged, first+i)
		}
		list.buffers = append(list.buffers, s[chunk.ChecksumSize:][max(0, from-begin):min(int64(size), end-begin)])
	}
	n, err = w.WriteNow(list.buffers)
	if errors.Is(err, syscall.EFAULT) { // the kernel could not read a page of the file
		err = fmt.Errorf("%w: %w", db.ErrDamaged, err)
	}
	return n, err
}

// lookupKey identifies a record.
type lookupKey struct {
	variant bool
	key     string // the name of an image, or the key of a variant
}

// lookups remembers the lookups since the last commit. So if an image is read often, most
// reads need no transaction.
type lookups struct {
	mu  sync.RWMutex
	tx  uint64 // the number of the transaction in which everything in `all` was found
	all map[lookupKey]*found
}

// maxLookups limits the number of remembered lookups. Each one has up to 3 KiB.
const maxLookups = 1024

// get returns the result of a lookup in the transaction with this number, or nil.
func (l *lookups) get(key lookupKey, tx uint64) *found {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.tx != tx {
		return nil
	}
	return l.all[key]
}

// put remembers the result of a lookup in the transaction with this number.
func (l *lookups) put(key lookupKey, tx uint64, f *found) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if tx < l.tx {
		return
	}
	if tx > l.tx || len(l.all) == maxLookups || l.all == nil {
		l.tx, l.all = tx, make(map[lookupKey]*found)
	}
	l.all[key] = f
}

// mapped says whether the memory map may be used outside a transaction.
type mapped struct {
	mu   sync.RWMutex // locked for reading while the map is used
	size int64        // of the map, in bytes; 0 if the map may move or does not exist
}

// mapSlack is more than the file grows in one commit.
const mapSlack = 1 << 30

// enter reports whether the map may be used until exit is called.
func (m *mapped) enter() bool {
	m.mu.RLock()
	if m.size == 0 {
		m.mu.RUnlock()
		return false
	}
	return true
}

func (m *mapped) exit() { m.mu.RUnlock() }

// leave waits until nobody uses the map, and forbids later use.
func (m *mapped) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.size = 0
}

// grow is called before a commit. If the commit may make the file larger than its memory
// map, bbolt may move the map.
func (m *mapped) grow(fileSize int64) {
	if m.size > 0 && fileSize > m.size-mapSlack {
		m.leave()
	}
}
