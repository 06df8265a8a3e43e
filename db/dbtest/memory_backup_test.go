package dbtest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"maps"
	"slices"
	"sync"

	"imageserver/db"
)

// saved has the stores of all backups. The bytes of a backup are only the number of its
// store.
var saved struct {
	sync.Mutex
	stores []*memory
}

func (m *memory) Backup(ctx context.Context) (io.ReadCloser, int64, error) {
	if err := ctx.Err(); err != nil && m.fault != "backups ignore the context" {
		return nil, 0, err
	}
	m.lock()
	defer m.mu.Unlock()
	if m.closed && m.fault != "backups of a closed store" {
		return nil, 0, db.ErrClosed
	}
	saved.Lock()
	defer saved.Unlock()
	copied := m.clone()
	switch m.fault {
	case "backups lack the trash":
		copied.trash = nil
	case "backups contain later changes":
		copied = m
	case "backups are old":
		if m.backedUp == nil {
			m.backedUp = copied
		}
		copied = m.backedUp
	}
	saved.stores = append(saved.stores, copied)
	content := binary.BigEndian.AppendUint64(nil, uint64(len(saved.stores)-1))
	size := int64(len(content))
	if m.fault == "backups are shorter" {
		size++
	}
	return io.NopCloser(bytes.NewReader(content)), size, nil
}

// clone returns an independent copy of m.
func (m *memory) clone() *memory {
	return &memory{
		fault: m.fault, clock: m.clock, usage: m.usage,
		images: maps.Clone(m.images), names: maps.Clone(m.names), kept: maps.Clone(m.kept),
		variants: slices.Clone(m.variants), trash: slices.Clone(m.trash),
	}
}

// restored returns the store of the bytes of a backup.
func restored(copy io.Reader) db.Store {
	content, err := io.ReadAll(copy)
	if err != nil {
		panic(err)
	}
	saved.Lock()
	defer saved.Unlock()
	return saved.stores[binary.BigEndian.Uint64(content)].clone()
}
