package intake

import (
	"context"
	"io"
	"time"

	"imageserver/db/fair"
)

// Images that are being stripped have stripMemory bytes of memory together. A
// WebP has up to maxWebP of them, another image up to maxStripped.
const (
	stripMemory = 64 << 20
	maxWebP     = 16 << 20
	maxStripped = 400 << 10 // see strip.Reader
	stripStep   = 16 << 10  // bytes that are reserved at a time
	stripWait   = 10 * time.Second
)

// reserving reads bytes that are then buffered, and reserves memory for them as
// they arrive, so that a slow client has no more memory than it has sent bytes.
type reserving struct {
	r     io.Reader
	ctx   context.Context
	share fair.Share
	held  int64 // bytes that are reserved
	left  int64 // of them, for what is still to be read
	most  int64 // that are ever buffered
}

func (m *reserving) Read(b []byte) (int, error) {
	if m.held >= m.most {
		return m.r.Read(b)
	}
	if m.left == 0 {
		if err := m.share.Get(m.ctx, stripStep); err != nil {
			return 0, err
		}
		m.held, m.left = m.held+stripStep, stripStep
	}
	n, err := m.r.Read(b[:min(int64(len(b)), m.left)])
	m.left -= int64(n)
	return n, err
}
