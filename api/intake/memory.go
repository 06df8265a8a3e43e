package intake

import (
	"context"
	"io"
	"time"

	"imageserver/db/fair"
)

// Limits of the memory in which metadata is removed, in bytes.
const (
	stripMemory = 64 << 20         // all images together
	maxWebP     = 16 << 20         // one WebP
	maxStripped = 400 << 10        // one JPEG or PNG; see strip.Reader
	stripStep   = 16 << 10         // reserved at a time
	stripWait   = 10 * time.Second // an image that waits longer for memory gets db.ErrBusy
)

// reserving reserves memory for the bytes that it reads. It reserves the memory as
// the bytes arrive, so a slow client occupies only the memory that it has filled.
type reserving struct {
	r        io.Reader
	ctx      context.Context
	share    fair.Share
	reserved int64 // bytes
	left     int64 // reserved bytes that are still free
	most     int64 // the most bytes that are buffered at once
}

// Read reads from r. Before that, it waits until memory for the bytes is free.
func (m *reserving) Read(b []byte) (int, error) {
	if m.reserved >= m.most {
		return m.r.Read(b)
	}
	if m.left == 0 {
		if err := m.share.Get(m.ctx, stripStep); err != nil {
			return 0, err
		}
		m.reserved, m.left = m.reserved+stripStep, stripStep
	}
	n, err := m.r.Read(b[:min(int64(len(b)), m.left)])
	m.left -= int64(n)
	return n, err
}
