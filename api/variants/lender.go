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

// lentTime is how long a variant can be lent before it can be taken back for any client. Before
// that, it can be taken back only if its client has the most bytes. The time is enough for all
// clients that are not slow.
const lentTime = 10 * time.Second

// lender keeps the variants that the store does not keep in memory while clients read them. It
// lends the memory: all readers of a variant share its bytes, which count once. The budget is
// separate from the memory for making variants. So slow clients cannot prevent that the server
// makes variants.
//
// When the budget is used up, the lender takes an older variant back for a new one. It takes
// the oldest variant of the client that has the most bytes, or else the oldest variant of all
// if that is older than lentTime. The readers of a variant that was taken back get ErrTakenBack.
type lender struct {
	budget int64 // bytes; a larger variant is lent only if no other variant is lent

	mu   sync.Mutex
	used int64
	lent map[*byte]*lentVariant // by the address of their first byte
	seq  uint64
}

// lentVariant is a variant in memory. data is nil after it was taken back.
type lentVariant struct {
	data    atomic.Pointer[[]byte]
	size    int64
	client  netip.Prefix // the client that read it first; the bytes count for this client
	readers int
	number  uint64
	since   time.Time
}

// lend returns a body with data, which must not be empty. It returns ErrBusy if the budget is
// used up and no variant can be taken back. It is safe for concurrent use.
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

// admit makes space for a variant, and adds its bytes to those that are used.
func (l *lender) admit(client netip.Prefix, data []byte) (*lentVariant, error) {
	size := int64(len(data))
	for l.used > 0 && l.used+size > l.budget {
		old := l.victim(client, size)
		if old == nil {
			return nil, ErrBusy
		}
		l.takeBack(old)
	}
	l.seq++
	c := &lentVariant{size: size, client: client, number: l.seq, since: time.Now()}
	c.data.Store(&data)
	if l.lent == nil {
		l.lent = make(map[*byte]*lentVariant)
	}
	l.lent[&data[0]] = c
	l.used += size
	return c, nil
}

// victim returns the variant to take back so that a client can have size bytes, or nil.
func (l *lender) victim(client netip.Prefix, size int64) *lentVariant {
	held := make(map[netip.Prefix]int64)
	for _, c := range l.lent {
		held[c.client] += c.size
	}
	var most, oldest *lentVariant
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

// takeBack drops a variant. Its readers get ErrTakenBack.
func (l *lender) takeBack(c *lentVariant) {
	delete(l.lent, &(*c.data.Load())[0])
	l.used -= c.size
	c.data.Store(nil)
}

// release ends the use of a variant by one reader.
func (l *lender) release(c *lentVariant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.readers--; c.readers == 0 && c.data.Load() != nil {
		l.takeBack(c)
	}
}

func (c *lentVariant) ReadAt(p []byte, off int64) (n int, err error) {
	data := c.data.Load()
	if data == nil {
		return 0, fmt.Errorf("send resized copy: %w", ErrTakenBack)
	}
	n = copy(p, (*data)[min(off, c.size):])
	if n < len(p) {
		err = io.EOF
	}
	return n, err
}

// lentBody is one reader of a lent variant.
type lentBody struct {
	*io.SectionReader
	release func()
}

// A lent variant is written in pieces of pieceSize bytes, and for a slow client of
// smallPiece bytes.
const (
	pieceSize  = 64 << 10
	smallPiece = 32 << 10
)

// piecePool and smallPiecePool have the buffers for pieces.
var (
	piecePool      = sync.Pool{New: func() any { b := make([]byte, pieceSize); return &b }}
	smallPiecePool = sync.Pool{New: func() any { b := make([]byte, smallPiece); return &b }}
)

// WriteTo writes the unread bytes; see WriteN.
func (b *lentBody) WriteTo(w io.Writer) (int64, error) { return b.WriteN(w, b.Size()) }

// WriteN copies each piece to a buffer, and writes the buffer. So a slow client does not keep a
// variant in memory after it was taken back.
func (b *lentBody) WriteN(w io.Writer, limit int64) (n int64, err error) {
	receiver, _ := w.(db.Receiver)
	for {
		off, _ := b.Seek(0, io.SeekCurrent)
		most := int(min(pieceSize, b.Size()-off, limit-n))
		if most <= 0 {
			return n, nil
		}
		if receiver != nil {
			if most, err = receiver.Room(most); err != nil {
				return n, err
			}
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
