package dbtest_test

import (
	"bytes"
	"errors"
	"io"

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
	case fault == "bodies go with the variant" && b.variant != nil:
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

func (b *body) WriteTo(w io.Writer) (int64, error) {
	r, err := b.live()
	if err != nil {
		return 0, err
	}
	if b.store.fault == "WriteTo sends all" {
		r.Seek(0, io.SeekStart)
	}
	receiver, ok := w.(db.Receiver)
	if !ok || b.store.fault == "WriteTo does not ask" {
		return r.WriteTo(w)
	}
	var n int64
	for r.Len() > 0 {
		room, err := receiver.Room(r.Len())
		if err != nil || room == 0 {
			return n, err
		}
		k, err := io.CopyN(w, r, int64(room))
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, nil
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
