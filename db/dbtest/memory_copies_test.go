package dbtest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"

	"imageserver/db"
)

// copied is a copy in memory's list of them, which is in the order made.
type copied struct {
	stored
	source db.Digest
	key    string
}

func (m *memory) PutCopy(ctx context.Context, source db.Digest, key string, body io.Reader, o db.CopyOptions) (img db.Image, err error) {
	if err := m.checkKey(key); err != nil {
		return img, err
	}
	if m.fault == "asks for the source before" && !m.holds(source) {
		return img, db.ErrNotFound
	}
	data, err := m.read(ctx, key, body)
	if err != nil && m.fault != "keeps a part of a copy" {
		return img, err
	}
	if int64(len(data)) > o.Budget && m.fault != "evicts for what is too large" {
		return img, db.ErrBudget
	}
	img = db.Image{
		Size: int64(len(data)), SHA256: sha256.Sum256(data),
		ContentType: o.ContentType, Width: o.Width, Height: o.Height,
		Uploaded: m.now(),
	}
	m.lock()
	defer m.mu.Unlock()
	return img, m.commitCopy(copied{stored{img, data}, source, key}, o.Budget)
}

// commitCopy is the transaction of PutCopy.
func (m *memory) commitCopy(c copied, budget int64) error {
	switch {
	case m.closed:
		return db.ErrClosed
	case m.fault == "copies of what rests" && m.kept[c.source] > 0:
	case m.names[c.source] == 0 && m.fault != "copies of nothing" && m.fault != "asks for the source before":
		return fmt.Errorf("%w: none has the digest %s", db.ErrNotFound, c.source)
	}
	if m.fault == "evicts before it replaces" {
		m.evict(budget - c.Size)
	}
	if i := m.findCopy(c.source, c.key); i >= 0 {
		if m.fault == "copies stay as old as they are" {
			m.copies[i] = c
			return nil
		}
		m.copies = slices.Delete(m.copies, i, i+1)
	}
	if m.fault != "copies without a budget" {
		m.evict(budget - c.Size)
	}
	if c.Size > budget {
		return db.ErrBudget
	}
	if m.copies = append(m.copies, c); m.fault == "copies are images" {
		c.Name, c.Uploaded = c.key, m.now()
		m.bind(c.stored)
	}
	return nil
}

// evict drops copies until they take at most n bytes.
func (m *memory) evict(n int64) {
	for len(m.copies) > 0 && m.countCopies().CopyBytes > n {
		i := 0
		if m.fault == "evicts the newest" {
			i = len(m.copies) - 1
		}
		m.copies = slices.Delete(m.copies, i, i+1)
	}
}

func (m *memory) TrimCopies(ctx context.Context, n int64) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	m.lock()
	defer m.mu.Unlock()
	if m.closed {
		return db.ErrClosed
	}
	if m.fault == "trims to nothing" {
		n = 0
	}
	if m.fault != "does not trim" {
		m.evict(n)
	}
	return nil
}

func (m *memory) GetCopy(_ context.Context, source db.Digest, key string) (img db.Image, _ db.Body, err error) {
	if err := m.checkKey(key); err != nil {
		return img, nil, err
	}
	m.lock()
	defer m.mu.Unlock()
	i := m.findCopy(source, key)
	switch {
	case m.closed:
		return img, nil, db.ErrClosed
	case i < 0:
		return img, nil, fmt.Errorf("%w: copy %q of %s", db.ErrNotFound, key, source)
	}
	c := m.copies[i]
	if m.fault == "copies that are read stay" {
		m.copies = append(slices.Delete(m.copies, i, i+1), c)
	}
	return c.Image, &body{r: bytes.NewReader(c.data), store: m, copy: &c}, nil
}

// findCopy returns the place of a copy in m.copies, or -1.
func (m *memory) findCopy(source db.Digest, key string) int {
	return slices.IndexFunc(m.copies, func(c copied) bool {
		switch m.fault {
		case "one copy of each source":
			return c.source == source
		case "one copy for each key":
			return c.key == key
		}
		return c.source == source && c.key == key
	})
}

// dropCopies deletes the copies of source.
func (m *memory) dropCopies(source db.Digest) {
	m.copies = slices.DeleteFunc(m.copies, func(c copied) bool { return c.source == source })
}

// countCopies returns the usage with the copies.
func (m *memory) countCopies() db.Usage {
	u := m.countTrash()
	u.Copies = int64(len(m.copies))
	for _, c := range m.copies {
		u.CopyBytes += c.Size
	}
	if m.fault == "copies count as stored" {
		u.Stored += u.CopyBytes
	}
	return u
}

func (m *memory) holds(source db.Digest) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.names[source] > 0
}

func (m *memory) checkKey(key string) error {
	if m.fault == "any key" {
		return nil
	}
	return db.CheckKey(key)
}
