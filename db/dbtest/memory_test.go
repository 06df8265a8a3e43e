package dbtest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/unicode/norm"

	"imageserver/db"
)

// memory is the least that passes the suite: a map under a lock. Its fault,
// when it has one, is a mistake an engine may make, which the suite must see.
type memory struct {
	fault string
	clock time.Duration // the step of its clock

	mu     sync.Mutex
	images map[string]stored
	names  map[db.Digest]int // how many names hold the bytes
	usage  db.Usage
	copies []copied // in the order made
	closed bool
}

type stored struct {
	db.Image
	data []byte
}

func newMemory(fault string, clock time.Duration) *memory {
	return &memory{fault: fault, clock: clock, images: map[string]stored{}, names: map[db.Digest]int{}}
}

// reopen returns a store that holds what m, which is closed, has held.
func (m *memory) reopen() *memory {
	again := &memory{fault: m.fault, clock: m.clock, images: m.images, names: m.names, usage: m.usage, copies: m.copies}
	switch m.fault {
	case "forgets how many names":
		again.names = map[db.Digest]int{}
	case "forgets the times":
		for name, e := range m.images {
			e.Uploaded = time.Now().UTC()
			m.images[name] = e
		}
	case "forgets copies":
		again.copies = nil
	case "forgets the order of copies":
		slices.Reverse(again.copies)
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
	img = db.Image{Name: name, Size: int64(len(data)), SHA256: sha256.Sum256(data)}
	if o.Inspect != nil && m.fault != "no inspect" {
		seen := data
		if m.fault == "inspect sees a part" {
			seen = data[:min(len(data), 1<<20)]
		}
		if err := o.Inspect(bytes.NewReader(seen), &img); err != nil {
			return img, 0, err
		}
	}
	m.mu.Lock()
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
	held, taken := m.images[e.Name]
	switch {
	case !taken:
		return m.bind(e), db.Created, nil
	case held.SHA256 == e.SHA256:
		return m.unchanged(held, o)
	case o.Conflict == db.Fail:
		return db.Image{}, 0, fmt.Errorf("%w: %q", db.ErrExists, e.Name)
	case o.Conflict == db.Replace:
		m.unbind(held)
		img := m.bind(e)
		if m.fault == "replaced keeps its place" {
			img.Uploaded = held.Uploaded
			m.images[e.Name] = stored{img, e.data}
		}
		return img, db.Replaced, nil
	}
	for name, other := range m.images {
		if db.IsNumbered(e.Name, name) && other.SHA256 == e.SHA256 && m.fault != "retry makes a copy" {
			return other.Image, db.Unchanged, nil
		}
	}
	asked := e.Name
	for n := 2; taken; n++ {
		e.Name = db.Numbered(asked, n)
		_, taken = m.images[e.Name]
	}
	return m.bind(e), db.Created, nil
}

// unchanged answers the Put of bytes that stand under their name already.
func (m *memory) unchanged(held stored, o db.PutOptions) (db.Image, db.Outcome, error) {
	switch {
	case m.fault == "unchanged is a conflict" && o.Conflict == db.Fail:
		return db.Image{}, 0, fmt.Errorf("%w: %q", db.ErrExists, held.Name)
	case m.fault == "unchanged is new":
		m.unbind(held)
		return m.bind(held), db.Unchanged, nil
	}
	return held.Image, db.Unchanged, nil
}

func (m *memory) bind(e stored) db.Image {
	e.Uploaded = time.Now().UTC().Truncate(m.clock)
	m.images[e.Name] = e
	m.usage.Images++
	m.usage.Bytes += e.Size
	if m.names[e.SHA256]++; m.names[e.SHA256] == 1 {
		m.usage.Blobs++
		m.usage.Stored += e.Size
	}
	return e.Image
}

func (m *memory) unbind(e stored) {
	delete(m.images, e.Name)
	m.usage.Images--
	m.usage.Bytes -= e.Size
	if m.names[e.SHA256]--; m.names[e.SHA256] == 0 || m.fault == "bytes go with a name" {
		m.usage.Blobs--
		m.usage.Stored -= e.Size
	}
	if last := m.names[e.SHA256] == 0; last && m.fault != "copies outlive their source" || m.fault == "copies go with a name" {
		m.dropCopies(e.SHA256)
	}
}

// read is what an upload does before its transaction.
func (m *memory) read(ctx context.Context, name string, body io.Reader) (data []byte, err error) {
	if m.fault == "visible while sent" {
		m.mu.Lock()
		m.bind(stored{Image: db.Image{Name: name}})
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
		case err == io.EOF, err == io.ErrUnexpectedEOF && m.fault == "takes a cut for the end":
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
	case err == nil && m.fault == "one case":
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
	m.mu.Lock()
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

func (m *memory) Delete(_ context.Context, name string, allow db.Precondition) error {
	name, err := m.checkName(name)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return db.ErrClosed
	}
	e, ok := m.images[name]
	if ok && allow != nil && m.fault != "delete without asking" {
		if err := allow(&e.Image); err != nil {
			return err
		}
	}
	if !ok && m.fault != "delete of none is nil" {
		return fmt.Errorf("%w: %q", db.ErrNotFound, name)
	}
	if ok {
		m.unbind(e)
	}
	return nil
}

func (m *memory) Usage(context.Context) (db.Usage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return db.Usage{}, db.ErrClosed
	}
	return m.countCopies(), nil
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
