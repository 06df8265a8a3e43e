package chunk_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"imageserver/db"
	"imageserver/db/chunk"
)

var _ db.Body = (*chunk.Body)(nil)

// sealed returns a sealed chunk with a key and bytes.
func sealed(key byte, data []byte) *chunk.Chunk {
	c := chunk.New(chunk.ChecksumSize + 64)
	c.Key[0] = key
	c.Append(data)
	c.Seal()
	return c
}

func TestVerify(t *testing.T) {
	stored := sealed(1, []byte("cat")).Sealed()
	read := func(key byte, v []byte) *chunk.Chunk {
		c := chunk.New(chunk.ChecksumSize + 64)
		c.Key[0] = key
		c.Load(v)
		return c
	}
	if c := read(1, stored); !c.Verify() || string(c.Data()) != "cat" || c.Len() != 3 {
		t.Errorf("read %q, verified %t, want cat", c.Data(), c.Verify())
	}
	if read(2, stored).Verify() {
		t.Error("a chunk was verified with the key of another")
	}
	for i := range stored {
		damaged := bytes.Clone(stored)
		damaged[i] ^= 1
		if read(1, damaged).Verify() {
			t.Errorf("a chunk was verified although byte %d is damaged", i)
		}
	}
}

func TestFill(t *testing.T) {
	c := chunk.New(chunk.ChecksumSize + 4)
	r := iotest.OneByteReader(bytes.NewReader([]byte("abcdef")))
	if err := c.Fill(r); err != nil || string(c.Data()) != "abcd" {
		t.Errorf("got %q and %v, want a full chunk", c.Data(), err)
	}
	c.Reset()
	if err := c.Fill(r); err != io.EOF || string(c.Data()) != "ef" {
		t.Errorf("got %q and %v, want the rest and EOF", c.Data(), err)
	}
	if err := c.Fill(readerFunc(func([]byte) (int, error) { return 0, nil })); err != io.ErrNoProgress {
		t.Errorf("a reader that returns nothing: got %v, want ErrNoProgress", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// source is a chunk.Source in memory.
type source struct {
	data      []byte
	chunkSize int
	err       error
	lent      int // chunks that the body has
	reads     int
	done      int
	parts     chunk.Parts
}

func (s *source) ReadChunk(number, size int) (*chunk.Chunk, error) {
	s.reads++
	s.lent++
	c := chunk.New(chunk.ChecksumSize + s.chunkSize)
	c.Append(s.data[number*s.chunkSize:][:size])
	return c, nil
}

func (s *source) ReadPart(number, size, from, end int) (*chunk.Chunk, error) {
	s.reads++
	s.lent++
	stored := chunk.New(chunk.ChecksumSize + s.chunkSize)
	stored.Append(s.data[number*s.chunkSize:][:size])
	stored.Key[0] = byte(number)
	stored.Seal()
	c := chunk.New(chunk.ChecksumSize + end - from)
	c.Key = stored.Key
	if !s.parts.Load(c, stored.Sealed(), size, from, end) {
		return nil, errors.New("damaged")
	}
	return c, nil
}

func (s *source) PutChunk(*chunk.Chunk) { s.lent-- }
func (s *source) Err() error            { return s.err }
func (s *source) Done()                 { s.done++ }

func TestBody(t *testing.T) {
	data := []byte("a content in chunks of seven bytes")
	for size := range len(data) {
		s := &source{data: data[:size], chunkSize: 7}
		b := chunk.NewBody(s, int64(size), 7)
		if err := iotest.TestReader(&b, data[:size]); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		if s.lent > 1 {
			t.Errorf("the body has %d chunks in memory, want one", s.lent)
		}
		b.Close()
		b.Close()
		if s.lent != 0 || s.done != 1 {
			t.Errorf("after Close the body has %d chunks, and told the source %d times, want 0 and 1", s.lent, s.done)
		}
		if n, err := b.ReadAt(make([]byte, 1), 0); n != 0 || err == nil {
			t.Errorf("read after Close: got %d and %v, want an error", n, err)
		}
	}
}

// TestBodyCaches: small reads in one chunk read it once, and a Body that is not used
// reads nothing.
func TestBodyCaches(t *testing.T) {
	s := &source{data: make([]byte, 100), chunkSize: 50}
	b := chunk.NewBody(s, 100, 50)
	if _, err := b.Seek(10, io.SeekStart); err != nil || s.reads != 0 {
		t.Errorf("Seek: %v after %d reads, want none", err, s.reads)
	}
	for range 40 {
		if _, err := b.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if s.reads != 1 {
		t.Errorf("%d reads of one chunk, want 1", s.reads)
	}
	s.err = errors.New("store is closed")
	if _, err := b.ReadAt(make([]byte, 1), 20); err != s.err {
		t.Errorf("a chunk in memory of a store that is closed: got %v, want its error", err)
	}
	if n, err := b.WriteTo(io.Discard); n != 0 || err != s.err {
		t.Errorf("WriteTo: got %d and %v, want the error of the source", n, err)
	}
}

// TestParts: a receiver with little room gets parts of a chunk, which end with a part or
// with the chunk, from any offset.
func TestParts(t *testing.T) {
	data := make([]byte, 3*chunk.PartSize+100)
	for i := range data {
		data[i] = byte(i ^ i>>8 ^ i>>16)
	}
	for _, chunkSize := range []int{chunk.PartSize - 1, 2*chunk.PartSize + 7, len(data), 2 * len(data)} {
		for _, from := range []int{0, 1, chunk.PartSize, chunk.PartSize + 1, len(data) - 1, len(data)} {
			s := &source{data: data, chunkSize: chunkSize}
			b := chunk.NewBody(s, int64(len(data)), chunkSize)
			b.Seek(int64(from), io.SeekStart)
			r := &receiver{body: s, room: 1}
			n, err := b.WriteTo(r)
			if n != int64(len(data)-from) || err != nil || !bytes.Equal(r.got.Bytes(), data[from:]) {
				t.Errorf("chunks of %d bytes from %d: got %d other bytes and %v", chunkSize, from, n, err)
			}
			if r.largest > chunk.PartSize || r.lent {
				t.Errorf("chunks of %d bytes from %d: a write of %d bytes, a buffer while the receiver waits: %t", chunkSize, from, r.largest, r.lent)
			}
		}
	}
}

// receiver is a db.Receiver.
type receiver struct {
	body    *source
	room    int
	got     bytes.Buffer
	largest int  // of the writes
	lent    bool // whether the body had a buffer when it asked for room
}

func (r *receiver) Room(int) (int, error) {
	r.lent = r.lent || r.body.lent > 0
	return r.room, nil
}

func (r *receiver) Write(p []byte) (int, error) {
	r.largest = max(r.largest, len(p))
	return r.got.Write(p)
}

// TestPartsVerify damages each byte of a chunk after its first part was read.
func TestPartsVerify(t *testing.T) {
	const size = 2*chunk.PartSize + 10
	stored := chunk.New(chunk.ChecksumSize + size)
	stored.Append(make([]byte, size))
	stored.Seal()
	c := chunk.New(chunk.ChecksumSize + size)
	for _, at := range []int{chunk.PartSize, chunk.PartSize + 5, 2*chunk.PartSize - 1} {
		var p chunk.Parts
		if !p.Load(c, stored.Sealed(), size, 0, chunk.PartSize) || c.Len() != chunk.PartSize {
			t.Fatalf("the first part was not loaded, or has %d bytes", c.Len())
		}
		damaged := bytes.Clone(stored.Sealed())
		damaged[chunk.ChecksumSize+at] ^= 1
		if p.Load(c, damaged, size, chunk.PartSize+3, 2*chunk.PartSize) {
			t.Errorf("a part was verified although byte %d is damaged", at)
		}
		if !p.Load(c, damaged, size, 2*chunk.PartSize, size) || c.Len() != 10 {
			t.Error("a part that is not damaged was not verified")
		}
		c.Key[0]++ // another chunk
		if p.Load(c, stored.Sealed(), size, 0, chunk.PartSize) {
			t.Error("a part was verified with the key of another chunk")
		}
		c.Key[0]--
	}
}
