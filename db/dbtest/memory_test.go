package dbtest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/unicode/norm"

	"imageserver/db"
	"imageserver/db/resolve"
)

// memory is the smallest engine that passes the suite: a map with a lock. Its fault, if
// it has one, is a mistake that an engine may have and that the suite must find.
type memory struct {
	fault string
	clock time.Duration // the step of its clock

	mu       sync.Mutex
	images   map[string]stored
	names    map[db.Digest]int // how many images that are not in the trash have the bytes
	kept     map[db.Digest]int // how many images, with those in the trash, have the bytes
	usage    db.Usage
	variants []variant // in the order made
	trash    []stored  // in the order deleted
	closed   bool

	backedUp *memory // the first backup, for one of the faults
}

type stored struct {
	db.Image
	data []byte
}

func newMemory(fault string, clock time.Duration) *memory {
	return &memory{fault: fault, clock: clock, images: map[string]stored{}, names: map[db.Digest]int{}, kept: map[db.Digest]int{}}
}

// reopen returns a store with the contents of m, which is closed.
func (m *memory) reopen() *memory {
	again := &memory{
		fault: m.fault, clock: m.clock,
		images: m.images, names: m.names, kept: m.kept, usage: m.usage, variants: m.variants, trash: m.trash,
	}
	switch m.fault {
	case "forgets how many images have the bytes":
		again.kept = map[db.Digest]int{}
	case "forgets the times":
		for name, e := range m.images {
			e.Uploaded = time.Now().UTC()
			m.images[name] = e
		}
	case "forgets variants":
		again.variants = nil
	case "forgets the order of variants":
		slices.Reverse(again.variants)
	case "forgets the expiry":
		for name, e := range m.images {
			e.Expires = time.Time{}
			m.images[name] = e
		}
	case "forgets delete keys":
		for name, e := range m.images {
			e.DeleteKeyHash = db.Digest{}
			m.images[name] = e
		}
	case "forgets placeholders":
		again.eachWith(nil, func(img *db.Image) { img.Placeholder = "" })
	case "forgets the trash":
		again.trash = nil
	}
	return again
}

func (m *memory) Put(ctx context.Context, name string, body io.Reader, o db.PutOptions) (img db.Image, outcome db.Outcome, err error) {
	if name, err = m.checkName(name); err != nil {
		return img, 0, err
	}
	if m.fault == "allow before the transaction" && o.Allow != nil {
		if err := m.allow(name, o.Allow); err != nil {
			return img, 0, err
		}
		o.Allow = nil
		time.Sleep(time.Millisecond) // others get in between
	}
	data, err := m.read(ctx, name, body)
	if err != nil {
		return img, 0, err
	}
	img = db.Image{Name: name, Size: int64(len(data)), SHA256: sha256.Sum256(data), Expires: o.Expires}
	if o.Inspect != nil && m.fault != "no inspect" {
		seen := data
		if m.fault == "inspect sees a part" {
			seen = data[:min(len(data), 1<<20)]
		}
		if err := o.Inspect(bytes.NewReader(seen), &img); err != nil {
			return img, 0, err
		}
	}
	img.Expires, img.DeleteKeyHash = img.Expires.Round(0).UTC(), o.DeleteKeyHash
	switch m.fault {
	case "expiry by the second":
		img.Expires = img.Expires.Truncate(time.Second)
	case "inspect cannot set the expiry":
		img.Expires = o.Expires.Round(0).UTC()
	}
	m.lock()
	defer m.mu.Unlock()
	return m.commit(stored{img, data}, o)
}

// commit is the transaction of Put.
func (m *memory) commit(e stored, o db.PutOptions) (db.Image, db.Outcome, error) {
	if m.closed {
		return db.Image{}, 0, db.ErrClosed
	}
	if o.Allow != nil {
		if err := o.Allow(m.current(e.Name)); err != nil {
			return db.Image{}, 0, err
		}
	}
	name, outcome, err := m.resolve(e.Name, e.SHA256, o.Conflict)
	if err != nil {
		return db.Image{}, 0, err
	}
	held := m.images[name]
	switch outcome {
	case db.Unchanged:
		e.Uploaded = m.uploaded(o.Uploaded)
		return m.unchanged(held, e), outcome, nil
	case db.Replaced:
		if m.fault == "replace deletes for good" {
			o.TrashTTL = 0
		}
		m.remove(held, o.TrashTTL)
	}
	e.Name, e.Uploaded = name, m.uploaded(o.Uploaded)
	e.Placeholder = m.shared(e.SHA256, e.Placeholder)
	if outcome == db.Replaced && m.fault == "a replacement keeps the old upload time" {
		e.Uploaded = held.Uploaded
	}
	m.bind(e)
	return e.Image, outcome, nil
}

// resolve resolves the name of an image with the digest sum.
func (m *memory) resolve(name string, sum db.Digest, conflict db.Conflict) (string, db.Outcome, error) {
	if held, taken := m.images[name]; taken && held.SHA256 == sum && conflict == db.Fail && m.fault == "unchanged is a conflict" {
		return "", 0, fmt.Errorf("%w: %q", db.ErrExists, name)
	}
	r, err := resolve.Put(lookup{m}, name, sum, conflict, nil)
	return r.Name, r.Outcome, err
}

// lookup is the resolve.Names of a memory that is locked.
type lookup struct{ *memory }

func (l lookup) Find(name string) (*db.Image, error) { return l.current(name), nil }

// WithContent yields names in their order. Otherwise a fault would show only in some
// runs.
func (l lookup) WithContent(sum db.Digest, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(l.images)) {
			if l.images[name].SHA256 != sum || !strings.HasPrefix(name, prefix) || l.fault == "a repeated upload is stored twice" {
				continue
			}
			if !yield(name, nil) {
				return
			}
		}
	}
}

// unchanged returns the result of a Put, or of a Rename, of bytes that already have the
// name.
func (m *memory) unchanged(held, e stored) db.Image {
	switch m.fault {
	case "unchanged is new":
		m.unbind(held)
		held.Uploaded = m.now()
		m.bind(held)
	case "unchanged sets the upload time":
		held.Uploaded = e.Uploaded
	case "unchanged takes the delete key":
		held.DeleteKeyHash = e.DeleteKeyHash
	}
	switch m.fault {
	case "unchanged keeps its expiry":
	case "unchanged takes the new expiry":
		held.Expires = e.Expires
	case "never is the earliest expiry":
		if held.Expires.Before(e.Expires) {
			held.Expires = e.Expires
		}
	default:
		held.Expires = db.LaterExpiry(held.Expires, e.Expires)
	}
	m.images[held.Name] = held
	if m.fault == "returns the expiry it was given" {
		held.Expires = e.Expires
	}
	return held.Image
}

// now returns the time as the engine keeps it.
func (m *memory) now() time.Time { return time.Now().UTC().Truncate(m.clock) }

// uploaded returns the upload time for what the caller gave.
func (m *memory) uploaded(said time.Time) time.Time {
	switch {
	case m.fault == "uploaded is always now", said.IsZero(), said.After(time.Now()) && m.fault != "uploaded at any time":
		return m.now()
	case m.fault == "uploaded by the second":
		return said.Truncate(time.Second).UTC()
	}
	return said.Round(0).UTC()
}

// bind adds e under its name, which is free.
func (m *memory) bind(e stored) {
	m.images[e.Name] = e
	m.usage.Images++
	m.usage.Bytes += e.Size
	m.names[e.SHA256]++
	m.keep(e)
}

// unbind removes e from its name.
func (m *memory) unbind(e stored) {
	delete(m.images, e.Name)
	m.usage.Images--
	m.usage.Bytes -= e.Size
	m.names[e.SHA256]--
	m.letGo(e)
	last := m.names[e.SHA256] == 0
	if m.fault == "variants stay while the source is in the trash" {
		last = m.kept[e.SHA256] == 0
	}
	if last && m.fault != "variants outlive their source" || m.fault == "variants are deleted with one of the names" {
		m.dropVariants(e.SHA256)
	}
}

// keep counts one more that has the bytes of e.
func (m *memory) keep(e stored) {
	if m.kept[e.SHA256]++; m.kept[e.SHA256] == 1 {
		m.usage.Blobs++
		m.usage.Stored += e.Size
	}
}

// letGo counts one image less that has the bytes of e.
func (m *memory) letGo(e stored) {
	if m.kept[e.SHA256]--; m.kept[e.SHA256] == 0 || m.fault == "bytes are deleted with one of their names" {
		m.usage.Blobs--
		m.usage.Stored -= e.Size
	}
}

// read is what an upload does before its transaction.
func (m *memory) read(ctx context.Context, name string, body io.Reader) (data []byte, err error) {
	if m.fault == "visible while sent" {
		m.mu.Lock()
		m.bind(stored{Image: db.Image{Name: name, Uploaded: m.now()}})
		m.mu.Unlock()
	}
	if known, ok := body.(interface{ Len() int }); ok {
		data = make([]byte, 0, known.Len())
	}
	p := make([]byte, 32<<10)
	for {
		n, err := body.Read(p)
		data = append(data, p[:n]...)
		switch {
		case ctx.Err() != nil && m.fault != "never cancelled":
			return nil, ctx.Err()
		case err == io.EOF, err == io.ErrUnexpectedEOF && m.fault == "stores a body that is cut off":
			return data, nil
		case err != nil && m.fault == "hides the reader's error":
			return nil, fmt.Errorf("read image: %v", err)
		case err != nil:
			return data, fmt.Errorf("read image: %w", err)
		}
	}
}

func (m *memory) checkName(name string) (string, error) {
	checked, err := db.CheckName(name)
	switch {
	case m.fault == "any name":
		return norm.NFC.String(name), nil
	case err == nil && m.fault == "no normal form":
		return name, nil
	case err == nil && m.fault == "names ignore case":
		return strings.ToLower(checked), nil
	}
	return checked, err
}

func (m *memory) current(name string) *db.Image {
	if e, ok := m.images[name]; ok {
		return &e.Image
	}
	return nil
}

func (m *memory) allow(name string, allow db.Precondition) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return allow(m.current(name))
}

func (m *memory) find(name string) (stored, error) {
	name, err := m.checkName(name)
	if err != nil {
		return stored{}, err
	}
	m.lock()
	defer m.mu.Unlock()
	e, ok := m.images[name]
	switch {
	case m.closed:
		return e, db.ErrClosed
	case !ok:
		return e, fmt.Errorf("%w: %q", db.ErrNotFound, name)
	}
	return e, nil
}

func (m *memory) Stat(_ context.Context, name string) (db.Image, error) {
	e, err := m.find(name)
	return e.Image, err
}

func (m *memory) Get(_ context.Context, name string) (db.Image, db.Body, error) {
	e, err := m.find(name)
	if err != nil {
		return e.Image, nil, err
	}
	return e.Image, &body{r: bytes.NewReader(e.data), store: m, name: e.Name}, nil
}

func (m *memory) Delete(_ context.Context, name string, o db.DeleteOptions) error {
	name, err := m.checkName(name)
	if err != nil {
		return err
	}
	if m.fault == "delete asks before the transaction" && o.Allow != nil {
		if err := m.allow(name, o.Allow); err != nil {
			return err
		}
		o.Allow = nil
		time.Sleep(time.Millisecond)
	}
	m.lock()
	defer m.mu.Unlock()
	if m.closed {
		return db.ErrClosed
	}
	e, ok := m.images[name]
	if ok && o.Allow != nil && m.fault != "delete without asking" {
		if err := o.Allow(&e.Image); err != nil {
			return err
		}
	}
	if !ok && m.fault != "delete of none is nil" {
		return fmt.Errorf("%w: %q", db.ErrNotFound, name)
	}
	if ok {
		m.remove(e, o.TrashTTL)
	}
	return nil
}

func (m *memory) Usage(context.Context) (db.Usage, error) {
	m.lock()
	defer m.mu.Unlock()
	if m.closed {
		return db.Usage{}, db.ErrClosed
	}
	return m.countVariants(), nil
}

func (m *memory) Ready(ctx context.Context) error {
	_, err := m.Usage(ctx)
	return err
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != "close does nothing" {
		m.closed = true
	}
	return nil
}
