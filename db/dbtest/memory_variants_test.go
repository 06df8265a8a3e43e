package dbtest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"slices"

	"imageserver/db"
)

// variant is an entry in the list of variants, which is in the order in which they were
// made.
type variant struct {
	stored
	source db.Digest
	key    string
}

func (m *memory) PutVariant(ctx context.Context, source db.Digest, key string, body io.Reader, o db.VariantOptions) (img db.Image, err error) {
	if err := m.checkKey(key); err != nil {
		return img, err
	}
	if m.fault == "looks for the source only before the read" && !m.holds(source) {
		return img, db.ErrNotFound
	}
	names := m.withContent(source)
	data, err := m.read(ctx, key, body)
	if err != nil && m.fault != "keeps a part of a variant" {
		return img, err
	}
	if int64(len(data)) > o.Budget && m.fault != "evicts for a variant that is too large" {
		return img, db.ErrBudget
	}
	img = db.Image{
		Size: int64(len(data)), SHA256: sha256.Sum256(data),
		ContentType: o.ContentType, Width: o.Width, Height: o.Height,
		Uploaded: m.now(),
	}
	m.lock()
	defer m.mu.Unlock()
	err = m.commitVariant(variant{stored{img, data}, source, key}, o.Budget)
	if o.Placeholder != "" && (err == nil || m.fault == "a placeholder without its variant") {
		m.shared(source, o.Placeholder)
	}
	if m.fault == "a placeholder only for earlier names" && o.Placeholder != "" {
		for _, name := range names {
			e := m.images[name]
			e.Placeholder = o.Placeholder
			m.images[name] = e
		}
	}
	return img, err
}

// withContent returns the names of the images with a content.
func (m *memory) withContent(content db.Digest) (names []string) {
	m.lock()
	defer m.mu.Unlock()
	for name, e := range m.images {
		if e.SHA256 == content {
			names = append(names, name)
		}
	}
	return names
}

// shared gives a placeholder to all images with a content that have none. It returns the
// placeholder that they have then.
func (m *memory) shared(content db.Digest, placeholder string) string {
	first := true
	m.eachWith(&content, func(img *db.Image) {
		switch {
		case m.fault == "a placeholder for one image" && !first:
			return
		case img.Placeholder == "" || m.fault == "a later placeholder replaces the first" && placeholder != "":
			img.Placeholder = placeholder
			if m.fault == "a placeholder is a change" && placeholder != "" {
				img.Uploaded = img.Uploaded.Add(1)
			}
		case m.fault != "equal bytes have different placeholders":
			placeholder = img.Placeholder
		}
		first = false
	})
	return placeholder
}

// eachWith calls `do` for all images with a content, or for all images if content is nil.
func (m *memory) eachWith(content *db.Digest, do func(img *db.Image)) {
	for _, name := range slices.Sorted(maps.Keys(m.images)) {
		if e := m.images[name]; content == nil || e.SHA256 == *content {
			do(&e.Image)
			m.images[name] = e
		}
	}
	for i := range m.trash {
		if content == nil || m.trash[i].SHA256 == *content && m.fault != "no placeholder in the trash" {
			do(&m.trash[i].Image)
		}
	}
}

// commitVariant is the transaction of PutVariant.
func (m *memory) commitVariant(c variant, budget int64) error {
	switch {
	case m.closed:
		return db.ErrClosed
	case m.fault == "variants of an image in the trash" && m.kept[c.source] > 0:
	case m.names[c.source] == 0 && m.fault != "variants of missing images" && m.fault != "looks for the source only before the read":
		return fmt.Errorf("%w: none has the digest %s", db.ErrNotFound, c.source)
	}
	if m.fault == "evicts before it replaces" {
		m.evict(budget - c.Size)
	}
	if i := m.findVariant(c.source, c.key); i >= 0 {
		if m.fault == "a variant that is stored again stays old" {
			m.variants[i] = c
			return nil
		}
		m.variants = slices.Delete(m.variants, i, i+1)
	}
	if m.fault != "variants without a budget" {
		m.evict(budget - c.Size)
	}
	if c.Size > budget {
		return db.ErrBudget
	}
	if m.variants = append(m.variants, c); m.fault == "variants are images" {
		c.Name, c.Uploaded = c.key, m.now()
		m.bind(c.stored)
	}
	return nil
}

// evict deletes variants until they have at most n bytes.
func (m *memory) evict(n int64) {
	for len(m.variants) > 0 && m.countVariants().VariantBytes > n {
		i := 0
		if m.fault == "evicts the newest" {
			i = len(m.variants) - 1
		}
		m.variants = slices.Delete(m.variants, i, i+1)
	}
}

func (m *memory) TrimVariants(ctx context.Context, n int64) error {
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

func (m *memory) GetVariant(_ context.Context, source db.Digest, key string) (img db.Image, _ db.Body, err error) {
	if err := m.checkKey(key); err != nil {
		return img, nil, err
	}
	m.lock()
	defer m.mu.Unlock()
	i := m.findVariant(source, key)
	switch {
	case m.closed:
		return img, nil, db.ErrClosed
	case i < 0:
		return img, nil, fmt.Errorf("%w: variant %q of %s", db.ErrNotFound, key, source)
	}
	c := m.variants[i]
	if m.fault == "variants that are read stay" {
		m.variants = append(slices.Delete(m.variants, i, i+1), c)
	}
	return c.Image, &body{r: bytes.NewReader(c.data), store: m, variant: &c}, nil
}

// findVariant returns the index of a variant in m.variants, or -1.
func (m *memory) findVariant(source db.Digest, key string) int {
	return slices.IndexFunc(m.variants, func(c variant) bool {
		switch m.fault {
		case "one variant of each source":
			return c.source == source
		case "one variant for each key":
			return c.key == key
		}
		return c.source == source && c.key == key
	})
}

// dropVariants deletes the variants of source.
func (m *memory) dropVariants(source db.Digest) {
	m.variants = slices.DeleteFunc(m.variants, func(c variant) bool { return c.source == source })
}

// countVariants returns the usage with the variants.
func (m *memory) countVariants() db.Usage {
	u := m.countTrash()
	u.Variants = int64(len(m.variants))
	for _, c := range m.variants {
		u.VariantBytes += c.Size
	}
	if m.fault == "variants count as stored" {
		u.Stored += u.VariantBytes
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
