package dbtest_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"imageserver/db"
	"imageserver/db/resolve"
)

// lock locks the engine and deletes the images that have expired. This engine needs no
// sweeper, because every method calls lock first.
func (m *memory) lock() {
	m.mu.Lock()
	now := time.Now()
	for _, name := range slices.Sorted(maps.Keys(m.images)) {
		if e := m.images[name]; e.Expired(now.Add(m.early())) && m.fault != "never expires" {
			m.expire(e)
		}
	}
	if m.fault != "trash never expires" {
		m.purge(func(e stored) bool { return e.Expired(now) })
	}
}

// early returns how much earlier than they should images expire. It is 0 without a fault.
func (m *memory) early() time.Duration {
	if m.fault == "expires early" {
		return time.Minute
	}
	return 0
}

func (m *memory) expire(e stored) {
	switch m.fault {
	case "expired go to the trash":
		e.Expires = time.Time{}
		m.remove(e, time.Hour)
		return
	case "expired images still count":
		m.usage.Images++
		m.usage.Bytes += e.Size
	}
	m.unbind(e)
}

// remove moves e to the trash for the time ttl, or deletes it if ttl is 0.
func (m *memory) remove(e stored, ttl time.Duration) {
	if ttl > 0 {
		m.discard(e, ttl)
	}
	m.unbind(e)
}

func (m *memory) discard(e stored, ttl time.Duration) {
	if m.fault == "one image per name in the trash" {
		m.purge(func(t stored) bool { return t.Name == e.Name })
	}
	e.Image = e.Trashed(time.Now().UTC(), ttl)
	e.Deleted = e.Deleted.Truncate(m.clock)
	if m.fault == "deletions in one hour have the same time" {
		e.Deleted = e.Deleted.Truncate(time.Hour)
	}
	for _, t := range m.trash {
		if t.Name == e.Name && !t.Deleted.Before(e.Deleted) && m.fault != "deletions in one hour have the same time" {
			e.Deleted = t.Deleted.Add(1)
		}
	}
	switch m.fault {
	case "in the trash after it expired":
		e.TrashExpires = e.Deleted.Add(ttl)
	case "trash changes the upload time":
		e.Uploaded = e.Deleted
	}
	m.keep(e)
	if m.trash = append(m.trash, e); m.fault == "bytes are not kept" {
		m.letGo(e)
	}
}

// purge deletes images from the trash, and returns how many.
func (m *memory) purge(which func(stored) bool) (n int) {
	m.trash = slices.DeleteFunc(m.trash, func(e stored) bool {
		if !which(e) {
			return false
		}
		if n++; m.fault != "purged bytes stay" {
			m.letGo(e)
		}
		return true
	})
	return n
}

// countTrash returns the usage with the trash.
func (m *memory) countTrash() db.Usage {
	u := m.usage
	for _, e := range m.trash {
		u.Trash++
		u.TrashBytes += e.Size
	}
	if m.fault == "trash counts as images" {
		u.Images += u.Trash
		u.Bytes += u.TrashBytes
	}
	return u
}

func (m *memory) ByDeleteKeyHash(_ context.Context, hash db.Digest) (db.Image, error) {
	m.lock()
	defer m.mu.Unlock()
	if m.closed {
		return db.Image{}, db.ErrClosed
	}
	among := slices.Collect(maps.Values(m.images))
	if m.fault == "delete key outlives the image" {
		among = append(among, m.trash...)
	}
	for _, e := range among {
		match := e.DeleteKeyHash == hash
		if m.fault == "delete key by its beginning" {
			match = e.DeleteKeyHash[0] == hash[0]
		}
		if match && (hash != db.Digest{} || m.fault == "no delete key is a delete key") {
			return e.Image, nil
		}
	}
	return db.Image{}, db.ErrNotFound
}

func (m *memory) Rename(_ context.Context, from, to string, o db.RenameOptions) (img db.Image, outcome db.Outcome, err error) {
	from, errFrom := m.checkName(from)
	to, errTo := m.checkName(to)
	if err := cmp.Or(errFrom, errTo); err != nil {
		return img, 0, err
	}
	if m.fault == "rename asks before the transaction" && o.Allow != nil {
		if err := m.allow(from, o.Allow); err != nil {
			return img, 0, err
		}
		o.Allow = nil
		time.Sleep(time.Millisecond)
	}
	m.lock()
	defer m.mu.Unlock()
	e, ok := m.images[from]
	switch {
	case m.closed:
		return img, 0, db.ErrClosed
	case o.Allow != nil:
		asked := from
		if m.fault == "rename asks about the other name" {
			asked = to
		}
		if err := o.Allow(m.current(asked)); err != nil {
			return img, 0, err
		}
	}
	if !ok {
		return img, 0, fmt.Errorf("%w: %q", db.ErrNotFound, from)
	}
	if m.fault == "rename replaces" {
		o.Conflict = db.Replace
	}
	r, err := resolve.Rename(lookup{m}, &e.Image, from, to, db.RenameOptions{Conflict: o.Conflict})
	if m.fault == "renamed to another number" {
		r, err = resolve.Put(lookup{m}, to, e.SHA256, o.Conflict, nil)
	}
	name, outcome := r.Name, r.Outcome
	if err != nil || name == from && m.fault != "rename to itself deletes" {
		return e.Image, outcome, err
	}
	if m.fault == "rename replaces without the trash" {
		o.TrashTTL = 0
	}
	if m.fault == "rename takes the variants" {
		m.dropVariants(e.SHA256)
	}
	img = m.move(e, name, outcome, o.TrashTTL)
	if m.fault != "rename leaves the old name" {
		m.unbind(e)
	}
	return img, outcome, nil
}

// move gives e the name, unless an image with the same bytes already has this name. It returns
// the image that has the name after that.
func (m *memory) move(e stored, name string, outcome db.Outcome, ttl time.Duration) db.Image {
	held := m.images[name]
	switch outcome {
	case db.Unchanged:
		return m.unchanged(held, e)
	case db.Replaced:
		m.remove(held, ttl)
	}
	e.Name, e.Deleted, e.TrashExpires = name, time.Time{}, time.Time{}
	switch m.fault {
	case "a moved image has a new upload time":
		e.Uploaded = m.now()
	case "moved never expires":
		e.Expires = time.Time{}
	case "moved has no delete key":
		e.DeleteKeyHash = db.Digest{}
	case "moved has no placeholder":
		e.Placeholder = ""
	}
	m.bind(e)
	return e.Image
}

func (m *memory) Restore(_ context.Context, name string, o db.RestoreOptions) (img db.Image, outcome db.Outcome, err error) {
	if name, err = m.checkName(name); err != nil {
		return img, 0, err
	}
	m.lock()
	defer m.mu.Unlock()
	if m.closed {
		return img, 0, db.ErrClosed
	}
	i := m.chosen(name, o.Deleted)
	if o.Allow != nil && m.fault != "restore without asking" {
		var current *db.Image
		asked := i
		if m.fault == "restore asks about the newest" {
			asked = m.newest(name)
		}
		if asked >= 0 {
			current = &m.trash[asked].Image
		}
		if err := o.Allow(current); err != nil {
			return img, 0, err
		}
	}
	if i < 0 {
		return img, 0, fmt.Errorf("%w: %q", db.ErrNotFound, name)
	}
	e, conflict := m.trash[i], db.Rename
	if m.fault == "restore replaces" {
		conflict = db.Replace
	}
	name, outcome, err = m.resolve(name, e.SHA256, conflict)
	if err != nil {
		return img, 0, err
	}
	img = m.move(e, name, outcome, 0)
	if m.fault != "restored stays in the trash" {
		m.trash = slices.Delete(m.trash, i, i+1)
		m.letGo(e)
	}
	return img, outcome, nil
}

// chosen returns the index in the trash of the image that Restore chooses, or -1.
func (m *memory) chosen(name string, deleted time.Time) int {
	at := m.trashedAt(name, deleted)
	switch {
	case deleted.IsZero(), m.fault == "restores only the newest", m.fault == "restores another version" && at < 0:
		return m.newest(name)
	case m.fault == "restores by the content" && at >= 0:
		return slices.IndexFunc(m.trash, func(e stored) bool { return e.Name == name && e.SHA256 == m.trash[at].SHA256 })
	case m.fault == "versions by the microsecond":
		return slices.IndexFunc(m.trash, func(e stored) bool {
			return e.Name == name && e.Deleted.UnixMicro() == deleted.UnixMicro()
		})
	}
	return at
}

// newest returns the index in the trash of the image with this name that was deleted
// last, or -1.
func (m *memory) newest(name string) (at int) {
	at = -1
	for i, e := range m.trash {
		if e.Name == name && (at < 0 || m.fault != "restores the oldest") {
			at = i
		}
	}
	return at
}

func (m *memory) EmptyTrash(context.Context) (int, error) {
	m.lock()
	defer m.mu.Unlock()
	if m.closed {
		return 0, db.ErrClosed
	}
	first := true
	return m.purge(func(stored) bool {
		all := first || m.fault != "empties the trash of one image"
		first = false
		return all
	}), nil
}

func (m *memory) GetTrashed(_ context.Context, name string, deleted time.Time) (db.Image, db.Body, error) {
	m.lock()
	defer m.mu.Unlock()
	if m.fault == "finds any in the trash" && len(m.trash) > 0 {
		e := m.trash[0]
		return e.Image, &body{r: bytes.NewReader(e.data), store: m, name: e.Name}, nil
	}
	if i := m.trashedAt(name, deleted); i >= 0 {
		return m.trash[i].Image, &body{r: bytes.NewReader(m.trash[i].data), store: m, name: name}, nil
	}
	return db.Image{}, nil, db.ErrNotFound
}

func (m *memory) trashedAt(name string, deleted time.Time) int {
	return slices.IndexFunc(m.trash, func(e stored) bool { return e.Name == name && e.Deleted.Equal(deleted) })
}

func (m *memory) PutTrashed(ctx context.Context, img db.Image, r io.Reader) (db.Outcome, error) {
	data, err := m.read(ctx, img.Name, r)
	if err != nil {
		return 0, err
	}
	img.Size, img.SHA256 = int64(len(data)), sha256.Sum256(data)
	m.lock()
	defer m.mu.Unlock()
	var current *db.Image
	if i := m.trashedAt(img.Name, img.Deleted); i >= 0 && m.fault != "copies the trash twice" {
		current = &m.trash[i].Image
	}
	outcome, err := resolve.PutTrashed(current, img.Name, img.SHA256)
	if err != nil || outcome == db.Unchanged {
		return outcome, err
	}
	img.Placeholder = m.shared(img.SHA256, img.Placeholder)
	e := stored{img, data}
	m.keep(e)
	m.trash = append(m.trash, e)
	slices.SortStableFunc(m.trash, func(a, b stored) int { return a.Deleted.Compare(b.Deleted) })
	return outcome, nil
}
