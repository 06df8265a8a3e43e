package dbtest_test

import (
	"bytes"
	"errors"
	"io"
	"math"

	"imageserver/db"
)

// body reads from memory, as long as it and the store are open.
type body struct {
	r       *bytes.Reader
	store   *memory
	name    string
	variant *variant // or nil
	closed  bool
}

// live returns the reader to use.
func (b *body) live() (*bytes.Reader, error) {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	switch fault := b.store.fault; {
	case b.closed && fault != "reads when closed":
		return nil, errors.New("body is closed")
	case b.store.closed && fault != "bodies outlive the store":
		return nil, db.ErrClosed
	case fault == "bodies end with their variant" && b.variant != nil:
		if i := b.store.findVariant(b.variant.source, b.variant.key); i < 0 || b.store.variants[i].SHA256 != b.variant.SHA256 {
			return nil, db.ErrNotFound
		}
	case fault == "body follows the name":
		r := bytes.NewReader(b.store.images[b.name].data)
		r.Seek(b.r.Size()-int64(b.r.Len()), io.SeekStart)
		*b.r = *r
	}
	return b.r, nil
}

func (b *body) Read(p []byte) (int, error) {
	r, err := b.live()
	if err != nil {
		return 0, err
	}
	return r.Read(p)
}

func (b *body) ReadAt(p []byte, off int64) (int, error) {
	r, err := b.live()
	if err != nil {
		return 0, err
	}
	if b.store.fault == "ReadAt moves" && off >= 0 {
		r.Seek(off, io.SeekStart)
	}
	return r.ReadAt(p, off)
}

func (b *body) WriteTo(w io.Writer) (int64, error) { return b.WriteN(w, math.MaxInt64) }

func (b *body) WriteN(w io.Writer, limit int64) (n int64, err error) {
	r, err := b.live()
	if err != nil {
		return 0, err
	}
	switch b.store.fault {
	case "WriteTo sends all":
		r.Seek(0, io.SeekStart)
	case "WriteN has no limit":
		limit = math.MaxInt64
	}
	limit = min(limit, int64(r.Len()))
	direct, _ := w.(db.DirectReceiver)
	receiver, ok := w.(db.Receiver)
	if !ok || b.store.fault == "WriteTo does not ask" {
		return io.CopyN(w, r, limit)
	}
	for n < limit {
		k := int64(0)
		if direct != nil {
			k, err = b.writeNow(direct, r, limit-n)
			if errors.Is(err, errors.ErrUnsupported) {
				direct, err = nil, nil
			}
		}
		if n += k; err != nil || n == limit {
			return n, err
		}
		room, err := receiver.Room(int(limit - n))
		if err != nil {
			return n, err
		}
		if direct != nil {
			continue
		}
		k, err = io.CopyN(w, r, int64(room))
		if n += k; err != nil {
			return n, err
		}
	}
	return n, nil
}

// writeNow gives at most n bytes to w, in two buffers.
func (b *body) writeNow(w db.DirectReceiver, r *bytes.Reader, n int64) (int64, error) {
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return 0, err
	}
	k, err := w.WriteNow([][]byte{data[:n/2], data[n/2:]})
	if b.store.fault != "WriteNow takes everything" {
		r.Seek(int64(k)-n, io.SeekCurrent)
	}
	return int64(k), err
}

func (b *body) Seek(offset int64, whence int) (int64, error) {
	if b.store.fault == "seeks before the start" {
		n, _ := b.r.Seek(offset, whence)
		return n, nil
	}
	return b.r.Seek(offset, whence)
}

func (b *body) Close() error {
	b.closed = true
	return nil
}
