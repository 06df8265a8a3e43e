package variants

import (
	"fmt"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"imageserver/db"
)

// lentTime is how long a client can be sure to have a lent copy. It is enough for
// any client but a slow one.
const lentTime = 10 * time.Second

// lender holds copies that the store does not keep while clients read them.
// Readers share a copy, and its bytes count once. What slow clients hold is not
// taken from the memory for making copies.
//
// When the budget is used up, another copy takes the place of the oldest of the
// client that holds most, or of one that is older than lentTime. The clients that
// read that one are cut off.
type lender struct {
	budget int64 // bytes; a copy that is larger is lent alone

	mu   sync.Mutex
	used int64
	lent map[*byte]*lentCopy // by their first byte
	seq  uint64
}

// lentCopy is a copy in memory. data is nil when it was taken back.
type lentCopy struct {
	data    atomic.Pointer[[]byte]
	size    int64
	client  netip.Prefix // for whom it was lent first, and counts
	readers int
	number  uint64
	since   time.Time
}

// lend returns a copy as a body. The data must not be empty.
func (l *lender) lend(client netip.Prefix, data []byte) (db.Body, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.lent[&data[0]]
	if c == nil {
		var err error
		if c, err = l.admit(client, data); err != nil {
			return nil, err
		}
	}
	c.readers++
	return &lentBody{SectionReader: io.NewSectionReader(c, 0, c.size), release: sync.OnceFunc(func() { l.release(c) })}, nil
}

// admit makes room for a copy and counts it.
func (l *lender) admit(client netip.Prefix, data []byte) (*lentCopy, error) {
	size := int64(len(data))
	for l.used > 0 && l.used+size > l.budget {
		old := l.victim(client, size)
		if old == nil {
			return nil, ErrBusy
		}
		l.takeBack(old)
	}
	l.seq++
	c := &lentCopy{size: size, client: client, number: l.seq, since: time.Now()}
	c.data.Store(&data)
	if l.lent == nil {
		l.lent = make(map[*byte]*lentCopy)
	}
	l.lent[&data[0]] = c
	l.used += size
	return c, nil
}

// victim returns the copy that makes room for one of a client, or nil.
func (l *lender) victim(client netip.Prefix, size int64) *lentCopy {
	held := make(map[netip.Prefix]int64)
	for _, c := range l.lent {
		held[c.client] += c.size
	}
	var most, oldest *lentCopy
	for _, c := range l.lent {
		if oldest == nil || c.number < oldest.number {
			oldest = c
		}
		if most == nil || held[c.client] > held[most.client] || held[c.client] == held[most.client] && c.number < most.number {
			most = c
		}
	}
	switch {
	case held[most.client] > held[client]+size:
		return most
	case time.Since(oldest.since) > lentTime:
		return oldest
	}
	return nil
}

// takeBack forgets a copy. Its readers get an error.
func (l *lender) takeBack(c *lentCopy) {
	delete(l.lent, &(*c.data.Load())[0])
	l.used -= c.size
	c.data.Store(nil)
}

// release ends the use of a copy by one reader.
func (l *lender) release(c *lentCopy) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.readers--; c.readers == 0 && c.data.Load() != nil {
		l.takeBack(c)
	}
}

func (c *lentCopy) ReadAt(p []byte, off int64) (n int, err error) {
	data := c.data.Load()
	if data == nil {
		return 0, fmt.Errorf("send copy: %w", ErrTakenBack)
	}
	n = copy(p, (*data)[min(off, c.size):])
	if n < len(p) {
		err = io.EOF
	}
	return n, err
}

// lentBody is one reader of a lent copy.
type lentBody struct {
	*io.SectionReader
	release func()
}

// pieceSize is the number of bytes of a lent copy that are written at once, and smallPiece
// that for a slow client.
const (
	pieceSize  = 64 << 10
	smallPiece = 32 << 10
)

// piecePool and smallPiecePool lend the buffers that lent copies are written from.
var (
	piecePool      = sync.Pool{New: func() any { b := make([]byte, pieceSize); return &b }}
	smallPiecePool = sync.Pool{New: func() any { b := make([]byte, smallPiece); return &b }}
)

// WriteTo writes from a buffer: a copy that is taken back must not stay in memory
// because a client is slow to take a part of it.
func (b *lentBody) WriteTo(w io.Writer) (n int64, err error) {
	receiver, _ := w.(db.Receiver)
	for {
		off, _ := b.Seek(0, io.SeekCurrent)
		most := int(min(pieceSize, b.Size()-off))
		if receiver != nil && most > 0 {
			if most, err = receiver.Room(most); err != nil {
				return n, err
			}
		}
		if most <= 0 {
			return n, nil
		}
		k, err := b.writePiece(w, off, most)
		_, _ = b.Seek(int64(k), io.SeekCurrent)
		n += int64(k)
		if err != nil {
			return n, err
		}
	}
}

// writePiece writes size bytes from offset off.
func (b *lentBody) writePiece(w io.Writer, off int64, size int) (int, error) {
	pool := &piecePool
	if size <= smallPiece {
		pool = &smallPiecePool
	}
	buf := pool.Get().(*[]byte)
	defer pool.Put(buf)
	if _, err := b.ReadAt((*buf)[:size], off); err != nil {
		return 0, err
	}
	return w.Write((*buf)[:size])
}

func (b *lentBody) Close() error {
	b.release()
	return nil
}
