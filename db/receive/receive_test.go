package receive_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"time"

	"imageserver/db"
	"imageserver/db/chunk"
	"imageserver/db/receive"
)

const (
	chunkSize = 100_000
	full      = chunk.ChecksumSize + chunkSize
	ample     = 64 << 20 // bytes of memory
)

// staging is a receive.Staging in memory.
type staging struct {
	chunks [][]byte // sealed
	err    error
	lent   int
}

func (s *staging) Key(number int) (k [chunk.KeySize]byte) {
	k[0] = byte(number + 1)
	return k
}

func (s *staging) Stage(first int, chunks []*chunk.Chunk) error {
	if first != len(s.chunks) {
		return errors.New("the chunks do not follow those before")
	}
	for _, c := range chunks {
		s.chunks = append(s.chunks, bytes.Clone(c.Sealed()))
	}
	return s.err
}

func (s *staging) ReadChunk(number, size int) (*chunk.Chunk, error) {
	s.lent++
	c := chunk.New(full)
	c.Key = s.Key(number)
	if c.Load(s.chunks[number]); c.Len() != size || !c.Verify() {
		return nil, db.ErrDamaged
	}
	return c, nil
}

func (s *staging) PutChunk(*chunk.Chunk) { s.lent-- }

// content returns n bytes without a pattern.
func content(n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(data)
	return data
}

// TestReceive: whatever the size and the memory, the chunks have the bytes, with their
// digest and their checksums, and no memory is lost.
func TestReceive(t *testing.T) {
	for _, memory := range []int64{1, ample} {
		m := receive.NewMemory(memory, time.Millisecond, chunkSize)
		free := m.Free()
		for _, size := range []int{0, 1, 8 << 10, 32<<10 + 1, chunkSize - 1, chunkSize, chunkSize + 1, receive.SegmentChunks * chunkSize, receive.SegmentChunks*chunkSize + 1, 3_000_000} {
			data, s := content(size), new(staging)
			var u receive.Upload
			if err := u.Receive(t.Context(), m, s, iotest.HalfReader(bytes.NewReader(data)), receive.Options{}); err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			wantReceived(t, &u, s, data)
			u.Release()
			if m.Free() != free || s.lent != 0 {
				t.Errorf("%d bytes: %d bytes of memory are free and %d chunks lent, want %d and 0", size, m.Free(), s.lent, free)
			}
		}
	}
}

// wantReceived fails unless the upload has these bytes.
func wantReceived(t *testing.T, u *receive.Upload, s *staging, data []byte) {
	t.Helper()
	if u.Size() != int64(len(data)) || u.Digest() != sha256.Sum256(data) || u.Staged() != len(s.chunks) {
		t.Errorf("%d bytes: got size %d, digest %s and %d staged chunks of %d", len(data), u.Size(), u.Digest(), u.Staged(), len(s.chunks))
	}
	var all []byte
	for _, v := range s.chunks {
		all = append(all, v[chunk.ChecksumSize:]...)
	}
	buffered := 0
	for i, c := range u.Buffered() {
		all = append(all, c.Data()...)
		buffered += c.Len()
		if c.Key != s.Key(u.Staged()+i) || !c.Verify() {
			t.Errorf("%d bytes: chunk %d has a wrong key or checksum", len(data), u.Staged()+i)
		}
	}
	if !bytes.Equal(all, data) || int64(buffered) != u.BufferedBytes() {
		t.Errorf("%d bytes: the chunks have other bytes, or BufferedBytes is wrong", len(data))
	}
	got, err := io.ReadAll(io.NewSectionReader(u, 0, u.Size()))
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes: ReadAt returned %d other bytes and %v", len(data), len(got), err)
	}
}

// TestReceiveFails: every failure is returned, and all memory comes back.
func TestReceiveFails(t *testing.T) {
	broken := errors.New("broken")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		what  string
		ctx   context.Context
		body  io.Reader
		stage error
		want  error
	}{
		{"the body", t.Context(), iotest.ErrReader(broken), nil, broken},
		{"the body in the second segment", t.Context(), io.MultiReader(bytes.NewReader(content(1_000_000)), iotest.ErrReader(broken)), nil, broken},
		{"staging", t.Context(), bytes.NewReader(content(1_000_000)), broken, broken},
		{"the context", cancelled, bytes.NewReader(content(1_000_000)), nil, context.Canceled},
		{"a reader without progress", t.Context(), idle{}, nil, io.ErrNoProgress},
	} {
		m := receive.NewMemory(ample, time.Millisecond, chunkSize)
		free := m.Free()
		var u receive.Upload
		if err := u.Receive(c.ctx, m, &staging{err: c.stage}, c.body, receive.Options{}); !errors.Is(err, c.want) {
			t.Errorf("%s fails: got %v, want %v", c.what, err, c.want)
		}
		u.Release()
		if m.Free() != free {
			t.Errorf("%s fails: %d bytes of memory are free, want %d", c.what, m.Free(), free)
		}
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// TestNoWait: an upload that must not wait gets ErrBusy while others use all memory, and
// an upload that may wait gets it after the wait.
func TestNoWait(t *testing.T) {
	m := receive.NewMemory(1, time.Millisecond, chunkSize)
	r, w := io.Pipe()
	slow, done := new(receive.Upload), make(chan error)
	go func() { done <- slow.Receive(t.Context(), m, new(staging), r, receive.Options{}) }()
	w.Write(make([]byte, 10_000)) // it has both of the first buffers
	for _, noWait := range []bool{true, false} {
		var u receive.Upload
		if err := u.Receive(t.Context(), m, new(staging), bytes.NewReader(nil), receive.Options{NoWait: noWait}); !errors.Is(err, db.ErrBusy) {
			t.Errorf("NoWait %t: got %v, want ErrBusy", noWait, err)
		}
		u.Release()
	}
	w.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	slow.Release()
	var u receive.Upload
	if err := u.Receive(t.Context(), m, new(staging), bytes.NewReader(nil), receive.Options{NoWait: true}); err != nil {
		t.Errorf("after the memory came back: %v", err)
	}
	u.Release()
}
